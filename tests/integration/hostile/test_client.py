# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks by a client on the internet: spellings of a protected path, upgrades, forged headers, lines of the log."""

from __future__ import annotations

import json
import random
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.render import DROPPED_HEADERS

import rig
from proxyhost import ProxyHost
from readings import is_refused, nginx_uri

SITE, ALIAS = "client.vsa.test", "alias.client.vsa.test"
PROTECTED = ["/admin/", "/api/v2"]
LOG = f"/srv/platform/reverse-proxy/logs/nginx/{SITE}.access.log"

# Other paths, which have to pass.
LEGITIMATE = (
    "/", "/x", "/x/", "/job/a%252Fb", "/job/a%2Fb", "/caf\xe9", "/caf%E9", "/caf%C3%A9", "/100%25", "/100%2525",
    "/go/https://example.com/admin/", "/go/https:%2F%2Fexample.com%2Fadmin%2F", "/go/https%3A%2F%2Fexample.com/admin/",
    "/map;zoom=3/tile;x=1;y=2", "/map;zoom=3;admin/", "/x;jsessionid=1A2B", "/administrator", "/adminx/", "/my/admin/",
    "/x/admin", "/a.b/c+d", "/...", "/x/...", "/..x/y..", "/.well", "/.git-blame", "/~user/", "/@scope/package",
    "/a//b///c//", "/./a", "/a/./b", "/a:b", "/%7Euser", "/x?next=/admin/", "/x?next=%2Fadmin%2F", "/x?../admin/",
    "/x%20y", "/x%09y", "/%F0%9F%98%80", "/a%5Cb", "/(a)/[b]/{c}", "/a,b", "/a=b", "/a%3Bb", "/a|b", "/adm/in/",
    "/dmin/", "/%61", "/index.php/x", "/-/admin/", "/api/v1", "/api/", "/api/%76",
)  # fmt: skip
# The spellings that passed once, and their kind.
PASSED_ONCE = (
    "/;/admin/", "/.;/admin/", "/;x=1/admin/x", "/.;x/admin", "/;/;/admin/", "/./;/admin/", "/;%2f/admin/",
    "/admin%0a", "/admin%0ax", "/admin%0d", "/admin%7f", "/admin%01/x", "/admin%250a", "/api/%0a/../v2",
    "/%2561dmin/", "/%25%36%31dmin/", "/admin%252f", "/admin%253bx/", "/x%252f..%252fadmin/", "/admin;/", "/admin;x/y",
    "/ADMIN/", "/Admin", "/admin\\", "/\\admin/", "/%5cadmin/", "/%255cadmin/", "/admin%3f", "/admin%23x", "/aPi/v2x",
    "/api/;/v2", "/api;x/v2", "/api/.;/v2", "/api%2f;%2fv2", "/api/%2e;/v2", "/;\\%0a/admin",
)  # fmt: skip
_PIECES = (
    "/ // /./ /;/ /.;/ /;x=1/ \\ %2f %5c %252f %255c %2e %252e . ; %3b %253b ;v=1 %0a %250a %7f a A %61 %41 %2561 "
    "admin Admin adm%69n %61dmin api v2 V2 %76%32 x y b ?"
).split()


def _spellings(count: int) -> list[str]:
    """Return so many targets that a protected path is a reading of, and NGINX takes for another path."""
    chance = random.Random(20261129)  # the same ones in every run
    found = dict.fromkeys(PASSED_ONCE)
    while len(found) < count:
        raw = "/" + "".join(chance.choice(_PIECES) for _ in range(chance.randrange(1, 8)))
        if nginx_uri(raw) is not None and is_refused(raw, PROTECTED):
            found[raw] = None
    return list(found)


