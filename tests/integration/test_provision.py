# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site that is provisioned as an operator does it, by both doors, with certificates from a real ACME server."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import rig
from proxyhost import ProxyHost

Run = Callable[..., subprocess.CompletedProcess[str]]
SHOP = "shop.vsa.test"
PROXY = "/srv/platform/reverse-proxy"


@pytest.fixture(scope="module")
def host(proxy_vps: rig.Vps) -> Iterator[ProxyHost]:
    """A proxy without sites. Sites that the tests made are removed at the end."""
    host = ProxyHost(proxy_vps)
    for name in ("web-1", "web-2"):
        host.restart_web(name)
    yield host
    for name in host.run("ls", "/etc/vsa/sites").split():
        host.remove(name.removesuffix(".yml"))


def _provision(vsa: Run, domain: str, *words: str, **named: object) -> dict:
    done = vsa("site", "provision", "--domain", domain, *words, "--json", **named)
    answer = json.loads(done.stdout)
    assert answer["exit_code"] == done.returncode
    return answer


def _host_of(answer: dict) -> dict:
    return next(iter(answer["hosts"].values()))


def _steps(answer: dict) -> dict[str, dict]:
    return {step["name"]: step for step in _host_of(answer)["steps"]}


def test_the_main_job(vsa: Run, host: ProxyHost) -> None:
    host.vps.add_dns(SHOP)
    done = vsa("site", "provision", "--domain", SHOP, "--container", "web-1", "--port", "3000")
    assert done.returncode == 0, done.stdout + done.stderr
    for words in (
        "web-1:3000 answers",
        "issued by Pebble",
        "tested, live, proven",
        "→ 200",
        "chain verified",
    ):
        assert words in done.stdout
    assert "changed in" in " ".join(done.stdout.splitlines()[-2:])
    assert "undo: " in done.stdout.splitlines()[-1]
    status, body = host.get(SHOP, "/a/b?c=d")
    assert status == 200
    assert json.loads(body)["path"] == "/a/b?c=d"
    redirect = host.get(SHOP, "/a?b=c", "-o", "/dev/null", "-D", "/dev/stdout", https=False)[1]
    assert f"location: https://{SHOP}/a?b=c" in redirect.lower()


def test_again_changes_nothing(vsa: Run, host: ProxyHost) -> None:
    before, live = host.disk(), host.live()
    answer = _provision(vsa, SHOP, "--container", "web-1", "--port", "3000")
    assert answer["changed"] is False
    assert (host.disk(), host.live()) == (before, live)


def test_ansibles_own_door_means_the_same(playbook: Run, host: ProxyHost) -> None:
    done = playbook("site.yml", {"domain": SHOP, "upstream": "web-1:3000"})
    assert done.returncode == 0, done.stdout
    assert "changed=0" in done.stdout.replace("  ", " ")
    before = host.disk()
    # Finding 7: a mistyped name did something else, and said nothing.
    typos = {"domain": SHOP, "container": "web-2", "port": 3000}, {"domian": SHOP, "upstream": "web-2:3000"}
    for typo in typos:
        done = playbook("site.yml", typo)
        assert done.returncode != 0
        assert "did you mean" in done.stdout + done.stderr
    assert host.disk() == before
    done = playbook("flowbiz.vsa.site.list", {"site_probe": False}, words=["-l", host.vps.name])
    assert "skipping" not in done.stdout
    assert f"{SHOP}  " in done.stdout
    done = playbook("site.yml", {"domain": SHOP, "upstream": "/=web-1:3000,/api/=web-2:3000"})
    assert done.returncode == 0, done.stdout
    assert json.loads(host.get(SHOP, "/api/x")[1])["app"] == "web-2"
    assert json.loads(host.get(SHOP, "/apx")[1])["app"] == "web-1"


def test_it_is_one_module(playbook: Run, host: ProxyHost, tmp_path: Path) -> None:
    named = {"domain": SHOP, "upstream": "/=web-1:3000,/api/=web-2:3000"}
    done = playbook("site.yml", named)
    assert done.returncode == 0, done.stdout
    assert "no hosts matched" not in done.stdout
    before = host.disk()
    (tmp_path / "site.conf.j2").write_text("server { nonsense; }\n", encoding="utf-8")
    refused = playbook("site.yml", {**named, "site_vhost_templates_dir": str(tmp_path)})
    assert refused.returncode != 0
    # The result contains the earlier findings beside the cause of the failure.
    assert "web-1:3000 answers" in refused.stdout
    assert "nonsense" in refused.stdout
    assert host.disk() == before


