# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks by a client on the internet: spellings of a protected path, upgrades, forged headers, lines of the log."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.headers import DROPPED_HEADERS

import rig
from proxyhost import ProxyHost
from rawclient import Client
from readings import is_refused
from spellings import PROTECTED, spellings

SITE, ALIAS = "client.vsa.test", "alias.client.vsa.test"
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


@pytest.fixture
def ask(host: ProxyHost) -> Iterator[Any]:
    """``ask(target, *headers)``: on one connection while it lasts, then on another."""
    clients = [Client(host.vps.ip, SITE)]

    def send(target: str, *headers: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        try:
            answer = clients[-1].ask(target, *headers, method=method)
        except ConnectionError:
            clients.append(Client(host.vps.ip, SITE))
            answer = clients[-1].ask(target, *headers, method=method)
        if answer[1].get("connection") == "close":
            clients[-1].close()
            clients.append(Client(host.vps.ip, SITE))
        return answer

    yield send
    clients[-1].close()


def test_a_password_holds_whatever_the_spelling(ask: Any) -> None:
    """No answer of the backend comes without the password, for any reading of the path (HTTP/1.1)."""
    served = [target for target in spellings(600) if ask(target)[0] not in (400, 401, 404)]
    assert not served
    for prefix in PROTECTED:
        assert ask(prefix)[0] == 401


def test_a_password_holds_whatever_the_spelling_by_http2(host: ProxyHost) -> None:
    targets = [target for target in spellings(300) if "\\" not in target]
    urls = "".join(f'url = "https://{SITE}{target}"\noutput = "/dev/null"\n' for target in targets)
    options = f'resolve = "{SITE}:443:127.0.0.1"\ninsecure\nsilent\nhttp2\npath-as-is\ngloboff\n'
    options += 'write-out = "%{http_code} %{http_version}\\n"\n'
    text = host.run("curl", "-K", "-", stdin=(options + urls).encode(), check=False)
    answers = [tuple(line.split()) for line in text.splitlines()]
    assert len(answers) == len(targets)
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


OTHER = "door.vsa.test"


def test_another_path_to_a_protected_container_asks_for_the_password(host: ProxyHost, ask: Any) -> None:
    """A route without its prefix leads to the same page, and so does a site of somebody else."""
    routes = [{"path": path, "container": "web-1", "port": 3000} for path in ("/", "/folder/")]
    stripped = {"path": "/open/", "container": "web-1", "port": 3000, "strip_prefix": True}
    assert ask("/open/admin/")[0] == 200
    made = host.provision(SITE, said={"container": None, "port": None, "routes": [*routes, stripped]})
    text = f"{SITE}/open/admin/ asks for the same password as /admin/"
    assert text in json.dumps(made), str(made)[:3000]
    assert {target: ask(target)[0] for target in ("/open/admin/", "/open/admin", "/open/admin/x", "/open/api/v2")} == {
        **dict.fromkeys(("/open/admin/", "/open/admin", "/open/admin/x", "/open/api/v2"), 401)
    }
    assert ask("/open/x")[0] == 200
    assert ask("/open/;/admin/")[0] == 404
    refused = host.provision(OTHER)
    assert f"{OTHER}/admin/ would show without a password what {SITE} protects at /admin/" in json.dumps(refused)
    assert OTHER not in json.dumps(host.disk())
    host.provision(SITE, said={"container": None, "port": None, "routes": routes})


def test_issue_14_item_6_no_client_says_what_backends_believe(ask: Any) -> None:
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
def test_issue_14_item_5_a_redirect_keeps_the_method(
    host: ProxyHost, name: str, https: bool, target: str, there: str
) -> None:
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


def test_issue_14_item_4_every_line_of_the_log_is_json(host: ProxyHost, ask: Any) -> None:
    """Whatever the tests above sent, and what makes NGINX log a status of its own making."""
    for method in ("GET", "PROPFIND", "X" * 60, "get"):
        ask("/x", method=method)
    cookie = "Cookie: " + "a" * 60_000
    host.get(SITE, "/", "--http2", "-H", cookie)
    host.get(SITE, "/", "--http1.1", "-H", cookie)
    host.get(SITE, "/", "-H", 'User-Agent: "\\\x01\x7f\xff', "-H", 'Referer: \\"}{')
    for sent in (
        b"caf\xe9",
        b"caf\xc3\xa9",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xc0\xaf",
        b"a\xff" * 2000,
        b"\xe2\x82",
    ):
        text = sent.decode("latin-1")
        ask(f"/{text}", f"User-Agent: {text}", f"Referer: {text}")
    # In base64, because the other tools of the tests read UTF-8 only.
    content = base64.b64decode(host.run("base64", LOG))
    read = [json.loads(line.decode()) for line in content.splitlines()]
    assert {"café", "caf (and bytes that are not UTF-8)"} <= {entry["agent"] for entry in read}
    assert len(read) > 15
    assert {type(entry["status"]) for entry in read} == {int}
    assert {entry["method_label"] for entry in read} <= {
        *("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "other")
    }
    assert "PROPFIND" in {entry["method"] for entry in read}


def test_a_site_that_leads_to_the_proxy_itself_is_refused(host: ProxyHost, vsa: Any) -> None:
    """A request to such a site would come to the same site again and again."""
    for name in ("vsa-nginx", "vsa-auth"):
        words = ("site", "provision", "--domain", "loop.vsa.test", "--container", name, "--port", "443")
        refused = vsa(*words)
        assert refused.returncode == 3, refused.stdout + refused.stderr
        assert "would be a loop" in refused.stdout + refused.stderr
