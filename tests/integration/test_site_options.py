# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a site besides its routes, each seen from the client's side."""

from __future__ import annotations

import ipaddress
import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import rig
from proxyhost import NGINX, ProxyHost

Run = Callable[..., subprocess.CompletedProcess[str]]
SITE = "options.vsa.test"
BEHIND = "203.0.113.9"
BEHIND_6 = "2001:db8:9::9"


@pytest.fixture(scope="module")
def host(proxy_vps: rig.Vps) -> Iterator[ProxyHost]:
    """A proxy with backends. The sites of this file are removed at the end."""
    host = ProxyHost(proxy_vps)
    for name in ("web-1", "web-2"):
        host.restart_web(name)
    host.provision(SITE)
    host.wait_for(SITE, '"app": "web-1"')
    yield host
    for name in host.run("ls", "/etc/vsa/sites").split():
        host.remove(name.removesuffix(".yml"))


def _make(host: ProxyHost, **said: Any) -> None:
    """Make the site of this file again, with these options alone."""
    host.remove(SITE)
    made = host.provision(SITE, said=said)
    assert made.get("proven"), made


def _ask(host: ProxyHost, name: str, path: str, *more: str, family: str = "ip") -> tuple[int, dict[str, str], str]:
    """Send a request from outside the VPS, and return status, headers and body."""
    address = getattr(host.vps, family)
    target = f"[{address}]" if ":" in address else address
    where = [word for port in (80, 443) for word in ("--resolve", f"{name}:{port}:{target}")]
    url = path if "://" in path else f"https://{name}{path}"
    done = subprocess.run(
        ["curl", "-sk", "-i", "--max-time", "20", *where, *more, url], capture_output=True, text=True, check=False
    )
    head, _gap, body = done.stdout.partition("\n\n")
    lines = head.splitlines()
    headers = {key.lower(): value.strip() for key, _colon, value in (line.partition(":") for line in lines[1:])}
    return (int(lines[0].split()[1]) if lines else 0), headers, body


def _own_address(host: ProxyHost, family: str) -> str:
    """Return the address from which this machine reaches the VPS."""
    return host.own_address(family) or pytest.skip("the rig's network has no IPv6 here")


# -- names ------------------------------------------------------------------------------------------------------------


def test_www_either_way(vsa: Run, host: ProxyHost) -> None:
    host.vps.add_dns("example.vsa.test", "www.example.vsa.test")
    words = ("site", "provision", "--domain", "example.vsa.test")
    done = vsa(*words, "--container", "web-1", "--port", "3000", "--set", "www=add")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "https://www.example.vsa.test/ → 200" in done.stdout, "the name that is served is the one that is shown"
    live = "/srv/platform/reverse-proxy/data/letsencrypt/live/example.vsa.test/cert.pem"
    names = host.run("openssl", "x509", "-noout", "-ext", "subjectAltName", "-in", live)
    assert "DNS:example.vsa.test, DNS:www.example.vsa.test" in names
    kept = json.loads(vsa("cert", "issue", "--domain", "example.vsa.test", "--json").stdout)
    assert (kept["exit_code"], kept["changed"]) == (0, False), "both names are what it has to cover"
    for served, other in (("www.example.vsa.test", "example.vsa.test"), ("example.vsa.test", "www.example.vsa.test")):
        if served == "example.vsa.test":
            done = vsa(*words, "--set", "www=remove")
            assert done.returncode == 0, done.stdout + done.stderr
        assert _ask(host, served, "/x")[0] == 200
        for scheme in ("http", "https"):
            status, headers, _body = _ask(host, other, f"{scheme}://{other}/a%2Fb?c=d")
            assert (status, headers["location"]) == (301, f"https://{served}/a%2Fb?c=d")
    # Both names answer challenges, over HTTP and HTTPS.
    place = "/srv/platform/reverse-proxy/data/acme/.well-known/acme-challenge"
    host.run("sh", "-c", f"mkdir -p {place} && echo proof > {place}/token")
    for name in ("example.vsa.test", "www.example.vsa.test"):
        for scheme in ("http", "https"):
            url = f"{scheme}://{name}/.well-known/acme-challenge/token"
            assert _ask(host, name, url)[::2] == (200, "proof\n")
    host.run("rm", f"{place}/token")


def test_hsts_is_sent_unless_switched_off(vsa: Run, host: ProxyHost) -> None:
    assert "strict-transport-security" in _ask(host, "example.vsa.test", "/")[1]
    done = vsa("site", "provision", "--domain", "example.vsa.test", "--set", "hsts=off")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("example.vsa.test", "www.example.vsa.test"):
        assert "strict-transport-security" not in _ask(host, name, "/")[1]
    host.remove("example.vsa.test")