def test_other_arguments_change_just_that(vsa: Run, host: ProxyHost) -> None:
    answer = _provision(vsa, SHOP, "--profile", "llm")
    assert answer["changed"] is True
    manifest = host.run("cat", f"/etc/vsa/sites/{SHOP}.yml")
    assert "profile: llm" in manifest
    assert "path: /api/" in manifest
    assert "client_max_body_size 16m" not in host.run("cat", host.file(SHOP))
    _provision(vsa, SHOP, "--unset", "profile")
    assert "profile" not in host.run("cat", f"/etc/vsa/sites/{SHOP}.yml")


def test_check_and_diff_touch_nothing(vsa: Run, host: ProxyHost) -> None:
    host.vps.add_dns("fresh.vsa.test")
    before = host.disk()
    done = vsa("site", "provision", "--domain", SHOP, "--route", "/=web-2:3000", "--check", "--diff")
    assert done.returncode == 0
    assert "would change" in done.stdout.splitlines()[-1]
    assert "+    server web-2.flowbiz_ext:3000 resolve" in done.stdout.replace("     ", " ").replace("    +", "+") or (
        "web-2.flowbiz_ext:3000" in done.stdout
    )
    done = vsa("site", "provision", "--domain", "fresh.vsa.test", "--container", "web-1", "--port", "3000", "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "would" in done.stdout
    assert host.disk() == before


def test_routes_pass_paths_on_unchanged(vsa: Run, host: ProxyHost) -> None:
    _provision(vsa, SHOP, "--route", "/=web-1:3000", "--route", "/api/=web-2:3000", "--route", "/api/v2/=web-1:3000")
    table = {
        "/": ("web-1", "/"),
        "/api/": ("web-2", "/api/"),
        "/api/x%2Fy": ("web-2", "/api/x%2Fy"),
        "/api/%2e%2e/z": None,
        "/api//double": ("web-2", "/api//double"),
        "/api/v2/deep?q=%20a&b=/../c": ("web-1", "/api/v2/deep?q=%20a&b=/../c"),
        "/other/api/": ("web-1", "/other/api/"),
        "/a%20b;c=d": ("web-1", "/a%20b;c=d"),
    }
    for asked, expected in table.items():
        status, body = host.get(SHOP, asked)
        if expected is None:
            # NGINX and a backend may read a path that climbs differently: see test_site_routes.
            assert status == 400
            continue
        answer = json.loads(body)
        assert (answer["app"], answer["path"]) == expected, asked


def test_websocket_and_streams_pass(host: ProxyHost) -> None:
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    upgrade = ("-H", "Upgrade: websocket", "-H", "Connection: Upgrade", "-H", "Sec-WebSocket-Version: 13")
    answer = host.get(
        SHOP, "/ws", "--http1.1", *upgrade, "-H", f"Sec-WebSocket-Key: {key}", "-D", "-", "--max-time", "2"
    )
    assert "101 Switching Protocols" in answer[1]
    assert "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in answer[1]  # RFC 6455, section 1.3
    status, body = host.get(SHOP, "/stream", "-N", "--max-time", "1")
    assert status == 200
    assert 2 <= body.count("data:") <= 6  # one event every 0.2 s, each as soon as the backend wrote it


def test_aliases_are_covered_and_lead_to_the_domain(vsa: Run, host: ProxyHost) -> None:
    host.vps.add_dns("www.shop.vsa.test")
    assert _provision(vsa, SHOP, "--alias", "www.shop.vsa.test")["changed"] is True
    headers = host.get("www.shop.vsa.test", "/x?y=1", "-o", "/dev/null", "-D", "/dev/stdout")[1].lower()
    assert f"location: https://{SHOP}/x?y=1" in headers
    live = "/srv/platform/reverse-proxy/data/letsencrypt/live"
    names = host.run("openssl", "x509", "-noout", "-ext", "subjectAltName", "-in", f"{live}/{SHOP}/cert.pem")
    assert "DNS:www.shop.vsa.test" in names
    _provision(vsa, SHOP, "--unset", "aliases")
    assert host.get("www.shop.vsa.test")[0] == 0


def test_an_idn_is_stored_as_its_a_label(vsa: Run, host: ProxyHost) -> None:
    host.vps.add_dns("xn--bcher-kva.vsa.test")
    answer = _provision(vsa, "bücher.vsa.test", "--container", "web-1", "--port", "3000")
    assert answer["changed"] is True, answer
    assert host.status("xn--bcher-kva.vsa.test") == 200
    assert "domain: xn--bcher-kva.vsa.test" in host.run("cat", "/etc/vsa/sites/xn--bcher-kva.vsa.test.yml")


def test_a_tenant_has_an_edge_network_of_its_own(vsa: Run, host: ProxyHost) -> None:
    host.vps.add_dns("acme.vsa.test")
    host.run("docker", "run", "-d", "--name", "acme-web", "-e", "APP_NAME=acme-web", "vsa-demo-web:1")
    answer = _provision(vsa, "acme.vsa.test", "--container", "acme-web", "--port", "3000", "--tenant", "acme")
    assert answer["exit_code"] == 0, answer
    assert "acme-web joined to flowbiz_ext_acme" in _steps(answer)["proxy"]["notes"]
    members = host.run(
        "docker", "network", "inspect", "-f", "{{range .Containers}}{{.Name}} {{end}}", "flowbiz_ext_acme"
    )
    assert sorted(members.split()) == ["acme-web", "vsa-nginx"]
    assert host.run("docker", "network", "inspect", "-f", "{{.EnableIPv6}}", "flowbiz_ext_acme").strip() == "true"
    # Recreated by Compose, the proxy joins the tenant's network again.
    host.run(
        "sh",
        "-c",
        "cd /srv/platform/reverse-proxy && docker compose up -d --force-recreate --wait nginx 2>&1",
        timeout=180,
    )
    host.wait_for("acme.vsa.test", '"app": "acme-web"')
    assert host.served() == host.live()
    host.remove("acme.vsa.test")
    host.run("docker", "rm", "-f", "acme-web")


def test_a_self_signed_site(vsa: Run, host: ProxyHost) -> None:
    host.vps.add_dns("self.vsa.test")
    answer = _provision(vsa, "self.vsa.test", "--container", "web-1", "--port", "3000", "--ca", "selfsigned")
    assert "self-signed" in _steps(answer)["site"]["text"]
    assert "strict-transport-security" not in host.get("self.vsa.test", "/", "-D", "-")[1].lower()
    assert "strict-transport-security" in host.get(SHOP, "/", "-D", "-")[1].lower()


def test_a_container_is_detected_by_its_published_port(vsa: Run, host: ProxyHost) -> None:
    host.vps.add_dns("found.vsa.test")
    host.run(
        *("docker", "run", "-d", "--name", "found-1", "--restart", "unless-stopped", "-p", "127.0.0.1:8123:3000"),
        *("-e", "APP_NAME=found-1", "vsa-demo-web:1"),
    )
    answer = _provision(vsa, "found.vsa.test", "--detect", "--external-port", "8123", "--ca", "selfsigned")
    assert answer["exit_code"] == 0, answer
    assert "port 8123 is found-1:3000" in _steps(answer)["preflight"]["text"]
    assert json.loads(host.get("found.vsa.test")[1])["app"] == "found-1"
    manifest = host.run("cat", "/etc/vsa/sites/found.vsa.test.yml")
    assert "container: found-1" in manifest
    assert "port: 3000" in manifest
    again = _provision(vsa, "found.vsa.test", "--detect", "--external-port", "8123", "--port", "3000")
    assert again["changed"] is False
    wrong = _provision(vsa, "found.vsa.test", "--detect", "--external-port", "8123", "--port", "8123")
    assert (wrong["exit_code"], _host_of(wrong)["error"]["expected"]) == (3, "3000")
    none = _provision(vsa, "found.vsa.test", "--detect", "--external-port", "8124")
    assert none["exit_code"] == 3
    assert "found-1 publishes 8123 → 3000" in _host_of(none)["error"]["there_are"]
    # No site may use the proxy's own ports.
    own = _provision(vsa, "found.vsa.test", "--detect", "--external-port", "443")
    assert own["exit_code"] == 3
    host.remove("found.vsa.test")
    host.run("docker", "rm", "-f", "found-1")


def test_a_name_that_leads_elsewhere(vsa: Run, host: ProxyHost) -> None:
    host.vps.services().add_dns("elsewhere.vsa.test", ipv4="198.51.100.7", ipv6="")
    words = ("--container", "web-1", "--port", "3000", "--ca", "selfsigned")
    # Nobody answers at this address, or a gateway of the network that the tests run in. No CA is asked.
    done = _provision(vsa, "elsewhere.vsa.test", *words)
    assert done["exit_code"] == 0
    notes = " ".join(_steps(done)["preflight"]["notes"])
    assert re.search(r"198\.51\.100\.7 (could not be reached from|does not lead to) this host", notes), notes
    host.remove("elsewhere.vsa.test")


def test_finding_14_no_ca_is_asked_for_a_name_that_must_fail(vsa: Run, host: ProxyHost) -> None:
    """A validation that fails counts at the CA. The name leads to another server, which answers."""
    host.run("docker", "rm", "-f", "other-80", check=False)
    host.run("docker", "run", "-d", "--name", "other-80", "-e", "PORT=80", "vsa-demo-web:1")
    form = "{{.NetworkSettings.Networks.bridge.IPAddress}}"
    address = host.run("docker", "inspect", "-f", form, "other-80").strip()
    host.wait_until(f"curl -s -o /dev/null http://{address}/")
    services = host.vps.services()
    services.add_dns("other.vsa.test", ipv4=address)
    words = ("--container", "web-1", "--port", "3000")
    before = host.disk()
    error = _host_of(_provision(vsa, "other.vsa.test", *words))["error"]
    assert error["message"] == f"other.vsa.test: A {address} does not lead to this host"
    assert "--no-dns-check" in error["try"]
    host.vps.add_dns("caa.vsa.test")
    services.add_caa("caa.vsa.test", ";")
    refused = _provision(vsa, "caa.vsa.test", *words)
    assert refused["exit_code"] == 3
    assert "the CAA records of caa.vsa.test do not let" in _host_of(refused)["error"]["message"]
    assert host.disk() == before
    host.run("docker", "rm", "-f", "other-80")


def test_finding_6_a_container_that_cannot_be_served_is_refused_with_the_reason(vsa: Run, host: ProxyHost) -> None:
    """A port that hangs, and a container that ends again and again."""
    hang = "import socket, time; s = socket.create_server(('', 8000)); time.sleep(9999)"
    crash = "import sys, time; time.sleep(0.5); sys.exit(3)"
    for name, program in (("hang-1", hang), ("crash-1", crash)):
        host.run("docker", "rm", "-f", name, check=False)
        options = ("--name", name, "--network", "flowbiz_ext", "--restart", "always", "--entrypoint", "python3")
        host.run("docker", "run", "-d", *options, "vsa-demo-web:1", "-c", program)
    try:
        host.wait_until("test $(docker inspect -f '{{.RestartCount}}' crash-1) -ge 2")
        before = host.disk()
        for name, port, words in (
            ("hang-1", "8000", "it accepts a connection and does not answer a request within 5 seconds"),
            ("crash-1", "3000", "it ends again and again"),
        ):
            answer = _provision(vsa, SHOP, "--route", f"/={name}:{port}")
            assert answer["exit_code"] == 3, answer
            assert words in _host_of(answer)["error"]["message"]
        assert host.disk() == before
    finally:
        host.run("docker", "rm", "-f", "hang-1", "crash-1")


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (("--container", "web-9", "--port", "3000"), "no container is named web-9", "web-1"),
        (("--container", "web-1", "--port", "3001"), "web-1 does not answer on port 3001", "port 3000"),
        (("--container", "stopped-1", "--port", "3000"), "stopped-1", "docker start stopped-1"),
        (("--container", "hostnet-1", "--port", "3999"), "no network of its own", "flowbiz_ext"),
        (("--container", "web-1", "--port", "3000", "--alias", SHOP), f"already belongs to the site {SHOP}", SHOP),
    ],
)
def test_refusals_say_what_there_is_and_change_nothing(
    vsa: Run, host: ProxyHost, words: tuple[str, ...], message: str, hint: str
) -> None:
    host.run("sh", "-c", "docker create --name stopped-1 vsa-demo-web:1 >/dev/null 2>&1 || true")
    host.run(
        "sh",
        "-c",
        "docker inspect hostnet-1 >/dev/null 2>&1 || "
        "docker run -d --name hostnet-1 --network host -e PORT=3999 vsa-demo-web:1 >/dev/null",
    )
    before = host.disk()
    done = vsa("site", "provision", "--domain", "refused.vsa.test", *words)
    said = done.stdout + done.stderr
    assert done.returncode == 3, said
    assert message in said
    assert hint in said
    assert "nothing was changed" in said
    assert "Traceback" not in said
    assert host.disk() == before


