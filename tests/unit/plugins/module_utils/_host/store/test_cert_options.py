"""The file with the options of one certificate: written only if they change, and gone with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.options import CertificateOptions
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.cert_options import read_options, write_options
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

OPTIONS = CertificateOptions(("api.shop.test", "*.shop.test"), "rfc2136")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(str(tmp_path))


def test_options_come_back_as_they_were_written(paths: Paths) -> None:
    assert read_options(paths, "shop.test") == CertificateOptions()
    assert write_options(paths, "shop.test", OPTIONS)
    assert read_options(paths, "shop.test") == OPTIONS
    assert read_options(paths, "other.test") == CertificateOptions()
    assert "domain: shop.test" in (paths.certs / "shop.test.yml").read_text(encoding="utf-8")


def test_the_same_options_leave_an_operators_comments_alone(paths: Paths) -> None:
    write_options(paths, "shop.test", OPTIONS)
    file = paths.certs / "shop.test.yml"
    commented = f"# asked for by the shop's owner\n{file.read_text(encoding='utf-8')}"
    file.write_text(commented, encoding="utf-8")
    assert not write_options(paths, "shop.test", OPTIONS)
    assert file.read_text(encoding="utf-8") == commented


def test_without_options_there_is_no_file(paths: Paths) -> None:
    assert not write_options(paths, "shop.test", CertificateOptions())
    assert not paths.certs.exists()
    write_options(paths, "shop.test", OPTIONS)
    assert write_options(paths, "shop.test", CertificateOptions())
    assert list(paths.certs.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "field"), [("san: x\n", "certs/shop.test/san"), ("dns: a b\n", "certs/shop.test/dns")]
)
def test_an_invalid_file_is_refused_and_not_overwritten(paths: Paths, text: str, field: str) -> None:
    paths.certs.mkdir(parents=True)
    file = paths.certs / "shop.test.yml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(RefusedError) as refused:
        write_options(paths, "shop.test", OPTIONS)
    assert refused.value.field == field
    assert file.read_text(encoding="utf-8") == text
