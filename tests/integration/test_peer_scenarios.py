# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators of nginx-proxy rely on, scenario by scenario, on one proxy of ours: a table of requests and answers.

The rows are named after the folders of that project's test suite. The containers say there what they want, by
environment variables; here an inventory declares the sites, and one ``vsa site apply`` makes all of them. Where VSA
refuses by design what the other project offers, the row asserts the refusal.
Source: https://github.com/nginx-proxy/nginx-proxy/tree/main/test
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509

import rig
from proxyhost import ROOT, ProxyHost

PROXY = "/srv/platform/reverse-proxy"
TEMPLATE = ROOT / "roles/vhost/templates/site.conf.j2"
PASSWORD = "opEn sésame 7"
TOKEN = "/.well-known/acme-challenge/token"
TENANT = "peer"
STRANGERS = [f"peer-stranger-{number}" for number in range(6)]
WEB_1 = {"path": "/", "container": "web-1", "port": 3000}


def site(container: str = "web-1", *, port: int = 3000, more: tuple[dict[str, Any], ...] = (), **fields: Any) -> Any:
    """Return a declaration: all paths lead to a container, but for those of further routes."""
    routes = [{"path": "/", "container": container, "port": port}, *more]
    return {"routes": routes, "ca": "selfsigned", **fields}


def route(path: str, container: str, port: int = 3000, **fields: Any) -> dict[str, Any]:
    return {"path": path, "container": container, "port": port, **fields}


# Below peer.test. A site whose certificate is the ACME server's has no field ca.
SITES: dict[str, dict[str, Any]] = {
    "one": site(aliases=["alias.peer.test"]),
    "two": site("web-2"),
    "tenant": site("peer-tenant", tenant=TENANT),
    "ports": site("peer-ports", port=8001, more=(route("/second/", "peer-ports", 8002),)),
    "paths": site(
        more=(
            route("/api/", "web-2"),
            route("/api/v2/", "web-1"),
            route("/strip/", "web-2", strip_prefix=True),
        )
    ),
    "rootless": {"routes": [route("/app/", "web-1")], "ca": "selfsigned"},
    "custom": site(),
    "small": site(body_size="1k"),
    "cdn": site(),  # the fixture says which proxy in front is trusted
    "secure": {"routes": [WEB_1], "http3": True},
    "insecure": {"routes": [WEB_1], "hsts": False},
    "lost": site(),
    "locked": site("peer-locked", auth=["/"]),
    "partly": site(more=(route("/staff/", "peer-staff"),), auth=["/staff/"]),
    "elsewhere": site("peer-elsewhere"),
    "inside": site(allow=["192.0.2.0/24"]),
    "gone": site("peer-gone"),
    "moves": site("peer-moves"),
}
# What the forms of a declaration refuse.
UNFIT: dict[str, Any] = {
    "": site(),
    "*.peer.test": site(),
    r"~^web\d+\.peer\.test$": site(),
    "syntax.peer.test": {"routes": "{/: web-1", "ca": "selfsigned"},
    "balanced.peer.test": site(more=(route("/", "web-2"),)),
    "plain.peer.test": site(https=False),
    "client.peer.test": site(client_certificate="ca.pem"),
}
# What fits no host.
UNSERVED = {"hostnet.peer.test": site("peer-hostnet", port=3998)}


@dataclass(frozen=True)
class World:
    """The host with all sites, and what ``site apply`` said of the declarations that it refused."""

    host: ProxyHost
    refusals: str
    own: Mapping[str, str]

    def curl(self, url: str, *words: str, family: str = "ip", inside: bool = False) -> subprocess.CompletedProcess[str]:
        """Send a request from this machine, or from the VPS itself. Standard error has the headers."""
        address = "127.0.0.1" if inside else getattr(self.host.vps, family)
        target = f"[{address}]" if ":" in address else address
        where = [word for port in (80, 443) for word in ("--resolve", f"*:{port}:{target}")]
        argv = ["curl", "-sk", "--path-as-is", "--max-time", "20", "-D", "/dev/stderr", *where, *words, url]
        prefix = ["docker", "exec", self.host.vps.name] if inside else []
        return subprocess.run([*prefix, *argv], capture_output=True, text=True)