@pytest.fixture(scope="module")
def host(proxy_vps: rig.Vps) -> Iterator[ProxyHost]:
    """A proxy with one site: everything leads to one container, two paths are behind passwords, nobody has one."""
    host = ProxyHost(proxy_vps)
    host.restart_web("web-1")
    routes = [{"path": path, "container": "web-1", "port": 3000} for path in ("/", "/folder/")]
    more = {"auth": PROTECTED, "aliases": [ALIAS], "body_size": "1m"}
    made = host.provision(SITE, said={"container": None, "port": None, "routes": routes, **more})
    assert made.get("proven"), str(made)[:3000]
    host.wait_for(SITE, '"app": "web-1"')
    yield host
    host.remove(SITE)
    host.run("rm", "-rf", f"/srv/platform/reverse-proxy/data/htpasswd/{SITE}")


class Client:
    """One connection to the proxy, on which requests are sent as they are typed."""

    def __init__(self, address: str) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        plain = socket.create_connection((address, 443), timeout=20)
        self._tls = context.wrap_socket(plain, server_hostname=SITE)
        self._stream = self._tls.makefile("rb")

    def ask(self, target: str, *headers: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        """Send a request and return status, headers and body of the answer."""
        lines = (f"{method} {target} HTTP/1.1", f"Host: {SITE}", *headers, "", "")
        self._tls.sendall("\r\n".join(lines).encode("latin-1"))
        status = int(self._stream.readline().split()[1])
        fields = {}
        while line := self._stream.readline().strip().decode("latin-1"):
            name, _colon, value = line.partition(":")
            fields[name.lower()] = value.strip()
        if fields.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self._stream.readline(), 16):
                body += self._stream.read(size)
                self._stream.readline()
            self._stream.readline()
        else:
            body = self._stream.read(int(fields.get("content-length") or 0))
        return status, fields, body

    def close(self) -> None:
        self._stream.close()
        self._tls.close()


