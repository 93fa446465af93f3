# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a site is what a visitor gets: states of a host in which a site is down or wrong, one by one."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

import rig
from often import rows
from proxyhost import NGINX, ProxyHost

pytestmark = pytest.mark.rig

SITE, OTHER, SELFSIGNED = "app.status.vsa.test", "other.status.vsa.test", "self.status.vsa.test"
APP = "status-app"
STACK = "/srv/platform/reverse-proxy"

# Backends that accept a connection: one hangs up on what it does not know, as databases do, one answers in a protocol
# of its own, and one says nothing.
_MAIL = "s.recv(100), s.sendall(b'220 mail ready\\r\\n'), s.close()"
_GARBAGE = "s.recv(100), s.close()"
_SILENCE = "kept.append(s)"
_LISTENER = """
import socket
kept = []
listener = socket.create_server(("0.0.0.0", 3000))
while True:
    s, _ = listener.accept()
    {answer}
"""


@pytest.fixture(scope="module")
def host(proxy_vps: rig.Vps) -> Iterator[ProxyHost]:
    """A host with a site of its own container, another one, and a self-signed one."""
    host = ProxyHost(proxy_vps)
    host.restart_web(APP)
    proxy_vps.add_dns(SITE, OTHER, SELFSIGNED)
    for domain, container, more in (
        (SITE, APP, ()),
        (OTHER, "web-1", ()),
        (SELFSIGNED, "web-1", ("--ca", "selfsigned")),
    ):
        words = ("site", "provision", "--domain", domain, "--container", container, "--port", "3000")
        rig.vsa(*words, *more, vps=proxy_vps)
        host.wait_for(domain)
    yield host
    host.run("docker", "rm", "-f", APP, check=False)
    for domain in (SITE, OTHER, SELFSIGNED):
        host.remove(domain)


def document(host: ProxyHost, *words: str, code: int = 0) -> dict[str, Any]:
    """Return what a verb says of the host with --json."""
    done = rig.vsa(*words, "--json", vps=host.vps, check=False)
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return dict(next(iter(json.loads(done.stdout)["hosts"].values())))


def listed(host: ProxyHost, *words: str) -> Mapping[str, dict[str, Any]]:
    """Return the entries of ``vsa site list`` by domain."""
    return {entry["domain"]: entry for entry in document(host, "site", "list", *words)["sites"]}


def proxy_again(host: ProxyHost) -> None:
    """Bring the proxy back, and wait until it serves."""
    rig.vsa("stack", "up", "reverse-proxy", vps=host.vps)
    host.wait_for(SITE)


def wait_for_502(host: ProxyHost) -> None:
    """Wait until NGINX has noticed that the container is away."""
    ask = f"curl -sk --resolve {SITE}:443:127.0.0.1 -o /dev/null -w '%{{http_code}}' https://{SITE}/"
    host.wait_until(f"{ask} | grep -q 502")


@contextmanager
def stopped(host: ProxyHost) -> Iterator[None]:
    host.run("docker", "stop", "vsa-nginx")
    yield
    host.run("docker", "start", "vsa-nginx")
    host.wait_for(SITE)


@contextmanager
def removed(host: ProxyHost) -> Iterator[None]:
    host.run("docker", "rm", "-f", "vsa-nginx")
    yield
    proxy_again(host)


@contextmanager
def created(host: ProxyHost) -> Iterator[None]:
    host.run("docker", "rm", "-f", "vsa-nginx")
    host.run("systemd-run", "--quiet", "--unit=vsa-test-port", "python3", "-m", "http.server", "80")
    host.wait_until("curl -s -o /dev/null http://127.0.0.1:80/")
    up = f"cd {STACK} && docker compose -p reverse-proxy --env-file env/.env up -d nginx"
    host.run("sh", "-c", f"{up}; true", timeout=180)
    assert host.run("docker", "inspect", "-f", "{{.State.Status}}", "vsa-nginx").strip() == "created"
    yield
    host.run("systemctl", "stop", "vsa-test-port")
    proxy_again(host)


@contextmanager
def without_docker(host: ProxyHost) -> Iterator[None]:
    host.run("systemctl", "stop", "docker.socket", "docker")
    yield
    host.run("systemctl", "start", "docker.socket", "docker")
    host.wait_for(SITE, seconds=60)