@dataclass(frozen=True)
class Ask:
    """A request, and what the client and the container have to see of it. A value of None: the header is absent.

    ``status`` 0 means that nobody answers. ``told`` has keys of the container's document, or names of headers that it
    got.
    """

    url: str
    status: int | tuple[int, ...] = 200
    words: tuple[str, ...] = ()
    headers: Mapping[str, str | None] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    protocol: str = ""
    family: str = "ip"
    inside: bool = False

    def check(self, world: World) -> None:
        own = world.own[self.family]
        words = [word.replace("OWN", own) for word in self.words]
        done = world.curl(self.url, *words, family=self.family, inside=self.inside)
        heads = re.split(r"\r?\n\r?\n", done.stderr.strip())
        line, *fields = heads[-1].splitlines() or [""]
        headers = {name.lower(): value.strip() for name, _colon, value in (each.partition(":") for each in fields)}
        status = int(line.split()[1]) if line.startswith("HTTP/") else 0
        wanted = self.status if isinstance(self.status, tuple) else (self.status,)
        assert status in wanted, (self.url, done.stdout, done.stderr)
        assert line.startswith(self.protocol)
        for name, value in self.headers.items():
            assert headers.get(name.lower()) == value, name
        assert self.text in done.stdout
        for name, value in self.told.items():
            document = json.loads(done.stdout)
            got = {key.lower(): text for key, text in document["headers"].items()}
            seen = document[name] if name in document else got.get(name.lower())
            assert seen == (own if value == "OWN" else value), name


@dataclass(frozen=True)
class Certificate:
    """The handshake for a name shows the certificate of that name."""

    name: str

    def check(self, world: World) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        plain = socket.create_connection((world.host.vps.ip, 443), timeout=10)
        with plain, context.wrap_socket(plain, server_hostname=self.name) as tls:
            shown = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")
        names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert self.name in names.get_values_for_type(x509.DNSName)


@dataclass(frozen=True)
class Refused:
    """``site apply`` names the declaration and the rule that it breaks."""

    declared: str
    rule: str

    def check(self, world: World) -> None:
        lines = [line for line in world.refusals.splitlines() if f"vsa_sites{self.declared}" in line]
        assert any(self.rule in line for line in lines), world.refusals
        name = re.split("[/ =]+", self.declared)[1]
        assert name not in world.host.run("ls", "/etc/vsa/sites").replace(".yml", "").split()


@dataclass(frozen=True)
class Command:
    """A command on the VPS, and what stands in its output."""

    shell: str
    text: str = ""
    absent: str = ""
    whole: str | None = None

    def check(self, world: World) -> None:
        said = world.host.run("sh", "-c", self.shell)
        assert self.text in said
        assert not self.absent or self.absent not in said
        assert self.whole is None or said.split() == self.whole.split()


@dataclass(frozen=True)
class Logged:
    """The last line of a site's log is JSON and has these values."""

    site: str
    values: Mapping[str, Any]

    def check(self, world: World) -> None:
        line = world.host.logged(self.site, str(self.values["uri"]))
        assert {name: line[name] for name in self.values} == self.values


Check = Ask | Certificate | Refused | Command | Logged


@dataclass(frozen=True)
class Scenario:
    """What has to hold, after a step that changes something on the host."""

    checks: tuple[Check, ...]
    before: Callable[[World], None] | None = None


def scenario(*checks: Check, before: Callable[[World], None] | None = None) -> Scenario:
    return Scenario(checks, before)


# -- steps before the requests -----------------------------------------------------------------------------------------


def _place_challenge(world: World) -> None:
    world.host.run("sh", "-c", f"mkdir -p {PROXY}/data/acme/.well-known/acme-challenge")
    world.host.run("sh", "-c", f"echo proof > {PROXY}/data/acme{TOKEN}")


