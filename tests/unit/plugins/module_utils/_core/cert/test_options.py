"""What is noted about one certificate beyond its site's manifest."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.options import (
    CertNote,
    certificate_name,
    dns_plugin,
    needed_names,
    note_record,
    parse_note,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError

NOTE = CertNote(("api.shop.test", "*.shop.test"), "rfc2136")


def test_a_note_is_read_as_it_was_written() -> None:
    assert parse_note(note_record("shop.test", NOTE)) == NOTE
    assert parse_note(None) == CertNote()
    assert note_record("shop.test", CertNote()) == {"schema": 1, "domain": "shop.test"}


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
def test_what_is_no_note_is_refused(data: object) -> None:
    with pytest.raises(RefusedError):
        parse_note(data, where="certs/shop.test/")


@pytest.mark.parametrize(
    ("value", "name"), [("Shop.test", "shop.test"), ("*.Shop.test", "*.shop.test"), (" *.a.test ", "*.a.test")]
)
def test_certificate_name(value: str, name: str) -> None:
    assert certificate_name(value, field="san/0") == name


def test_a_plugin_may_be_said_in_full() -> None:
    assert dns_plugin("dns-cloudflare", field="dns") == dns_plugin("cloudflare", field="dns") == "cloudflare"


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
    assert needed_names("shop.test", names, CertNote(san)) == needed
