# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renewal in time, served at once, with an alert if the renewal fails; further names, and revocation."""

from __future__ import annotations

import json
import re
import ssl
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

import rig
from certhost import LIB, CertHost
from certs import Pair, make_pair

DOMAIN = "renew.vsa.test"
LOG = "/var/log/vsa/cert-renew.log"


@pytest.fixture(scope="module")
def host(proxy_vps: rig.Vps) -> Iterator[CertHost]:
    """A host with one site whose certificate the rig's CA issued."""
    made = CertHost(proxy_vps, lambda *words: rig.vsa(*words, vps=proxy_vps, check=False))
    made.site(DOMAIN)
    made.vsa("cert", "install-cron", "--remove")
    yield made
    rig.vsa("cert", "install-cron", "--remove", vps=proxy_vps, check=False)
    rig.vsa("site", "unprovision", "--domain", DOMAIN, "--keep-container", "-y", vps=proxy_vps, check=False)


@pytest.fixture(scope="module")
def old_ca() -> Pair:
    """An authority for certificates of any age."""
    return make_pair(["An old CA"])


@pytest.fixture(autouse=True)
def _hurry(host: CertHost) -> None:
    host.hurry()


def test_status_says_all(host: CertHost) -> None:
    found = host.status(DOMAIN)
    assert found["names"] == [DOMAIN]
    assert (found["state"], found["served"], found["key"], found["key_matches"]) == ("ok", "same", "ECDSA", True)
    assert "Pebble" in found["issuer"]
    assert found["served_fingerprint"] == found["fingerprint"]
    assert 0.9 < found["fraction_left"] <= 1
    # Pebble offers ARI, so Pebble says the day.
    assert found["renews_by"] == "ari"
    assert found["ari"]["start"][:10] <= found["renews"] <= found["ari"]["end"][:10]


def test_p4_what_is_renewed_is_served_within_60_seconds(host: CertHost) -> None:
    """P4: a certificate is renewed, but NGINX never loads it. Loop, deploy hook and reloader work alone here."""
    before = host.served(DOMAIN)
    host.run(
        "docker exec vsa-certbot /bin/sh /opt/vsa/certbot.sh renew --quiet --no-random-sleep-on-renew --force-renewal "
        f"--cert-name {DOMAIN} --deploy-hook '/bin/sh /opt/vsa/certbot-deployed.sh'"
    )
    fresh = host.on_disk(DOMAIN)
    assert fresh != before
    took = host.wait_served(DOMAIN, fresh, seconds=60)
    print(f"served {took:.1f} s after it was renewed")


def test_renew_says_what_it_did(host: CertHost) -> None:
    idle = host.vsa("cert", "renew")
    assert idle.code == 0, idle
    assert idle.said["renewed"] == []
    assert "not due" in idle.said["steps"][-1]["text"]
    before = host.served(DOMAIN)
    would = host.vsa("cert", "renew", "--domain", DOMAIN, "--force", "--check")
    assert would.said["renewed"] == [DOMAIN]
    assert host.on_disk(DOMAIN) == before
    done = host.vsa("cert", "renew", "--domain", DOMAIN, "--force")
    assert (done.code, done.said["renewed"]) == (0, [DOMAIN]), done
    assert host.served(DOMAIN) == host.on_disk(DOMAIN) != before
    unknown = host.vsa("cert", "renew", "--domain", "renwe.vsa.test")
    assert unknown.code == 3
    assert unknown.error["there_are"][0] == DOMAIN


@pytest.mark.parametrize(
    ("life", "age", "due"),
    [
        pytest.param(6, 2.5, False, id="6 days, young", marks=pytest.mark.long),
        pytest.param(6, 3.5, True, id="6 days, past half"),
        pytest.param(45, 25, False, id="45 days, young"),
        pytest.param(45, 31, True, id="45 days, past two thirds", marks=pytest.mark.long),
    ],
)
def test_p6_no_fixed_day_counts(host: CertHost, old_ca: Pair, life: float, age: float, due: bool) -> None:
    """P6: shorter certificates break fixed schedules. A certificate that is due is renewed; any other is not."""
    host.put_pair(DOMAIN, age=age, life=life, issuer=old_ca)
    found = host.status(DOMAIN)
    assert found["state"] == ("due" if due else "ok")
    before = host.on_disk(DOMAIN)
    ended = host.vsa("cert", "renew")
    assert ended.code == 0, ended
    assert (DOMAIN in ended.said["renewed"]) is due
    assert (host.on_disk(DOMAIN) != before) is due


def test_exit_code_says_what_is_due(host: CertHost, old_ca: Pair) -> None:
    host.vsa("cert", "renew", "--domain", DOMAIN, "--force")
    assert host.vsa("cert", "status", "--domain", DOMAIN, "--exit-code").code == 0
    host.put_pair(DOMAIN, age=61, life=90, issuer=old_ca)
    assert host.vsa("cert", "status", "--domain", DOMAIN, "--exit-code").code == 7