def test_a_ca_that_is_down_leaves_the_old_state_serving(vsa: Run, host: ProxyHost) -> None:
    host.vps.add_dns("late.vsa.test")
    before = host.disk()
    words = ("--container", "web-1", "--port", "3000", "--ca", "https://ca.vsa.test:14999/dir")
    answer = _provision(vsa, "late.vsa.test", *words)
    assert answer["exit_code"] in (3, 4)
    assert answer["changed"] is False
    assert {name: value for name, value in host.disk().items() if "letsencrypt" not in name} == before
    assert host.status(SHOP) == 200


def test_a_validation_that_fails_says_the_cas_own_words(vsa: Run, host: ProxyHost) -> None:
    host.vps.services().add_dns("wrong.vsa.test", ipv4="198.51.100.8", ipv6="")
    before = host.live()
    done = vsa("site", "provision", "--domain", "wrong.vsa.test", "--container", "web-1", "--port", "3000")
    said = done.stdout + done.stderr
    assert done.returncode in (3, 4), said
    assert "wrong.vsa.test" in said
    assert "198.51.100.8" in said
    assert host.live() == before


def test_hostile_values_reach_nothing(vsa: Run, playbook: Run, host: ProxyHost, tmp_path: object) -> None:
    canary = f"{tmp_path}/canary"
    before = host.disk()
    payloads = (
        "a.vsa.test; return 200 x;",
        "a.vsa.test\nserver{}",
        "../../etc/passwd",
        "$(touch /tmp/x).vsa.test",
        "a.vsa.test'",
        "*.vsa.test",
        "{{ lookup('pipe', 'touch " + canary + "') }}",
    )
    for payload in payloads:
        done = vsa("site", "provision", "--domain", payload, "--container", "web-1", "--port", "3000")
        assert done.returncode == 2, (payload, done.stdout)
    done = vsa("site", "provision", "--domain", "a.vsa.test", "--route", "/;}=web-1:3000")
    assert done.returncode == 2
    for payload in payloads[:4]:
        done = playbook("site.yml", {"domain": payload, "upstream": "web-1:3000"})
        assert done.returncode == 2, payload
        assert "this is not a domain name" in done.stdout
    done = playbook("site.yml", {"domain": "a.vsa.test", "upstream": "web-1:3000;x"})
    assert done.returncode == 2
    assert host.disk() == before
    assert not __import__("pathlib").Path(canary).exists()