def test_http3_for_who_asked_for_it(host: ProxyHost) -> None:
    if "HTTP3" not in host.run("curl", "--version"):
        pytest.skip("this curl speaks no HTTP/3")
    assert "h3=" not in host.get(SITE, "/", "-i")[1]
    assert host.get(SITE, "/", "--http3-only", "--max-time", "3")[0] == 0
    _make(host, http3=True)
    assert 'alt-svc: h3=":443"' in host.get(SITE, "/", "-i")[1].lower()
    status, answer = host.get(SITE, "/", "--http3-only", "-i")
    assert (status, answer.split()[0]) == (200, "HTTP/3")


# -- limits -----------------------------------------------------------------------------------------------------------


def test_a_body_beyond_the_size_is_refused(host: ProxyHost) -> None:
    _make(host, body_size="1k")
    assert _ask(host, SITE, "/", "-d", "x" * 1024)[0] == 200
    assert _ask(host, SITE, "/", "-d", "x" * 1025)[0] == 413


def test_the_rate_holds_for_each_address_by_itself(host: ProxyHost) -> None:
    own = _own_address(host, "ip")
    _make(host, rate_limit="1r/m", rate_burst=1, trusted_proxies=[own])

    def ask(client: str) -> int:
        return _ask(host, SITE, "/", "-H", f"X-Forwarded-For: {client}")[0]

    assert [ask(BEHIND) for _ in range(3)] == [200, 200, 429]
    assert ask("203.0.113.10") == 200, "who comes through the same proxy has a rate of his own"
    assert ask(f"::ffff:{BEHIND}") == 429, "the same address, written as IPv6"
    assert ask("::ffff:203.0.113.11") == 200, "another one, written so"


def test_an_ipv6_network_has_one_rate(host: ProxyHost) -> None:
    """One customer has 2^64 addresses. Zero bytes and line ends in an address are bytes like any other."""
    own = _own_address(host, "ip")
    for rate in ("1r/m", "2r/m"):
        _make(host, rate_limit=rate, rate_burst=2, trusted_proxies=[own])
        for network in ("2001:db8::", "2001:db8:0:1::", "2001:db8:a0a:d0a::", "2001:db8:a0a:d0b::"):
            hosts = ("1", "ffff:0:0:2", "a0a:d0d:0:a")
            clients = [ipaddress.ip_address(network) + int(ipaddress.ip_address(f"::{it}")) for it in hosts]
            asked = [_ask(host, SITE, "/", "-H", f"X-Forwarded-For: {client}")[0] for client in clients * 2]
            assert asked == [200, 200, 200, 429, 429, 429], network


@pytest.mark.parametrize(("family", "client"), [("ip", BEHIND), ("ip6", BEHIND_6)])
def test_p19_behind_a_trusted_proxy_the_real_address_counts_everywhere(
    host: ProxyHost, family: str, client: str
) -> None:
    """P19: the real client address is lost. IPv4 and IPv6: in the backend's headers, in the log, in allow lists."""
    own = _own_address(host, family)
    forwarded = ("-H", f"X-Forwarded-For: 192.0.2.1, {client}")
    _make(host, allow=[client])
    assert _ask(host, SITE, "/", *forwarded, family=family)[0] == 403, "nobody is believed unless said so"
    _make(host, trusted_proxies=[own], allow=[client])
    status, _headers, body = _ask(host, SITE, "/seen", *forwarded, family=family)
    assert status == 200
    seen = json.loads(body)["headers"]
    assert (seen["X-Forwarded-For"], seen["X-Real-IP"]) == (client, client)
    assert host.logged(SITE, "/seen")["client"] == client
    assert _ask(host, SITE, "/", family=family)[0] == 403
    # The log of the redirect has the address too.
    _ask(host, SITE, f"http://{SITE}/redirected", *forwarded, family=family)
    assert host.logged(SITE, "/redirected")["client"] == client


@pytest.mark.parametrize("family", ["ip", "ip6"])
def test_p19_without_one_the_connections_address_counts(host: ProxyHost, family: str) -> None:
    """P19, the common case: a forged header changes nothing, and the backend sees the client's address."""
    own = _own_address(host, family)
    _make(host)
    forged = ("-H", f"X-Forwarded-For: {BEHIND}", "-H", f"X-Real-IP: {BEHIND}", "-H", f"Forwarded: for={BEHIND}")
    status, _headers, body = _ask(host, SITE, "/", *forged, family=family)
    assert status == 200
    assert json.loads(body)["headers"]["X-Forwarded-For"] == own
    assert BEHIND not in body


def test_a_name_that_leads_to_a_trusted_proxy_is_in_order(vsa: Run, host: ProxyHost) -> None:
    host.vps.services().add_dns("cdn.vsa.test", ipv4="198.51.100.7", ipv6="2001:db8:100::7")
    words = ("site", "provision", "--domain", "cdn.vsa.test", "--container", "web-1", "--port", "3000")
    words += ("--ca", "selfsigned", "--set")
    half = vsa(*words, "trusted_proxies=198.51.100.0/24")
    assert half.returncode == 0, half.stdout + half.stderr
    assert "2001:db8:100::7 could not be reached from this host" in half.stdout + half.stderr
    done = vsa(*words, "trusted_proxies=198.51.100.0/24,2001:db8:100::/48")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "by a trusted proxy" in done.stdout
    host.remove("cdn.vsa.test")


