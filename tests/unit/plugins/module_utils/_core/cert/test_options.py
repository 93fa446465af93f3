"""The options of one certificate that its site's manifest does not have."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.options import (
    CertificateOptions,
    needed_names,
    options_record,
    parse_options,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError

OPTIONS = CertificateOptions(("api.shop.test", "*.shop.test"), "rfc2136")


def test_options_are_read_as_they_were_written() -> None:
    assert parse_options(options_record("shop.test", OPTIONS)) == OPTIONS
    assert parse_options(None) == CertificateOptions()
    assert options_record("shop.test", CertificateOptions()) == {"schema": 1, "domain": "shop.test"}


@pytest.mark.parametrize(
    "data",
    [
        [],
        {"schema": 2},
        {"sans": []},
        {"san": "a.test"},
        {"san": ["*"]},
        {"san": ["*.*.test"]},
        {"san": ["a.test;"]},
        {"san": [f"a{number}.test" for number in range(101)]},
        {"dns": "a b"},
        {"dns": "--x"},
        {"dns": 1},
    ],
    ids=str,
)
def test_what_are_no_options_is_refused(data: object) -> None:
    with pytest.raises(RefusedError):
        parse_options(data, where="certs/shop.test/")


@pytest.mark.parametrize(
    ("names", "san", "needed"),
    [
        ((), (), ("shop.test",)),
        (("www.shop.test",), (), ("shop.test", "www.shop.test")),
        (("www.shop.test",), ("api.shop.test",), ("shop.test", "www.shop.test", "api.shop.test")),
        # A CA refuses a name beside the wildcard that covers it.
        (("www.shop.test",), ("*.shop.test",), ("shop.test", "*.shop.test")),
        (("a.b.shop.test",), ("*.shop.test",), ("shop.test", "a.b.shop.test", "*.shop.test")),
        (("www.shop.test",), ("www.shop.test", "shop.test"), ("shop.test", "www.shop.test")),
    ],
)
def test_needed_names(names: tuple[str, ...], san: tuple[str, ...], needed: tuple[str, ...]) -> None:
    assert needed_names("shop.test", names, CertificateOptions(san)) == needed