def test_two_operators_at_once(vsa: Run, host: ProxyHost) -> None:
    domains = ("first.vsa.test", "second.vsa.test")
    host.vps.add_dns(*domains)

    def provision(domain: str) -> dict:
        return _provision(vsa, domain, "--container", "web-1", "--port", "3000")

    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(provision, domains))
    assert [answer["exit_code"] for answer in answers] == [0, 0], answers
    assert [host.status(domain) for domain in domains] == [200, 200]
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda name: _provision(vsa, domains[0], "--container", name), ("web-2", "web-2")))
    assert sorted(answer["changed"] for answer in answers) == [False, True]
    for domain in domains:
        host.remove(domain)


def test_list_and_show(vsa: Run, host: ProxyHost) -> None:
    listed = vsa("site", "list")
    assert listed.returncode == 0
    assert SHOP in listed.stdout
    assert listed.stdout.startswith("HOST")
    shown = json.loads(vsa("site", "show", SHOP, "--json").stdout)
    site = _host_of(shown)["sites"][0]
    assert site["domain"] == SHOP
    assert site["state"] == "ok"
    assert site["certificate"]["fraction_left"] > 0.9
    assert (site["certificate"]["served"], site["auth"]) == ("same", [])
    assert site["last_change"]["verb"] in ("site.provision", "vhost.rollback")
    assert {route["profile"] for route in site["routes"]} == {None}
    assert {route["container"] for route in site["routes"]} == {"web-1", "web-2"}
    missing = vsa("site", "show", "missing.vsa.test")
    assert missing.returncode == 3
    host.run("docker", "stop", "-t", "1", "web-2")
    table = vsa("site", "list").stdout
    assert "exited" in table
    host.run("docker", "start", "web-2")