@contextmanager
def crashing(host: ProxyHost) -> Iterator[None]:
    conf = f"{NGINX}/current/nginx.conf"
    host.run("sh", "-c", f"cp -p {conf} /root/kept.conf && rm -f {conf} && echo broken > {conf}")
    host.run("docker", "restart", "-t", "1", "vsa-nginx")
    time.sleep(3)
    yield
    host.run("sh", "-c", f"rm -f {conf} && cp -p /root/kept.conf {conf}")
    host.run("docker", "restart", "-t", "1", "vsa-nginx")
    host.wait_for(SITE)


@contextmanager
def off_network(host: ProxyHost) -> Iterator[None]:
    host.run("docker", "network", "create", "status-own", check=False)
    host.run("docker", "network", "connect", "status-own", APP)
    host.run("docker", "network", "disconnect", "flowbiz_ext", APP)
    host.wait_until(
        # A connection that NGINX keeps open to the container hangs now. A request that is given up closes it.
        f"curl -sk -m 4 --resolve {SITE}:443:127.0.0.1 -o /dev/null -w '%{{http_code}}' https://{SITE}/ | grep 502",
        seconds=60,
    )
    yield
    host.run("docker", "network", "connect", "flowbiz_ext", APP)
    host.run("docker", "network", "disconnect", "status-own", APP)
    host.run("docker", "network", "rm", "status-own")
    host.wait_for(SITE)


@contextmanager
def other_backend(host: ProxyHost, answer: str) -> Iterator[None]:
    host.run("docker", "rm", "-f", APP)
    program = _LISTENER.format(answer=answer)
    words = ("docker", "run", "-d", "--name", APP, "--network", "flowbiz_ext", "--entrypoint", "python3")
    host.run(*words, "vsa-demo-web:1", "-c", program)
    time.sleep(6)
    yield
    host.restart_web(APP)
    host.wait_for(SITE)


@contextmanager
def no_http(host: ProxyHost) -> Iterator[None]:
    with other_backend(host, _GARBAGE):
        yield


@contextmanager
def mail_server(host: ProxyHost) -> Iterator[None]:
    with other_backend(host, _MAIL):
        yield


@contextmanager
def hanging(host: ProxyHost) -> Iterator[None]:
    with other_backend(host, _SILENCE):
        yield


@contextmanager
def moved(host: ProxyHost) -> Iterator[None]:
    services = host.vps.services()
    services.add_dns(SITE, ipv4=services.dns_ip)
    yield
    host.vps.add_dns(SITE)


@contextmanager
def exited(host: ProxyHost) -> Iterator[None]:
    host.run("docker", "stop", "-t", "1", APP)
    host.wait_until(
        f"curl -sk --resolve {SITE}:443:127.0.0.1 -o /dev/null -w '%{{http_code}}' https://{SITE}/ | grep 502"
    )
    yield
    host.run("docker", "start", APP)
    host.wait_for(SITE)


@contextmanager
def missing(host: ProxyHost) -> Iterator[None]:
    host.run("docker", "rm", "-f", APP)
    host.wait_until(
        f"curl -sk --resolve {SITE}:443:127.0.0.1 -o /dev/null -w '%{{http_code}}' https://{SITE}/ | grep 502"
    )
    yield
    host.restart_web(APP)
    host.wait_for(SITE)


@contextmanager
def no_manifest(host: ProxyHost) -> Iterator[None]:
    manifest = f"/etc/vsa/sites/{SITE}.yml"
    host.run("mv", manifest, "/root/kept.yml")
    yield
    host.run("mv", "/root/kept.yml", manifest)


# The state of the host, whether every site has it, the states that are true, and what a problem or a cause says.
STATES: dict[str, tuple[Callable[[ProxyHost], AbstractContextManager[None]], bool, set[str], str]] = {
    "NGINX stopped": (stopped, True, {"down"}, "NGINX does not run: the container is exited"),
    "NGINX removed": (removed, True, {"down"}, "NGINX does not run: there is no such container"),
    "NGINX created": (created, True, {"down"}, "NGINX does not run: the container is created"),
    "Docker stopped": (without_docker, True, {"down", "warning"}, "the Docker engine of this host does not answer"),
    "NGINX crashing": (crashing, True, {"down"}, "NGINX does not "),
    "app off the network": (off_network, False, {"down"}, f"{APP} is not on the network flowbiz_ext"),
    "app speaks no HTTP": (no_http, False, {"down"}, "the proxy answers 502"),
    "app is a mail server": (mail_server, False, {"down"}, "its backend does not speak HTTP"),
    "app hangs": (hanging, False, {"not checked"}, "it did not answer within 5 s"),
    "DNS moved": (moved, False, {"warning"}, "DNS leads to"),
    "app exited": (exited, False, {"down"}, f"{APP} is exited"),
    "app missing": (missing, False, {"down"}, f"{APP} is missing"),
    "manifest missing": (no_manifest, False, {"warning"}, "its manifest is missing"),
}