def _lose_certificate(world: World) -> None:
    """Remove a certificate and start NGINX anew: no memory of the lost one is left."""
    world.host.run("rm", "-rf", f"{PROXY}/data/selfsigned/lost.peer.test")
    world.host.run("docker", "restart", "-t", "1", "vsa-nginx")
    world.host.wait_for("one.peer.test", '"app": "web-1"')


def _lose_container(world: World) -> None:
    world.host.run("docker", "rm", "-f", "peer-gone")


def _move_container(world: World) -> None:
    """Let a container come back with another address, while a stranger has its old one."""
    host = world.host
    form = "{{.NetworkSettings.Networks.flowbiz_ext.IPAddress}}"

    def address(name: str) -> str:
        return host.run("docker", "inspect", "-f", form, name).strip()

    old = address("peer-moves")
    host.run("docker", "rm", "-f", "peer-moves")
    # Docker gives each new container the lowest free address.
    for name in STRANGERS:
        host.restart_web(name)
        if address(name) == old:
            break
    host.restart_web("peer-moves")
    assert address("peer-moves") != old
    host.wait_for("moves.peer.test", '"app": "peer-moves"')


# -- the table ---------------------------------------------------------------------------------------------------------

ONE, HTTP_ONE = "https://one.peer.test", "http://one.peer.test"
FORGED = (
    "X-Forwarded-For",
    "X-Real-IP",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Ssl",
)
TOLD = {
    "Host": "one.peer.test",
    "X-Forwarded-For": "OWN",
    "X-Real-IP": "OWN",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "one.peer.test",
    "X-Forwarded-Port": "443",
    "X-Forwarded-Ssl": "on",
}
SENT = ("-d", "a=b")