# -- the renewal on the host itself -----------------------------------------------------------------------------------

HOOK = r"""
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        open("/root/webhook", "ab").write(body + b"\n")
        self.send_response(204); self.end_headers()
    def log_message(self, *words): pass
http.server.HTTPServer(("127.0.0.1", 9099), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def hooks(host: CertHost) -> Iterator[CertHost]:
    """Both alert hooks of the host's settings. Each writes to a file of its own."""
    settings = host.run("cat /etc/vsa/vsa.yml")
    host.run("rm -f /root/told /root/webhook")
    host.vps.put("/usr/local/bin/vsa-test-alert", "#!/bin/sh\n{ cat; echo; } >>/root/told\n", mode=0o755)
    host.vps.put("/root/hook.py", HOOK)
    host.vps.put("/etc/vsa/alert-url", "http://127.0.0.1:9099/a-secret", mode=0o600)
    host.run("systemd-run --quiet --unit vsa-test-hook python3 /root/hook.py")
    more = "alert_command: /usr/local/bin/vsa-test-alert\nalert_url: /etc/vsa/alert-url\n"
    host.vps.put("/etc/vsa/vsa.yml", settings + more)
    yield host
    host.vps.put("/etc/vsa/vsa.yml", settings)
    host.run("systemctl stop vsa-test-hook; rm -f /usr/local/bin/vsa-test-alert /etc/vsa/alert-url /root/hook.py")


def told(host: CertHost, file: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in host.run(f"cat {file}", check=False).splitlines()]


def test_the_timer_is_installed_once(host: CertHost) -> None:
    would = host.vsa("cert", "install-cron", "--check", "--diff")
    assert (would.code, would.said["changed"]) == (0, True), would
    assert host.run("systemctl list-timers --all | grep -c vsa-cert-renew", check=False).strip() == "0"
    assert host.vsa("cert", "install-cron").said["changed"] is True
    assert host.vsa("cert", "install-cron").said["changed"] is False
    assert "vsa-cert-renew.timer" in host.run("systemctl list-timers")
    assert host.run("systemd-analyze verify /etc/systemd/system/vsa-cert-renew.* 2>&1", check=False) == ""


def test_p4_a_certificate_that_is_late_is_told(hooks: CertHost, old_ca: Pair) -> None:
    """P4: renewal fails silently. The CA is down past two thirds of its life: both hooks are called, once."""
    host = hooks
    host.vsa("cert", "renew", "--domain", DOMAIN, "--force")
    host.run("systemctl start vsa-cert-renew")
    assert told(host, "/root/told") == told(host, "/root/webhook") == [], "silent while all is well"
    host.put_pair(DOMAIN, age=61, life=90, issuer=old_ca)
    with host.ca_down():
        assert (
            host.run("systemctl start vsa-cert-renew; systemctl is-failed vsa-cert-renew", check=False).strip()
            == "failed"
        )
        host.run("systemctl start vsa-cert-renew", check=False)
    for file in ("/root/told", "/root/webhook"):
        messages = told(host, file)
        assert len(messages) == 1, "the same trouble once a day"
        (late,) = messages[0]["certificates"]
        assert late["domain"] == DOMAIN
        assert "cannot be asked" in late["why"], late
        assert DOMAIN in messages[0]["text"]
    assert "cannot be asked" in host.run(f"cat {LOG}")
    assert "a-secret" not in host.run(f"cat {LOG}; journalctl -u vsa-cert-renew --no-pager")
    # The CA is back: the late certificate is renewed without a controller, and no hook is called again.
    host.run("systemctl start vsa-cert-renew")
    assert host.status(DOMAIN)["state"] == "ok"
    host.wait_served(DOMAIN, host.on_disk(DOMAIN))
    assert f"renewed: {DOMAIN}" in host.run(f"tail -3 {LOG}")
    assert len(told(host, "/root/told")) == 1


def test_by_cron_instead_and_gone_again(host: CertHost) -> None:
    refused = host.run("test -d /etc/cron.d && echo there", check=False).strip() != "there"
    ended = host.vsa("cert", "install-cron", "--cron")
    if refused:
        assert (ended.code, "no cron" in ended.message) == (3, True), ended
        host.run("mkdir -p /etc/cron.d")
        ended = host.vsa("cert", "install-cron", "--cron")
    assert ended.code == 0, ended
    assert "vsa-cert-renew" not in host.run("systemctl list-timers --all")
    line = host.run("grep -v '^#' /etc/cron.d/vsa-cert-renew").splitlines()[-1]
    found = re.fullmatch(r"\d+ 3,15 \* \* \* root (\S+) >/dev/null 2>&1", line)
    assert found, line
    host.run(f"env -i PATH=/usr/bin:/bin {found[1]}")
    assert host.vsa("cert", "install-cron", "--remove").said["changed"] is True
    assert host.vsa("cert", "install-cron", "--remove").said["changed"] is False
    places = "/etc/cron.d/vsa* /etc/systemd/system/vsa-cert* /usr/local/lib/vsa/cert-renew /usr/local/lib/vsa/python"
    assert host.run(f"ls -d {places} 2>/dev/null", check=False) == ""