def test_all_is_well(host: ProxyHost) -> None:
    found = listed(host, "--fresh")
    assert {domain: (found[domain]["state"], found[domain]["problems"]) for domain in (SITE, OTHER)} == {
        SITE: ("ok", []),
        OTHER: ("ok", []),
    }


def test_a_self_signed_certificate_is_a_warning(host: ProxyHost) -> None:
    entry = listed(host)[SELFSIGNED]
    assert (entry["state"], entry["problems"]) == (
        "warning",
        ["browsers do not accept its certificate: it is self-signed"],
    )


# The states that a unit test has as well, and that another one on this host is close to.
RARELY = {"NGINX created", "app is a mail server", "app missing"}


@pytest.mark.parametrize("name", rows(STATES, often=set(STATES) - RARELY))
def test_what_a_visitor_gets(host: ProxyHost, name: str) -> None:
    into, everybody, states, said = STATES[name]
    with into(host):
        found = document(host, "site", "list", *(["--fresh"] if into is moved else []))
        status = document(host, "status", "--exit-code", code=7)
    sites = {entry["domain"]: entry for entry in found["sites"]}
    assert sites[SITE]["state"] in states, sites[SITE]
    texts = [*sites[SITE]["problems"], *(cause["text"] for cause in found["causes"])]
    assert any(said in text for text in texts), texts
    assert (sites[OTHER]["state"] in states) == everybody, sites[OTHER]
    assert any(said in finding["text"] for finding in status["findings"]), status["findings"]
    assert status["state"] in {"down", "warning", "not checked"}


def test_a_visit_leaves_no_trace(host: ProxyHost) -> None:
    log = f"{STACK}/logs/nginx/{OTHER}.access.log"
    limit = ("--set", "rate_limit=1r/m", "--set", "rate_burst=3")
    rig.vsa("site", "provision", "--domain", OTHER, *limit, vps=host.vps)
    before = host.run("cat", log)
    for _time in range(4):
        assert listed(host)[OTHER]["state"] != "down"
    assert host.run("cat", log) == before, "the visits are in the access log of the site"
    # The provision asked once. Four visits that count would leave nothing for this client.
    assert [host.status(OTHER), host.status(OTHER)] == [200, 200]
    rig.vsa("site", "provision", "--domain", OTHER, "--unset", "rate_limit", "--unset", "rate_burst", vps=host.vps)


def test_a_backend_does_not_get_the_marker(host: ProxyHost) -> None:
    host.restart_web(APP)
    host.wait_for(SITE)
    marker = host.run(
        "sh", "-c", f"grep -o 'X_VSA_Marker\\|http_x_vsa_marker .*' -i {NGINX}/current/nginx.conf | head -1"
    )
    key = marker.split("default 0; ")[1].split()[0]
    _status, body = host.get(SITE, "/", "-H", f"X-VSA-Marker: {key}")
    assert key not in body
    assert "vsa-marker" not in body.lower()


def test_finding_2_a_monitor_gets_an_exit_code_and_an_operator_the_way_out(host: ProxyHost) -> None:
    with stopped(host):
        done = rig.vsa("status", "--exit-code", vps=host.vps, check=False)
        shown = rig.vsa("site", "show", SITE, "--exit-code", vps=host.vps, check=False)
    assert (done.returncode, shown.returncode) == (7, 7), done.stderr
    assert re.search(r"(?m)^\S+  down · \d+ sites: ", done.stdout), done.stdout
    headline = "vsa-nginx: NGINX does not run: the container is exited"
    assert f"  ✘ {headline}\n    try  vsa stack up reverse-proxy\n" in done.stdout, done.stdout
    assert done.stdout.count("the proxy does not answer") == 1, "what many sites have is said once"
    assert headline in shown.stdout, shown.stdout


def test_finding_2_without_a_probe_nothing_is_called_ok(host: ProxyHost) -> None:
    assert listed(host, "--no-probe")[OTHER]["state"] == "not checked"
