# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A wildcard, validated by DNS: Certbot's own plugin, a real name server that accepts updates (Knot), a real CA."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import rig
from certhost import LIB, CertHost

pytestmark = pytest.mark.long

ZONE = "dyn.test"
KEY = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlYw=="
IMAGE = "certbot/dns-rfc2136:v5.5.0"
KNOT = f"""
server:
    listen: [ 0.0.0.0@53 ]
    user: knot:knot
key:
  - id: vsa
    algorithm: hmac-sha256
    secret: {KEY}
acl:
  - id: update
    key: vsa
    action: [update]
zone:
  - domain: {ZONE}
    storage: /var/lib/knot
    file: zone
    acl: update
"""


@pytest.fixture(scope="module")
def host(proxy_vps: rig.Vps) -> Iterator[CertHost]:
    """A host that is the name server of a zone, and whose Certbot has the DNS plugin."""
    made = CertHost(proxy_vps, lambda *words: rig.vsa(*words, vps=proxy_vps, check=False))
    made.run("command -v knotd || { apt-get update -qq && apt-get install -y -qq --no-install-recommends knot; }")
    proxy_vps.put("/etc/knot/knot.conf", KNOT)
    records = f"SOA ns.{ZONE}. ops.{ZONE}. 1 60 60 60 60\n{ZONE}. 60 NS ns.{ZONE}.\nns.{ZONE}. 60 A {proxy_vps.ip}\n"
    proxy_vps.put("/var/lib/knot/zone", f"{ZONE}. 60 {records}")
    made.run(
        "rm -rf /var/lib/knot/journal /var/lib/knot/timers; chown -R knot:knot /var/lib/knot; systemctl restart knot"
    )
    proxy_vps.load_images(IMAGE)
    kept = {path: made.run(f"cat {path}") for path in ("/etc/vsa/vsa.yml", "/etc/vsa/acme-ca.pem")}
    env = "/srv/platform/reverse-proxy/env/.env"
    made.run(f"sed -i 's,^#*CERTBOT_IMAGE=.*,CERTBOT_IMAGE={IMAGE},' {env}")
    assert made.vsa("stack", "up", "reverse-proxy").code == 0
    authority = rig.services("dns", dns=proxy_vps.ip)
    proxy_vps.put("/etc/vsa/acme-ca.pem", kept["/etc/vsa/acme-ca.pem"] + authority.ca_bundle)
    more = f"dns_plugin: rfc2136\ndns_propagation: 1s\nca: {authority.pebble_url}\n"
    known = "".join(f"{line}\n" for line in kept["/etc/vsa/vsa.yml"].splitlines() if not line.startswith("ca:"))
    proxy_vps.put("/etc/vsa/vsa.yml", known + more)
    made.run("mkdir -p -m 0700 /etc/vsa/dns")
    credentials = {"server": proxy_vps.ip, "name": "vsa", "secret": KEY, "algorithm": "HMAC-SHA256"}
    text = "".join(f"dns_rfc2136_{name} = {value}\n" for name, value in credentials.items())
    proxy_vps.put("/etc/vsa/dns/rfc2136.ini", text, mode=0o600)
    yield made
    made.run(f"rm -rf {LIB}/live/{ZONE} {LIB}/archive/{ZONE} {LIB}/renewal/{ZONE}.conf /etc/vsa/certs/{ZONE}.yml")
    made.run(f"rm -f /etc/vsa/dns/rfc2136.ini; systemctl stop knot; sed -i 's,^CERTBOT_IMAGE=,#&,' {env}")
    for path, text in kept.items():
        proxy_vps.put(path, text)
    made.vsa("stack", "up", "reverse-proxy")


def test_a_wildcard_is_issued_renewed_and_kept(host: CertHost) -> None:
    issued = host.issue(ZONE, "--san", f"*.{ZONE}")
    assert issued.code == 0, issued
    assert sorted(host.status(ZONE)["names"]) == [f"*.{ZONE}", ZONE]
    before = host.on_disk(ZONE)
    renewed = host.vsa("cert", "renew", "--domain", ZONE, "--force")
    assert (renewed.code, renewed.said["renewed"]) == (0, [ZONE]), renewed
    assert host.on_disk(ZONE) != before
    kept = host.issue(ZONE)
    assert (kept.code, kept.said["changed"]) == (0, False), kept
    # An alias below the wildcard needs no certificate of its own.
    words = ("--domain", ZONE, "--container", "web-1", "--port", "3000", "--alias", f"www.{ZONE}")
    provisioned = host.vsa("site", "provision", *words)
    assert provisioned.code == 0, provisioned
    assert sorted(host.status(ZONE)["names"]) == [f"*.{ZONE}", ZONE]
    assert host.served(ZONE) == host.on_disk(ZONE)
    assert host.vsa("site", "unprovision", "--domain", ZONE, "--keep-container", "-y").code == 0
    assert host.run(f"find {LIB} /etc/vsa -name '*{ZONE}*'") == ""


def test_credentials_that_are_wrong(host: CertHost) -> None:
    """The error quotes the name server, and no file is left behind."""
    text = host.run("cat /etc/vsa/dns/rfc2136.ini")
    host.vps.put("/etc/vsa/dns/rfc2136.ini", text.replace(KEY, "d3Jvbmc="), mode=0o600)
    try:
        ended = host.issue(ZONE, "--san", f"*.{ZONE}")
    finally:
        host.vps.put("/etc/vsa/dns/rfc2136.ini", text, mode=0o600)
    assert ended.code == 4, ended
    assert "TSIG" in ended.message or "BADSIG" in ended.message or "peer didn't like" in ended.message, ended
    assert host.run(f"find {LIB}/live {LIB}/renewal /etc/vsa/certs -name '*{ZONE}*'") == ""
