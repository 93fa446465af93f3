# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""testssl.sh (the Debian package, run on the host) finds nothing worse than LOW on a provisioned site."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import rig

DOMAIN = "scanned.demo.test"
# testssl.sh says WARN if it could not check something, for example because of this OpenSSL.
_BAD = ("MEDIUM", "HIGH", "CRITICAL", "FATAL")
# This concerns the rig's CA, not the site: the rig's CA names no revocation list, Let's Encrypt does.
_OF_THE_RIG = {"cert_revocation": "Neither CRL nor OCSP URI provided"}
_REPORT = "/root/testssl.json"


@pytest.fixture(scope="module")
def site(proxy_vps: rig.Vps) -> Iterator[str]:
    """A site with a certificate of the rig's CA, and testssl.sh on the host."""
    proxy_vps.add_dns(DOMAIN)
    rig.vsa("site", "provision", "--domain", DOMAIN, "--container", "web-1", "--port", "3000", vps=proxy_vps)
    proxy_vps.run("command -v testssl || apt-get install -y -qq testssl.sh")
    yield DOMAIN
    rig.vsa("site", "unprovision", "--domain", DOMAIN, "--keep-container", "-y", vps=proxy_vps)


@pytest.fixture
def scan(proxy_vps: rig.Vps, site: str) -> Callable[..., dict[str, dict[str, Any]]]:
    """``scan(*checks)`` runs them and returns the findings by name."""

    def run(*checks: str, timeout: float) -> dict[str, dict[str, Any]]:
        argv = ["testssl", "--quiet", "--color", "0", "--warnings", "batch", "--overwrite", "--jsonfile", _REPORT]
        # No browser knows the rig's CA. --nodns keeps the scan on this host.
        argv += ["--add-ca", "/etc/vsa/acme-ca.pem", "--nodns", "none", "--ip", "127.0.0.1", *checks, f"{site}:443"]
        proxy_vps.run(argv, check=False, timeout=timeout)
        return {entry["id"]: entry for entry in json.loads(proxy_vps.run(["cat", _REPORT]).stdout)}

    return run


def _worse_than_low(found: dict[str, dict[str, Any]]) -> list[str]:
    return [
        f"{name}: {entry['severity']}: {entry['finding']}"
        for name, entry in found.items()
        if entry["severity"] in _BAD and entry["finding"] != _OF_THE_RIG.get(name)
    ]


@pytest.mark.long
def test_protocols_ciphers_certificate_and_headers(scan: Callable[..., dict[str, dict[str, Any]]]) -> None:
    found = scan("--protocols", "--server-defaults", "--headers", "--std", timeout=180)
    assert found["TLS1_3"]["severity"] == "OK"
    assert found["TLS1_1"]["finding"].startswith("not offered")
    assert found["HSTS_time"]["severity"] == "OK"
    assert _worse_than_low(found) == []


@pytest.mark.long
def test_the_whole_scan(scan: Callable[..., dict[str, dict[str, Any]]]) -> None:
    found = scan(timeout=900)
    assert found["heartbleed"]["severity"] == "OK"
    assert found["overall_grade"]["finding"].startswith("A")
    assert _worse_than_low(found) == []