# -- further names, revocation ----------------------------------------------------------------------------------------


@pytest.mark.long
def test_further_names_are_kept(host: CertHost) -> None:
    """Further names stay through renewals and later provisions, until somebody unsets them."""
    extra = f"api.{DOMAIN}"
    host.vps.add_dns(extra, ipv6=False)
    ended = host.issue(DOMAIN, "--san", extra)
    assert ended.code == 0, ended
    assert sorted(host.status(DOMAIN)["names"]) == [extra, DOMAIN]
    assert host.vsa("cert", "renew", "--domain", DOMAIN, "--force").code == 0
    words = ("--domain", DOMAIN, "--container", "web-2", "--port", "3000")
    provisioned = host.vsa("site", "provision", *words)
    assert provisioned.code == 0, provisioned
    assert sorted(host.status(DOMAIN)["names"]) == [extra, DOMAIN]
    assert host.issue(DOMAIN, "--unset", "san").code == 0
    assert host.status(DOMAIN)["names"] == [DOMAIN]
    assert host.run(f"test -e /etc/vsa/certs/{DOMAIN}.yml && echo there", check=False) == ""


def test_a_wildcard_needs_dns(host: CertHost) -> None:
    before = host.on_disk(DOMAIN)
    none = host.issue(DOMAIN, "--san", f"*.{DOMAIN}")
    assert (none.code, "a wildcard by DNS only" in none.message) == (3, True), none
    missing = host.issue(DOMAIN, "--san", f"*.{DOMAIN}", "--dns", "rfc2136")
    assert (missing.code, "there are no credentials" in missing.message) == (3, True), missing
    host.run("mkdir -p -m 0700 /etc/vsa/dns")
    host.vps.put("/etc/vsa/dns/rfc2136.ini", "dns_rfc2136_secret = x\n", mode=0o640)
    readable = host.issue(DOMAIN, "--san", f"*.{DOMAIN}", "--dns", "rfc2136")
    assert (readable.code, "others than root may read" in readable.message) == (3, True), readable
    host.run("chmod 600 /etc/vsa/dns/rfc2136.ini")
    plugin = host.issue(DOMAIN, "--san", f"*.{DOMAIN}", "--dns", "rfc2136")
    host.run("rm /etc/vsa/dns/rfc2136.ini")
    assert (plugin.code, "has no plugin dns-rfc2136" in plugin.message) == (3, True), plugin
    assert host.on_disk(DOMAIN) == before == host.served(DOMAIN)


def is_revoked(host: CertHost, serial: str) -> bool:
    """Ask the CA itself."""
    address = re.sub(r"^http://([0-9.]+):.*", r"\1", host.vps.services().management_url)
    url = f"https://{address}:15000/cert-status-by-serial/{serial.lower()}"
    context = ssl.create_default_context(cadata=host.vps.services().ca_bundle)
    with urllib.request.urlopen(url, timeout=10, context=context) as answer:
        return json.loads(answer.read())["Status"] == "Revoked"


def test_a_certificate_in_use_is_revoked_only_for_another(host: CertHost) -> None:
    host.vsa("cert", "renew", "--domain", DOMAIN, "--force")
    before = host.served(DOMAIN)
    refused = host.vsa("cert", "revoke", "--domain", DOMAIN, "-y")
    assert refused.code == 3, refused
    assert not is_revoked(host, before)
    done = host.vsa("cert", "revoke", "--domain", DOMAIN, "--replace", "--reason", "keycompromise", "-y")
    assert done.code == 0, done
    assert is_revoked(host, before)
    assert host.served(DOMAIN) == host.on_disk(DOMAIN) != before
    assert not is_revoked(host, host.served(DOMAIN))


def test_a_revoked_lineage_leaves_nothing(host: CertHost) -> None:
    domain = "gone.vsa.test"
    host.vps.add_dns(domain, ipv6=False)
    assert host.issue(domain).code == 0
    serial = host.on_disk(domain)
    assert host.vsa("cert", "revoke", "--domain", domain).code == 2, "nobody can be asked, and -y was not said"
    done = host.vsa("cert", "revoke", "--domain", domain, "-y")
    assert done.code == 0, done
    assert is_revoked(host, serial)
    assert host.run(f"find {LIB} /etc/vsa -name '*{domain}*'") == ""
