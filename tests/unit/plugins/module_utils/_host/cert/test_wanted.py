"""Which certificate is wanted by request, saved options, manifest and settings; and who may answer by DNS."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.options import CertificateOptions
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, UsageError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.wanted import (
    IssueRequest,
    WantedCertificate,
    refuse_missing_credentials,
    wanted_certificate,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.cert_options import write_options
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

REQUEST = IssueRequest("shop.test")
WILDCARD = IssueRequest("shop.test", san=["*.shop.test"])


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(str(tmp_path))
    made.sites.mkdir(parents=True)
    made.dns.mkdir()
    manifest = "domain: shop.test\nroutes: [{path: /, container: web-1, port: 80}]\naliases: [www.shop.test]\n"
    (made.sites / "shop.test.yml").write_text(manifest, encoding="utf-8")
    return made


def wanted(paths: Paths, request: IssueRequest) -> WantedCertificate:
    return wanted_certificate(read_host(paths), request)


def test_further_names_are_the_saved_ones_unless_others_are_requested(paths: Paths) -> None:
    assert wanted(paths, REQUEST).names == ("shop.test", "www.shop.test")
    assert write_options(paths, "shop.test", CertificateOptions(("api.shop.test",)))
    assert not write_options(paths, "shop.test", CertificateOptions(("api.shop.test",))), (
        "the second time changes nothing"
    )
    assert wanted(paths, REQUEST).names == ("shop.test", "www.shop.test", "api.shop.test")
    assert wanted(paths, replace(REQUEST, san=["x.test"])).names == ("shop.test", "www.shop.test", "x.test")
    assert wanted(paths, replace(REQUEST, unset=["san"])).names == ("shop.test", "www.shop.test")
    with pytest.raises(UsageError):
        wanted(paths, replace(REQUEST, san=["x.test"], unset=["san"]))


def test_a_wildcard_above_the_domain_is_refused(paths: Paths) -> None:
    with pytest.raises(RefusedError, match="covers the domain itself"):
        wanted(paths, replace(WILDCARD, domain="a.shop.test"))


def test_a_damaged_file_of_options_is_named(paths: Paths) -> None:
    paths.certs.mkdir()
    (paths.certs / "shop.test.yml").write_text("san: x", encoding="utf-8")
    with pytest.raises(RefusedError) as refused:
        wanted(paths, REQUEST)
    assert refused.value.field == "certs/shop.test/san"


def test_who_answers_by_dns(paths: Paths) -> None:
    assert wanted(paths, REQUEST).dns is None
    assert wanted(paths, WILDCARD).dns is None
    paths.vsa_yml.write_text("dns_plugin: cloudflare\ndns_propagation: 2m\n", encoding="utf-8")
    assert wanted(paths, REQUEST).dns is None, "names that HTTP can validate need none"
    found = wanted(paths, WILDCARD)
    assert (found.dns, found.dns_wait) == ("cloudflare", 120)
    assert wanted(paths, replace(REQUEST, dns="rfc2136")).dns == "rfc2136"
    assert wanted(paths, replace(WILDCARD, ca="selfsigned")).dns is None


@pytest.mark.skipif(os.geteuid() != 0, reason="the credentials are root's")
def test_credentials_are_roots_alone(paths: Paths) -> None:
    with pytest.raises(RefusedError, match="by DNS only"):
        refuse_missing_credentials(paths, wanted(paths, WILDCARD))
    refuse_missing_credentials(paths, wanted(paths, replace(WILDCARD, ca="selfsigned")))
    request = wanted(paths, replace(REQUEST, dns="rfc2136"))
    file = paths.dns / "rfc2136.ini"
    with pytest.raises(RefusedError, match="there are no credentials"):
        refuse_missing_credentials(paths, request)
    file.write_text("dns_rfc2136_secret = x\n", encoding="utf-8")
    for mode, good in ((0o644, False), (0o640, False), (0o600, True), (0o400, True)):
        file.chmod(mode)
        if good:
            refuse_missing_credentials(paths, request)
        else:
            with pytest.raises(RefusedError, match=f"mode {mode:04o}"):
                refuse_missing_credentials(paths, request)
    os.chown(file, 1000, 0)
    with pytest.raises(RefusedError, match="others than root"):
        refuse_missing_credentials(paths, request)


def test_the_request_goes_before_the_manifest_and_the_manifest_before_the_settings(paths: Paths) -> None:
    assert wanted(paths, REQUEST).authority == "letsencrypt"
    paths.vsa_yml.write_text("ca: staging\nemail: host@example.com\n", encoding="utf-8")
    found = wanted(paths, REQUEST)
    assert (found.authority, found.email) == ("staging", "host@example.com")
    with (paths.sites / "shop.test.yml").open("a", encoding="utf-8") as manifest:
        manifest.write("ca: selfsigned\nemail: site@example.com\n")
    found = wanted(paths, REQUEST)
    assert (found.authority, found.email) == ("selfsigned", "site@example.com")
    found = wanted(paths, replace(REQUEST, ca="letsencrypt", email="me@example.com", names=["shop.test", "Shop.test"]))
    assert (found.authority, found.email, found.names) == ("letsencrypt", "me@example.com", ("shop.test",))


def test_the_names_include_the_domain(paths: Paths) -> None:
    with pytest.raises(RefusedError, match="include the domain"):
        wanted(paths, replace(REQUEST, names=["www.shop.test"]))