def test_history_and_rollback(vsa: Run, host: ProxyHost) -> None:
    _provision(vsa, SHOP, "--route", "/=web-2:3000")
    assert json.loads(host.get(SHOP)[1])["app"] == "web-2"
    history = json.loads(vsa("vhost", "history", "--json").stdout)
    newest = _host_of(history)["generations"][0]
    assert newest["live"] is True
    assert newest["verb"] == "site.provision"
    back = vsa("vhost", "rollback", "-y")
    assert back.returncode == 0, back.stdout + back.stderr
    host.wait_for(SHOP, '"app": "web-1"')
    assert vsa("vhost", "sync").returncode == 0


def test_forwarded_headers_of_a_client_are_discarded(host: ProxyHost) -> None:
    """P19: the real client address is lost, or a forged address is believed."""
    forged = (
        "-H",
        "X-Forwarded-For: 203.0.113.99",
        "-H",
        "X-Real-IP: 203.0.113.99",
        "-H",
        "Forwarded: for=203.0.113.99",
    )
    headers = json.loads(host.get(SHOP, "/", *forged)[1])["headers"]
    assert "203.0.113.99" not in json.dumps(headers)


@pytest.mark.parametrize("family", ["ip", "ip6"])
def test_the_clients_own_address_arrives(host: ProxyHost, family: str) -> None:
    """P19, with IPv4 and IPv6: the backend sees the address of a client outside the VPS."""
    address = getattr(host.vps, family)
    if not address:
        pytest.skip("the rig's network has no IPv6 here")
    target = f"[{address}]" if ":" in address else address
    done = subprocess.run(
        ["curl", "-sk", "--max-time", "10", "--resolve", f"{SHOP}:443:{target}", f"https://{SHOP}/"],
        capture_output=True,
        text=True,
    )
    seen = json.loads(done.stdout)["headers"]["X-Forwarded-For"]
    route = subprocess.run(["ip", "-o", "route", "get", address], capture_output=True, text=True).stdout
    assert seen == route.split(" src ")[1].split()[0]