SCENARIOS: dict[str, Scenario] = {
    "nominal": scenario(Ask(f"{ONE}/x", told={"app": "web-1", "path": "/x"})),
    "multiple-hosts": scenario(
        Ask(f"{ONE}/", told={"app": "web-1"}),
        Ask("https://two.peer.test/", told={"app": "web-2"}),
        Ask("https://alias.peer.test/x?y", 301, headers={"Location": f"{ONE}/x?y"}),
    ),
    "multiple-networks": scenario(
        Ask("https://tenant.peer.test/", told={"app": "peer-tenant"}),
        Command("docker inspect -f '{{json .NetworkSettings.Networks}}' peer-tenant", f"flowbiz_ext_{TENANT}"),
    ),
    "multiple-ports, multiports": scenario(
        Ask("https://ports.peer.test/", told={"app": "first"}),
        Ask("https://ports.peer.test/second/x", told={"app": "second", "path": "/second/x"}),
    ),
    "multiports-invalid-syntax, vhost-empty-string": scenario(
        Refused("/syntax.peer.test/routes", "list"), Refused(" = :", "this is not a domain name")
    ),
    "virtual-path/virtual-paths": scenario(
        Ask("https://paths.peer.test/api/x%2Fy?q", told={"app": "web-2", "path": "/api/x%2Fy?q"}),
        Ask("https://paths.peer.test/other", told={"app": "web-1", "path": "/other"}),
    ),
    "virtual-path/virtual-dest": scenario(
        Ask("https://paths.peer.test/strip/x", told={"app": "web-2", "path": "/x", "X-Forwarded-Prefix": "/strip"})
    ),
    "virtual-path/forwarding": scenario(
        Ask("https://paths.peer.test/strip?a=b", 301, headers={"Location": "https://paths.peer.test/strip/?a=b"}),
        Ask("https://paths.peer.test/strip?a=b", words=("-L",), told={"app": "web-2", "path": "/?a=b"}),
    ),
    "virtual-path/location-precedence": scenario(
        Ask("https://paths.peer.test/api/v2/x", told={"app": "web-1"}),
        Ask("https://paths.peer.test/api/v3/x", told={"app": "web-2"}),
        Ask("https://paths.peer.test/apix", told={"app": "web-1"}),
    ),
    "virtual-path/default-root-none": scenario(
        Ask("https://rootless.peer.test/app/x", told={"app": "web-1"}),
        Ask("https://rootless.peer.test/", 404),
        Ask("https://rootless.peer.test/elsewhere", 404),
    ),
    "custom/per-vhost": scenario(
        Ask("https://custom.peer.test/", headers={"X-Test": "f00"}), Ask(f"{ONE}/", headers={"X-Test": None})
    ),
    "location-override, client_max_body_size": scenario(
        Ask("https://small.peer.test/", words=("-d", "x" * 1024), told={"body_bytes": 1024}),
        Ask("https://small.peer.test/", 413, words=("-d", "x" * 1025)),
        Ask(f"{ONE}/", words=("-d", "x" * 1025), told={"body_bytes": 1025}),
    ),
    "headers: any other header is passed on": scenario(Ask(f"{ONE}/", words=("-H", "Foo: Bar"), told={"Foo": "Bar"})),
    "headers: X-Forwarded-* are set": scenario(Ask(f"{ONE}/", told=TOLD)),
    "headers: X-Forwarded-* of a client are overwritten": scenario(
        Ask(f"{ONE}/", words=tuple(word for name in FORGED for word in ("-H", f"{name}: forged")), told=TOLD),
        Ask(f"{ONE}/", words=("--http2", "-H", "x-forwarded-ssl: off"), told=TOLD),
    ),
    "headers: httpoxy": scenario(Ask(f"{ONE}/", words=("-H", "Proxy: tcp://evil.example"), told={"Proxy": None})),
    "headers: server_tokens": scenario(
        Ask(f"{ONE}/", headers={"Server": "nginx"}),
        Ask("https://rootless.peer.test/", 404, headers={"Server": "nginx"}),
    ),
    "trust-downstream-proxy": scenario(
        Ask(
            "https://cdn.peer.test/",
            words=("-H", "X-Forwarded-For: 192.0.2.1, 203.0.113.9"),
            told={"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9"},
        ),
        Ask(f"{ONE}/", words=("-H", "X-Forwarded-For: 203.0.113.9"), told={"X-Forwarded-For": "OWN"}),
    ),
    "ssl/redirect: GET and HEAD": scenario(
        Ask(f"{HTTP_ONE}/x?a=%2F", 301, headers={"Location": f"{ONE}/x?a=%2F"}),
        Ask(f"{HTTP_ONE}/", 301, words=("-I",), headers={"Location": f"{ONE}/"}),
    ),
    "ssl/redirect: other methods are kept": scenario(
        *(Ask(f"{HTTP_ONE}/", 308, words=("-X", method)) for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH")),
        Ask(f"{HTTP_ONE}/form", words=(*SENT, "-L"), told={"method": "POST", "path": "/form", "body_bytes": 3}),
        Ask("https://alias.peer.test/form", words=(*SENT, "-L"), told={"method": "POST", "body_bytes": 3}),
        Ask("https://paths.peer.test/strip", words=(*SENT, "-L"), told={"method": "POST", "body_bytes": 3}),
    ),
    "siblings of issue 14, item 5: every redirect, method and protocol": scenario(
        Ask("https://alias.peer.test/a?b", 308, words=(*SENT, "--http2"), headers={"Location": f"{ONE}/a?b"}),
        Ask("http://alias.peer.test/a%2Fb", 308, words=("-X", "PATCH"), headers={"Location": f"{ONE}/a%2Fb"}),
        Ask("http://alias.peer.test/", words=(*SENT, "-L"), told={"method": "POST", "body_bytes": 3}),
        Ask(
            "https://paths.peer.test/strip?a=b",
            308,
            words=("-X", "PUT", *SENT, "--http2"),
            headers={"Location": "https://paths.peer.test/strip/?a=b"},
        ),
        Ask(
            "https://paths.peer.test/strip", 301, words=("-I",), headers={"Location": "https://paths.peer.test/strip/"}
        ),
        # A method that nobody knows may have a body too.
        Ask(f"{HTTP_ONE}/", 308, words=("-X", "BREW")),
        # Larger than every buffer, without a length, and larger than the site takes.
        Ask(f"{HTTP_ONE}/", words=("-d", "x" * 100_000, "-L"), told={"method": "POST", "body_bytes": 100_000}),
        Ask(f"{HTTP_ONE}/", 308, words=(*SENT, "-H", "Transfer-Encoding: chunked")),
        Ask("http://small.peer.test/", 308, words=("-d", "x" * 1025)),
        Ask("http://locked.peer.test/", 308, words=SENT, headers={"Location": "https://locked.peer.test/"}),
        Ask("http://inside.peer.test/", 308, words=SENT, headers={"Location": "https://inside.peer.test/"}),
        # The last path of the proxy's own redirects: a challenge is none.
        Ask(f"{HTTP_ONE}/.well-known/acme-challenge", 308, words=SENT),
    ),
    "ssl/hsts": scenario(
        Ask("https://secure.peer.test/", headers={"Strict-Transport-Security": "max-age=31536000"}),
        Ask("https://secure.peer.test/status/500", 500, headers={"Strict-Transport-Security": "max-age=31536000"}),
        Ask("https://insecure.peer.test/", headers={"Strict-Transport-Security": None}),
    ),
    "ssl/dhparam: protocols and ciphers": scenario(
        Ask(f"{ONE}/", words=("--tlsv1.2", "--tls-max", "1.2")),
        Ask(f"{ONE}/", words=("--tlsv1.3",)),
        Ask(f"{ONE}/", 0, words=("--tls-max", "1.2", "--ciphers", "AES128-GCM-SHA256")),
        Ask(f"{ONE}/", 0, words=("--tlsv1.0", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0")),
    ),
    "ssl/cert-selection": scenario(
        Certificate("one.peer.test"),
        Certificate("alias.peer.test"),
        Certificate("two.peer.test"),
        Certificate("secure.peer.test"),
    ),
    "ssl/wildcard, wildcard-host, regex": scenario(
        Refused(" = *.peer.test", "this is not a domain name"),
        Refused(r" = ~^web\d+\.peer\.test$", "this is not a domain name"),
    ),
    "ssl/nohttps, noredirect, mtls": scenario(
        Refused("/plain.peer.test/https", "a manifest has no such field"),
        Refused("/client.peer.test/client_certificate", "a manifest has no such field"),
    ),
    "deleted-cert, enable-http-on-missing-cert": scenario(
        Ask("https://lost.peer.test/", 0),
        Ask("http://lost.peer.test/", 301, headers={"Location": "https://lost.peer.test/"}),
        Ask(f"{ONE}/", told={"app": "web-1"}),
        before=_lose_certificate,
    ),
    "acme-http-challenge-location": scenario(
        Ask(f"{HTTP_ONE}{TOKEN}", text="proof"),
        Ask(f"http://unknown.peer.test{TOKEN}", text="proof"),
        Ask(f"http://locked.peer.test{TOKEN}", text="proof"),
        Ask(f"{HTTP_ONE}{TOKEN}-of-another", 404),
        before=_place_challenge,
    ),
    "fallback, default-host, raw-ip-vhost": scenario(
        Ask("http://unknown.peer.test/", 0),
        Ask("https://unknown.peer.test/", 0),
        Ask("http://web-2/", 0),
        Ask("http://127.0.0.1/", 0, inside=True),
        Ask("https://127.0.0.1/", 0, inside=True),
        Ask(f"{ONE}/", 421, words=("-H", "Host: unknown.peer.test")),
    ),
    "htpasswd/virtual-host": scenario(
        Ask(
            "https://locked.peer.test/x",
            401,
            headers={"WWW-Authenticate": 'Basic realm="locked.peer.test /", charset="UTF-8"'},
        ),
        Ask("https://locked.peer.test/x", 401, words=("-u", "ali:wrong")),
        Ask(
            "https://locked.peer.test/x",
            words=("-u", f"ali:{PASSWORD}"),
            told={"app": "peer-locked", "Authorization": None},
        ),
    ),
    "htpasswd/virtual-path": scenario(
        Ask("https://partly.peer.test/", told={"app": "web-1"}),
        Ask("https://partly.peer.test/staff/x", 401),
        Ask("https://partly.peer.test/staff/x", words=("-u", f"ali:{PASSWORD}"), told={"app": "peer-staff"}),
    ),
    "http2": scenario(
        Ask(f"{ONE}/", words=("--http2",), protocol="HTTP/2 200", told={"app": "web-1"}),
        Ask(f"{ONE}/", words=("--http1.1",), protocol="HTTP/1.1 200", told={"app": "web-1"}),
    ),
    "http3": scenario(
        Ask("https://secure.peer.test/", headers={"Alt-Svc": 'h3=":443"; ma=86400'}),
        Ask(f"{ONE}/", headers={"Alt-Svc": None}),
        Ask("https://secure.peer.test/", words=("--http3-only",), protocol="HTTP/3 200", inside=True),
        Ask(f"{ONE}/", 0, words=("--http3-only", "--max-time", "2"), inside=True),
    ),
    "ipv6": scenario(
        Ask(f"{ONE}/", family="ip6", told=TOLD),
        Ask(f"{HTTP_ONE}/", 301, family="ip6", headers={"Location": f"{ONE}/"}),
    ),
    "keepalive": scenario(
        Ask(f"{ONE}/", words=("--http1.1", "-H", "Connection: close"), told={"Connection": None, "X-Real-IP": "OWN"})
    ),
    "loadbalancing, sticky, backup-server": scenario(
        Refused("/balanced.peer.test/routes", "two routes have the same path")
    ),
    "server-down, custom-error-page": scenario(
        Ask("https://gone.peer.test/", (502, 504), words=("-H", "Accept: text/html"), text="does not answer"),
        Ask(f"{ONE}/", told={"app": "web-1"}),
        Ask(f"{ONE}/status/502", 502, told={"app": "web-1"}),
        before=_lose_container,
    ),
    "events": scenario(Ask("https://moves.peer.test/", told={"app": "peer-moves"}), before=_move_container),
    "host-network-mode, container-network-mode": scenario(Refused("/hostnet.peer.test", "no network of its own")),
    "unreachable-network": scenario(
        Ask("https://elsewhere.peer.test/", told={"app": "peer-elsewhere"}),
        Command("docker inspect -f '{{json .NetworkSettings.Networks}}' peer-elsewhere", '"flowbiz_ext"'),
    ),
    "internal": scenario(Ask("https://inside.peer.test/", 403), Ask("http://inside.peer.test/", 301)),
    "logs": scenario(
        Ask(f"{ONE}/logged?a=b", words=("-A", 'a "quoted" agent')),
        Logged("one.peer.test", {"uri": "/logged?a=b", "status": 200, "agent": 'a "quoted" agent', "method": "GET"}),
        Command("docker exec vsa-nginx curl -s --unix-socket /run/vsa-status.sock http://vsa/health", "ok"),
        Logged("one.peer.test", {"uri": "/logged?a=b"}),
    ),
    "dockergen, docker-unix-socket, external-ports, upstream-name": scenario(
        Command(
            "docker inspect -f '{{json .Mounts}}' vsa-nginx vsa-auth vsa-certbot",
            "/etc/nginx/vsa",
            absent="docker.sock",
        ),
        Command("docker port vsa-nginx | cut -d' ' -f1 | sort -u", whole="443/tcp 443/udp 80/tcp"),
        Command(f"cat {PROXY}/data/nginx/store/ports.peer.test/*.conf", "server peer-ports.flowbiz_ext:8002 "),
    ),
}


# -- the host ----------------------------------------------------------------------------------------------------------

# Containers besides web-1 and web-2, each with further options of docker run.
CONTAINERS = {
    "peer-tenant": f"--network flowbiz_ext_{TENANT}",
    "peer-locked": "--network flowbiz_ext",
    "peer-staff": "--network flowbiz_ext",
    "peer-elsewhere": "--network peer-private",
    "peer-gone": "--network flowbiz_ext",
    "peer-moves": "--network flowbiz_ext",
    "peer-hostnet": "--network host -e PORT=3998",
}
_TWO_PORTS = "PORT=8001 APP_NAME=first python3 -u /app.py & PORT=8002 APP_NAME=second exec python3 -u /app.py"


def _start_containers(host: ProxyHost) -> None:
    for name in ("web-1", "web-2"):
        host.restart_web(name)
    lines = [f"docker network create {name}; " for name in (f"flowbiz_ext_{TENANT}", "peer-private")]
    run = "docker run -d --restart unless-stopped"
    for name, words in CONTAINERS.items():
        lines.append(f"{run} --name {name} -e APP_NAME={name} {words} vsa-demo-web:1 & ")
    ports = f"{run} --name peer-ports --network flowbiz_ext --entrypoint sh vsa-demo-web:1 -c '{_TWO_PORTS}' & "
    _remove_containers(host)
    host.run("sh", "-c", "".join([*lines, ports, "wait"]))


def _remove_containers(host: ProxyHost) -> None:
    host.run("docker", "rm", "-f", *CONTAINERS, "peer-ports", *STRANGERS, check=False)


def _template(folder: Path) -> None:
    """Write the operator's own template: one site has a header of its own."""
    text = TEMPLATE.read_text()
    line = "    http2 on;\n    server_name {{ site.served }};\n"
    assert text.count(line) == 1
    own = '{% if site.domain == "custom.peer.test" %}\n    add_header X-Test f00;\n{% endif %}\n'
    (folder / TEMPLATE.name).write_text(text.replace(line, line + own))


@pytest.fixture(scope="module")
def world(proxy_vps: rig.Vps, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A proxy with every site of the table, made by one transaction."""
    host = ProxyHost(proxy_vps)
    own = {family: host.own_address(family) for family in ("ip", "ip6")}
    place, templates = tmp_path_factory.mktemp("inventory"), tmp_path_factory.mktemp("own")
    _template(templates)
    _start_containers(host)
    hosts = {"all": {"hosts": {proxy_vps.name: proxy_vps.inventory_vars(user="root")}}}
    (place / "hosts.yml").write_text(yaml.safe_dump(hosts))
    (place / "host_vars").mkdir()

    def apply(sites: Mapping[str, Any]) -> dict[str, Any]:
        values = {"vsa_sites": dict(sites), "vsa_vhost_templates_dir": str(templates)}
        (place / "host_vars" / f"{proxy_vps.name}.yml").write_text(yaml.safe_dump(values))
        done = rig.vsa("site", "apply", "-i", str(place), "--json", vps=proxy_vps, check=False)
        answer = json.loads(done.stdout)
        assert answer["hosts"], answer
        return next(iter(answer["hosts"].values()))

    try:
        refused = [apply(sites) for sites in (UNFIT, UNSERVED)]
        errors = [answer["error"] for answer in refused]
        mistakes = [f"{error['field']}: {error['message']}" for error in errors]
        mistakes += [detail for error in errors for detail in error.get("details", [])]
        declared = {f"{name}.peer.test": fields for name, fields in SITES.items()}
        declared["cdn.peer.test"]["trusted_proxies"] = [own["ip"]]
        proxy_vps.add_dns(*(name for name, fields in declared.items() if "ca" not in fields))
        before = host.live()
        made = apply(declared)
        assert (made.get("error"), host.live()) == (None, before + 1), made
        for name, words in (("locked", ()), ("partly", ("--route", "/staff/"))):
            said = ("auth", "add", "--domain", f"{name}.peer.test", "--user", "ali", "--password-stdin", *words)
            rig.vsa(*said, "-i", str(place), vps=proxy_vps, input=f"{PASSWORD}\n")
        yield World(host, "\n".join(mistakes), own)
    finally:
        host.run(
            "sh",
            "-c",
            f"rm -rf /etc/vsa/sites/*.peer.test.yml {PROXY}/data/htpasswd/*.peer.test {PROXY}/data/acme{TOKEN}",
        )
        host.drive(sync=True)
        _remove_containers(host)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_of_the_peer(world: World, name: str) -> None:
    wanted = SCENARIOS[name]
    if any(isinstance(check, Ask) and not world.own[check.family] for check in wanted.checks):
        pytest.skip("the rig's network has no IPv6 here")
    if wanted.before:
        wanted.before(world)
    for check in wanted.checks:
        check.check(world)