# -- what the proxy itself answers ------------------------------------------------------------------------------------


def test_maintenance(vsa: Run, host: ProxyHost) -> None:
    own = _own_address(host, "ip")
    _make(host, routes=[{"path": "/app/", "container": "web-1", "port": 3000}], container=None, port=None)
    words = ("site", "maintenance", "on", "--domain", SITE)
    before = host.disk()
    check = vsa(*words, "--check", "--diff")
    assert check.returncode == 0, check.stdout + check.stderr
    assert "would change" in check.stdout
    assert "return 503" in check.stdout
    assert host.disk() == before
    assert _ask(host, SITE, "/app/")[0] == 200
    done = vsa(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    for path in ("/app/", "/app/x", "/elsewhere"):
        status, headers, body = _ask(host, SITE, path)
        assert (status, headers["retry-after"], headers["content-type"]) == (503, "300", "text/html")
        assert "Down for maintenance" in body
        assert headers["x-content-type-options"] == "nosniff"
    assert _ask(host, SITE, "/app/", "-X", "POST", "-d", "x=y")[0] == 503
    status, headers, body = _ask(host, SITE, "/app/", "-H", "Accept: application/json")
    assert (status, headers["content-type"]) == (503, "application/json")
    assert json.loads(body)["error"] == "maintenance"
    # During maintenance a challenge is answered, and the next transaction still proves the site.
    place = "/srv/platform/reverse-proxy/data/acme/.well-known/acme-challenge"
    host.run("sh", "-c", f"mkdir -p {place} && echo proof > {place}/token")
    for scheme in ("http", "https"):
        assert _ask(host, SITE, f"{scheme}://{SITE}/.well-known/acme-challenge/token")[::2] == (200, "proof\n")
    host.run("rm", f"{place}/token")
    again = json.loads(vsa(*words, "--allow", own, "--json").stdout)
    assert (again["exit_code"], again["changed"]) == (0, True)
    assert _ask(host, SITE, "/app/")[0] == 200
    assert host.status(SITE, "/app/") == 503, "others are kept out"
    assert json.loads(vsa(*words, "--json").stdout)["changed"] is False, "who is let through stays"
    done = vsa("site", "maintenance", "off", "--domain", SITE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.status(SITE, "/app/") == 200
    assert "maintenance: " not in host.run("cat", f"/etc/vsa/sites/{SITE}.yml")
    assert json.loads(vsa("site", "maintenance", "off", "--domain", SITE, "--json").stdout)["changed"] is False


def test_maintenance_of_what_is_not_there(vsa: Run, playbook: Run, host: ProxyHost) -> None:
    done = vsa("site", "maintenance", "on", "--domain", "missing.vsa.test")
    assert done.returncode == 3
    assert "this host has no such site" in done.stdout + done.stderr
    assert SITE in done.stdout + done.stderr
    done = playbook("flowbiz.vsa.site.maintenance", {"domain": SITE, "maintenance": "off"})
    assert done.returncode == 0, done.stdout


def test_the_proxys_own_errors_have_a_page_and_a_backends_pass(host: ProxyHost) -> None:
    host.restart_web("brief-1")
    _make(host, container="brief-1", timeout="1s")
    host.wait_for(SITE, '"app": "brief-1"')
    for status in (502, 503, 504, 500, 404):
        answered, _headers, body = _ask(host, SITE, f"/status/{status}")
        assert (answered, json.loads(body)["app"]) == (status, "brief-1")
    status, headers, body = _ask(host, SITE, "/slow?ms=3000")
    assert (status, headers["content-type"], "does not answer" in body) == (504, "text/html", True)
    assert "retry-after" not in headers
    host.run("docker", "rm", "-f", "brief-1")
    status, headers, body = _ask(host, SITE, "/", "-X", "DELETE")
    # The container's address is unused now, or its name does not resolve.
    assert status in (502, 504)
    assert (headers["content-type"], "does not answer" in body) == ("text/html", True)
    for accept, kind in (
        ("application/json", "application/json"),
        ("application/problem+json, */*", "application/json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("*/*", "text/html"),
    ):
        status, headers, _body = _ask(host, SITE, "/", "-H", f"Accept: {accept}")
        assert (status in (502, 504), headers["content-type"]) == (True, kind), accept
    # A client cannot request the pages directly.
    for path in ("/.well-known/vsa/unavailable", "/.well-known/vsa/maintenance", "/unavailable.html"):
        assert _ask(host, SITE, path)[0] in (404, 502)
    assert host.run("ls", f"{NGINX}/current/").split() == [
        "generation.json", "maintenance.html", "maintenance.json", "nginx.conf", "sites",
        "unavailable.html", "unavailable.json",
    ]  # fmt: skip