def test_a_reboot_brings_every_site_back(host: ProxyHost) -> None:
    subprocess.run(["docker", "restart", "-t", "20", host.vps.name], check=True, capture_output=True)
    host.wait_until("docker info >/dev/null 2>&1", seconds=90)
    host.wait_for(SHOP, '"app": "web-1"', seconds=90)
    assert host.served() == host.live()


@pytest.mark.long
@pytest.mark.parametrize("umask", ["077", "027"])
def test_issue_14_item_1_the_callers_umask_changes_nothing(playbook: Run, host: ProxyHost, umask: str) -> None:
    """UMASK 077 is what CIS asks for: NGINX's workers and vsa-auth are other users than root."""
    domain, python = f"umask{umask}.vsa.test", f"/usr/local/bin/python-{umask}"
    host.vps.add_dns(domain)
    host.vps.put(python, f'#!/bin/sh\numask {umask}\nexec /usr/bin/python3 "$@"\n', mode=0o755)

    def run(verb: str, **extra: str) -> str:
        done = playbook(f"flowbiz.vsa.{verb}", {**extra, "ansible_python_interpreter": python}, words=["-v"])
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    if umask == "077":
        # Everything that the containers run from is made again, as on a fresh host.
        modes = f"cd {PROXY} && stat -c '%a %n' bin auth bin/* auth/*"
        before = host.run("sh", "-c", modes)
        host.run("docker", "rm", "-f", "vsa-nginx", "vsa-auth", "vsa-certbot")
        host.run("rm", "-rf", f"{PROXY}/bin", f"{PROXY}/auth")
        run("stack.up", stack_name="reverse-proxy")
        assert host.run("sh", "-c", modes) == before
    for _attempt in range(3):  # right after the start of the proxy, or on a busy machine, it may answer too late
        answer = run("site.provision", domain=domain, upstream="web-2:3000")
        leads_here = "leads here" in answer or "lead here" in answer
        if leads_here:
            break
    assert leads_here, answer
    host.run("docker", "stop", "-t", "1", "web-2")
    try:
        ask = f"curl -sk -H 'Accept: text/html' --resolve {domain}:443:127.0.0.1 https://{domain}/"
        host.wait_until(f"{ask} | grep -q 'This site does not answer'")
    finally:
        host.restart_web("web-2")
    run("site.maintenance", domain=domain, maintenance="on")
    status, body = host.get(domain, "/", "-H", "Accept: text/html")
    assert (status, "Down for maintenance" in body) == (503, True)
