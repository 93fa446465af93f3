"""Self-signed pairs: made and replaced in one rename."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.selfsigned import LIFETIME, make_pair
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import KEYS_GID, NGINX_GID
from cryptography import x509

from certs import NOW

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another group: needs root")


def leaf(directory: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((directory / "fullchain.pem").read_bytes())


@pytest.mark.parametrize(("before", "group"), [(None, KEYS_GID), (NGINX_GID, NGINX_GID)], ids=["fresh", "of before"])
def test_a_pair_with_its_rights(tmp_path: Path, before: int | None, group: int) -> None:
    top = tmp_path / "selfsigned"
    if before is not None:
        top.mkdir()
        os.chown(top, 0, before)
    make_pair(top, ("shop.test", "www.shop.test"), now=NOW)
    link = top / "shop.test"
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(link / "fullchain.pem", link / "privkey.pem")
    names = leaf(link).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["shop.test", "www.shop.test"]
    assert leaf(link).not_valid_after_utc == NOW + LIFETIME
    assert not link.readlink().is_absolute(), "the link has to lead on inside the container too"
    for path, mode in ((top, 0o750), (link, 0o750), (link / "privkey.pem", 0o640), (link / "fullchain.pem", 0o644)):
        assert (path.stat().st_gid, path.stat().st_mode & 0o777) == (group, mode)


def test_a_new_pair_replaces_the_old_whole(tmp_path: Path) -> None:
    make_pair(tmp_path, ("shop.test",), now=NOW)
    before = leaf(tmp_path / "shop.test").serial_number
    make_pair(tmp_path, ("shop.test",), now=NOW + LIFETIME)
    assert leaf(tmp_path / "shop.test").serial_number != before
    assert len(list((tmp_path / ".pairs").iterdir())) == 1, "the old pair is gone"


def test_a_directory_made_by_hand_is_kept_aside(tmp_path: Path) -> None:
    (tmp_path / "shop.test").mkdir()
    (tmp_path / "shop.test/privkey.pem").write_text("mine", encoding="utf-8")
    make_pair(tmp_path, ("shop.test",), now=NOW)
    assert leaf(tmp_path / "shop.test")
    kept = list((tmp_path / ".pairs").glob("shop.test.by-hand.*/privkey.pem"))
    assert [path.read_text(encoding="utf-8") for path in kept] == ["mine"]


def test_a_long_name(tmp_path: Path) -> None:
    name = ".".join(["a" * 60] * 3 + ["test"])
    make_pair(tmp_path, (name,), now=NOW)
    assert leaf(tmp_path / name)
