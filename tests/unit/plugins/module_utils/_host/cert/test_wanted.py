"""Which certificate is wanted: words, the note, the manifest and the host's settings; and who may answer by DNS."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.options import CertNote
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, UsageError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.wanted import (
    refuse_missing_credentials,
    wanted_certificate,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.cert_options import read_note, write_note
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

SAID: dict[str, Any] = {"domain": "shop.test", "names": None, "ca": None, "email": None}


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(str(tmp_path))
    made.sites.mkdir(parents=True)
    made.dns.mkdir()
    manifest = "domain: shop.test\nroutes: [{path: /, container: web-1, port: 80}]\naliases: [www.shop.test]\n"
    (made.sites / "shop.test.yml").write_text(manifest, encoding="utf-8")
    return made


def test_further_names_are_those_of_the_note_until_others_are_said(paths: Paths) -> None:
    assert wanted_certificate(SAID, paths).names == ("shop.test", "www.shop.test")
    assert write_note(paths, "shop.test", CertNote(("api.shop.test",)))
    assert not write_note(paths, "shop.test", CertNote(("api.shop.test",))), "the second time changes nothing"
    assert wanted_certificate(SAID, paths).names == ("shop.test", "www.shop.test", "api.shop.test")
    assert wanted_certificate({**SAID, "san": ["x.test"]}, paths).names == ("shop.test", "www.shop.test", "x.test")
    assert wanted_certificate({**SAID, "unset": ["san"]}, paths).names == ("shop.test", "www.shop.test")
    with pytest.raises(UsageError):
        wanted_certificate({**SAID, "san": ["x.test"], "unset": ["san"]}, paths)
    assert write_note(paths, "shop.test", CertNote())
    assert not (paths.certs / "shop.test.yml").exists()
    assert read_note(paths, "shop.test") == CertNote()


def test_a_wildcard_above_the_domain_is_refused(paths: Paths) -> None:
    with pytest.raises(RefusedError, match="covers the domain itself"):
        wanted_certificate({**SAID, "domain": "a.shop.test", "san": ["*.shop.test"]}, paths)


def test_a_note_that_is_damaged_is_named(paths: Paths) -> None:
    paths.certs.mkdir()
    (paths.certs / "shop.test.yml").write_text("san: x", encoding="utf-8")
    with pytest.raises(RefusedError) as refused:
        wanted_certificate(SAID, paths)
    assert refused.value.field == "certs/shop.test/san"


def test_who_answers_by_dns(paths: Paths) -> None:
    wildcard = {**SAID, "san": ["*.shop.test"]}
    assert wanted_certificate(SAID, paths).dns is None
    assert wanted_certificate(wildcard, paths).dns is None
    paths.vsa_yml.write_text("dns_plugin: cloudflare\ndns_propagation: 2m\n", encoding="utf-8")
    assert wanted_certificate(SAID, paths).dns is None, "names that HTTP can validate need none"
    found = wanted_certificate(wildcard, paths)
    assert (found.dns, found.dns_wait) == ("cloudflare", 120)
    assert wanted_certificate({**SAID, "dns": "rfc2136"}, paths).dns == "rfc2136"
    assert wanted_certificate({**wildcard, "ca": "selfsigned"}, paths).dns is None


@pytest.mark.skipif(os.geteuid() != 0, reason="the credentials are root's")
def test_credentials_are_roots_alone(paths: Paths) -> None:
    with pytest.raises(RefusedError, match="by DNS alone"):
        refuse_missing_credentials(paths, wanted_certificate({**SAID, "san": ["*.shop.test"]}, paths))
    refuse_missing_credentials(paths, wanted_certificate({**SAID, "san": ["*.shop.test"], "ca": "selfsigned"}, paths))
    wanted = wanted_certificate({**SAID, "dns": "rfc2136"}, paths)
    file = paths.dns / "rfc2136.ini"
    with pytest.raises(RefusedError, match="there are no credentials"):
        refuse_missing_credentials(paths, wanted)
    file.write_text("dns_rfc2136_secret = x\n", encoding="utf-8")
    for mode, good in ((0o644, False), (0o640, False), (0o600, True), (0o400, True)):
        file.chmod(mode)
        if good:
            refuse_missing_credentials(paths, wanted)
        else:
            with pytest.raises(RefusedError, match=f"mode {mode:04o}"):
                refuse_missing_credentials(paths, wanted)
    os.chown(file, 1000, 0)
    with pytest.raises(RefusedError, match="others than root"):
        refuse_missing_credentials(paths, wanted)