@pytest.fixture
def ask(host: ProxyHost) -> Iterator[Any]:
    """``ask(target, *headers)``: on one connection while it lasts, then on another."""
    clients = [Client(host.vps.ip)]

    def send(target: str, *headers: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        answer = clients[-1].ask(target, *headers, method=method)
        if answer[1].get("connection") == "close":
            clients[-1].close()
            clients.append(Client(host.vps.ip))
        return answer

    yield send
    clients[-1].close()


def test_a_password_holds_whatever_the_spelling(ask: Any) -> None:
    """No answer of the backend comes without the password, for any reading of the path (HTTP/1.1)."""
    spellings = _spellings(600)
    served = [target for target in spellings if ask(target)[0] not in (400, 401, 404)]
    assert not served
    for prefix in PROTECTED:
        assert ask(prefix)[0] == 401


def test_a_password_holds_whatever_the_spelling_by_http2(host: ProxyHost) -> None:
    spellings = [target for target in _spellings(300) if "\\" not in target]
    urls = "".join(f'url = "https://{SITE}{target}"\noutput = "/dev/null"\n' for target in spellings)
    options = f'resolve = "{SITE}:443:127.0.0.1"\ninsecure\nsilent\nhttp2\npath-as-is\ngloboff\n'
    options += 'write-out = "%{http_code} %{http_version}\\n"\n'
    text = host.run("curl", "-K", "-", stdin=(options + urls).encode(), check=False)
    answers = [tuple(line.split()) for line in text.splitlines()]
    assert len(answers) == len(spellings)
    assert {version for _status, version in answers} == {"2"}
    assert {status for status, _version in answers} <= {"400", "401", "404"}


def test_other_paths_pass(ask: Any) -> None:
    assert len(LEGITIMATE) >= 30
    for target in LEGITIMATE:
        assert not is_refused(target, PROTECTED), target
        status, _headers, body = ask(target)
        assert (status, json.loads(body)["path"]) == (200, target), target


def test_a_target_of_special_characters_alone_is_refused(ask: Any) -> None:
    """Its readings would cost the proxy time; an honest path of encoded letters is far shorter."""
    for piece in ("/%255c;%253bx\\%250a", "/;\\%3b%5c", "/;", "/%2f"):
        assert ask(piece * (6000 // len(piece)))[0] == 404
    assert ask("/" + "%E3%81%82" * 330)[0] == 200


@pytest.mark.parametrize(
    "upgrade", ["h2c", "H2C", "h2c, websocket", "websocket, h2c", "TLS/1.2", "websocket2", "x", "websocket/13"]
)
@pytest.mark.parametrize("target", ["/", "/folder/x"])
def test_only_websocket_is_an_upgrade(ask: Any, target: str, upgrade: str) -> None:
    headers = (f"Upgrade: {upgrade}", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")
    status, _fields, body = ask(target, *headers)
    seen = {name.lower() for name in json.loads(body)["headers"]}
    assert status == 200
    assert not seen & {"upgrade", "http2-settings", "connection"}


def test_a_protected_path_has_no_upgrade_round_the_password(ask: Any) -> None:
    for upgrade in ("h2c", "websocket"):
        assert ask("/admin/", f"Upgrade: {upgrade}", "Connection: Upgrade")[0] == 401


def test_no_client_says_what_backends_believe(ask: Any) -> None:
    forged = [*DROPPED_HEADERS, "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Ssl", "X-Real-IP"]
    status, _fields, body = ask("/", *(f"{name}: forged" for name in forged))
    seen = json.loads(body)["headers"]
    assert status == 200
    assert "forged" not in json.dumps(seen)
    assert {name: seen[name] for name in ("X-Forwarded-Proto", "X-Forwarded-Ssl", "X-Forwarded-Scheme")} == {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Ssl": "on",
        "X-Forwarded-Scheme": "https",
    }


@pytest.mark.parametrize(
    ("name", "https", "target", "there"),
    [
        (SITE, False, "/x?a=%2F", f"https://{SITE}/x?a=%2F"),
        (ALIAS, False, "/x", f"https://{SITE}/x"),
        (ALIAS, True, "/x/?y", f"https://{SITE}/x/?y"),
        (SITE, True, "/folder", f"https://{SITE}/folder/"),
        (SITE, True, "/folder?a=b", f"https://{SITE}/folder/?a=b"),
    ],
)
def test_a_redirect_keeps_the_method(host: ProxyHost, name: str, https: bool, target: str, there: str) -> None:
    for method, expected in (
        ("GET", 301),
        ("HEAD", 301),
        ("POST", 308),
        ("PUT", 308),
        ("DELETE", 308),
        ("MADEUP", 308),
    ):
        words = ("-I",) if method == "HEAD" else ("-X", method)
        status, text = host.get(name, target, *words, "-D", "-", https=https)
        assert status == expected, method
        assert f"\r\nlocation: {there.lower()}\r\n" in text.lower()


def test_every_line_of_the_log_is_json(host: ProxyHost, ask: Any) -> None:
    """Whatever the tests above sent, and what makes NGINX log a status of its own making."""
    for method in ("GET", "PROPFIND", "X" * 60, "get"):
        ask("/x", method=method)
    cookie = "Cookie: " + "a" * 60_000
    host.get(SITE, "/", "--http2", "-H", cookie)
    host.get(SITE, "/", "--http1.1", "-H", cookie)
    host.get(SITE, "/", "-H", 'User-Agent: "\\\x01\x7f\xff', "-H", 'Referer: \\"}{')
    # NGINX logs a byte that is not UTF-8 as it came; every reader of JSON replaces such a byte.
    lines = host.run("iconv", "-c", "-f", "utf-8", "-t", "utf-8", LOG, check=False).splitlines()
    read = [json.loads(line) for line in lines]
    assert len(read) > 100
    assert {type(entry["status"]) for entry in read} == {int}
    assert {entry["method_label"] for entry in read} <= {
        *("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "other")
    }
    assert "PROPFIND" in {entry["method"] for entry in read}
