# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container that a request reaches, and the bytes that the container gets: tables of requests and expectations."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.headers import DROPPED_HEADERS

import rig
from proxyhost import ProxyHost

SITE = "routes.vsa.test"


def _route(path: str, container: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "container": container, "port": 3000, **more}


ROUTES = [
    _route("/", "web-1"),
    _route("/api/", "web-2"),
    _route("/api/v2/", "web-1"),
    _route("/admin/", "web-2"),
    _route("/strip/", "web-2", strip_prefix=True),
    _route("/strip/a.b+c/", "web-1", strip_prefix=True),
    _route(
        "/hook/", "web-2", headers={"Dify-Hook-Url": "$scheme://$host$request_uri", "X-Hook-Method": "$request_method"}
    ),
]


@pytest.fixture(scope="module")
def host(proxy_vps: rig.Vps) -> Iterator[ProxyHost]:
    """A proxy with the site of this file."""
    host = ProxyHost(proxy_vps)
    for name in ("web-1", "web-2"):
        host.restart_web(name)
    made = host.provision(SITE, said={"container": None, "port": None, "routes": ROUTES})
    assert made.get("proven"), made
    host.wait_for(SITE, '"app": "web-1"')
    host.wait_until(f"curl -skf --resolve {SITE}:443:127.0.0.1 https://{SITE}/api/")
    yield host
    host.remove(SITE)


def _raw(host: ProxyHost, target: str, *, method: str = "GET") -> tuple[int, dict[str, Any]]:
    """Send this request line unchanged: a client library would normalise it."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((host.vps.ip, 443), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=SITE) as tls,
    ):
        tls.sendall(f"{method} {target} HTTP/1.1\r\nHost: {SITE}\r\nConnection: close\r\n\r\n".encode("latin-1"))
        answer = b""
        while part := tls.recv(65536):
            answer += part
    head, _gap, body = answer.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    return status, json.loads(body) if status == 200 else {}


@pytest.mark.parametrize(
    ("target", "app", "path"),
    [
        # The longest prefix wins.
        ("/", "web-1", "/"),
        ("/api/", "web-2", "/api/"),
        ("/api/x", "web-2", "/api/x"),
        ("/api/v2/x", "web-1", "/api/v2/x"),
        ("/apix", "web-1", "/apix"),
        ("/other/api/", "web-1", "/other/api/"),
        # The path arrives as the client sent it.
        ("/api/x%2Fy", "web-2", "/api/x%2Fy"),
        ("/api/x%2fy", "web-2", "/api/x%2fy"),
        ("/api%2fx", "web-2", "/api%2fx"),
        ("/%61pi/x", "web-2", "/%61pi/x"),
        ("/api/%2e/x", "web-2", "/api/%2e/x"),
        ("/api/a%2eb", "web-2", "/api/a%2eb"),
        ("/api/./x", "web-2", "/api/./x"),
        ("/api//double///x//", "web-2", "/api//double///x//"),
        ("//api/x", "web-2", "//api/x"),
        ("/api/...", "web-2", "/api/..."),
        ("/api/..x/y..", "web-2", "/api/..x/y.."),
        ("/a%20b;c=d/%C3%A9", "web-1", "/a%20b;c=d/%C3%A9"),
        ("/caf\xc3\xa9", "web-1", "/caf\xc3\xa9"),
        ("/100%25/%2525", "web-1", "/100%25/%2525"),
        ('/"quoted"/<x>|{y}', "web-1", '/"quoted"/<x>|{y}'),
        # Only the backend reads the query.
        ("/api/x?", "web-2", "/api/x?"),
        ("/api/x?a=%2F..%2f&b=/../c&d=//e?f", "web-2", "/api/x?a=%2F..%2f&b=/../c&d=//e?f"),
        ("/?/../x", "web-1", "/?/../x"),
        # The prefix is stripped once, and the rest arrives as the client sent it.
        ("/strip/", "web-2", "/"),
        ("/strip/x", "web-2", "/x"),
        ("/strip/strip/x", "web-2", "/strip/x"),
        ("/strip//x", "web-2", "//x"),
        ("/strip/x%2Fy/%2e/z%20?q=%20&r=/strip/", "web-2", "/x%2Fy/%2e/z%20?q=%20&r=/strip/"),
        ("/strip/?a=b", "web-2", "/?a=b"),
        ("/strip/a.b+c/x", "web-1", "/x"),
        ("/strip/aXb+c/x", "web-2", "/aXb+c/x"),
        ("/strip/a.bbc/x", "web-2", "/a.bbc/x"),
    ],
)  # fmt: skip
def test_requests_arrive_byte_for_byte(host: ProxyHost, target: str, app: str, path: str) -> None:
    status, seen = _raw(host, target)
    assert (status, seen.get("app"), seen.get("path")) == (200, app, path)


@pytest.mark.parametrize(
    "target",
    [
        # NGINX matches the decoded path and passes on the raw path. So NGINX would choose one route for each of these,
        # and a backend that reads paths in its own way would see another route.
        "/api/../admin/x", "/api%2f../admin/x", "/api/..%2fadmin/x", "/api/%2e%2e/admin/x", "/api/.%2E/admin/x",
        "/api/%2e./admin/x", "/admin/..", "/admin/..%2f", "/admin/..?x", "/admin/..#x", "/api/x#/../../admin/",
        "/api/..;/admin/x", "/api/..%3b/admin/x",
        "/api/..%5cadmin/x", "/api%5c..%5cadmin/x", "/api\\..\\admin/x", "/api/x/../../admin/", "/strip/../admin/x",
        "/..", "/%2e%2e/x",
        # A stripped prefix must be spelled as in the route.
        "/%73trip/x", "//strip/x", "/strip%2fx",
        "/api/%00",
    ],
)  # fmt: skip
def test_paths_that_would_mean_two_things_are_refused(host: ProxyHost, target: str) -> None:
    assert _raw(host, target)[0] == 400


def test_an_absolute_target_is_read_like_any_other(host: ProxyHost) -> None:
    assert _raw(host, f"https://{SITE}/strip/x%2Fy?q")[1]["path"] == "/x%2Fy?q"
    assert _raw(host, f"https://{SITE}/api/../admin/")[0] == 400


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_the_protocol_makes_no_difference(host: ProxyHost, version: str) -> None:
    for target, path in (
        ("/api//x%2Fy/%2e?q=%2F..", "/api//x%2Fy/%2e?q=%2F.."),
        ("/strip//x%2Fy?q=%20", "//x%2Fy?q=%20"),
    ):
        status, body = host.get(SITE, target, version)
        assert (status, json.loads(body)["path"]) == (200, path)
    for target in ("/api%2f../admin/x", "/api/..;/admin/x", "/%73trip/x"):
        assert host.get(SITE, target, version)[0] == 400


def test_a_backend_is_told_which_prefix_was_stripped(host: ProxyHost) -> None:
    assert _raw(host, "/strip/x")[1]["headers"]["X-Forwarded-Prefix"] == "/strip"
    status, body = host.get(SITE, "/api/x", "-H", "X-Forwarded-Prefix: /forged")
    assert status == 200
    assert "X-Forwarded-Prefix" not in json.loads(body)["headers"]


def _lower(body: str) -> dict[str, str]:
    """Return the headers that a container got. A client writes their names in lower case by HTTP/2."""
    return {name.lower(): value for name, value in json.loads(body)["headers"].items()}


def test_a_route_adds_headers_and_loses_none(host: ProxyHost) -> None:
    """NGINX inherits the proxy's headers only where a location sets none, so this location has to say them again."""
    forged = ["Dify-Hook-Url", "X-Hook-Method", "X-Real-IP", "Forwarded", *DROPPED_HEADERS]
    lies = [word for name in forged for word in ("-H", f"{name}: forged")]
    plain = _lower(host.get(SITE, "/api/", *lies)[1])
    assert (plain["dify-hook-url"], plain["x-hook-method"]) == ("forged", "forged")
    status, body = host.get(SITE, "/hook/a%20b%0d%0aX-Evil:%201?c=%2F", *lies)
    seen = _lower(body)
    assert status == 200
    assert seen.pop("dify-hook-url") == f"https://{SITE}/hook/a%20b%0d%0aX-Evil:%201?c=%2F"
    assert seen.pop("x-hook-method") == "GET"
    assert "forged" not in json.dumps(seen)
    assert set(seen) == set(plain) - {"dify-hook-url", "x-hook-method"}


def test_the_body_and_the_method_pass_a_stripped_route(host: ProxyHost) -> None:
    status, body = host.get(SITE, "/strip/x?y", "-X", "PUT", "-d", "0123456789")
    seen = json.loads(body)
    assert (status, seen["method"], seen["path"], seen["body_bytes"]) == (200, "PUT", "/x?y", 10)


def test_strip_prefix_names_a_route_by_either_door(vsa: Any, playbook: Any, host: ProxyHost) -> None:
    name = "strip.vsa.test"
    host.vps.add_dns(name)
    words = ("--route", "/=web-1:3000", "--route", "/x/=web-2:3000:sse", "--strip-prefix", "/x/", "--ca", "selfsigned")
    done = vsa("site", "provision", "--domain", name, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    manifest = host.run("cat", f"/etc/vsa/sites/{name}.yml")
    assert "strip_prefix: true" in manifest
    assert "profile: sse" in manifest
    assert json.loads(host.get(name, "/x/y")[1])["path"] == "/y"
    door = {"domain": name, "upstream": "/=web-1:3000,/x/=web-2:3000:sse", "site_strip_prefix": "/x/"}
    done = playbook("site.yml", door)
    assert done.returncode == 0, done.stdout
    assert "changed=0" in done.stdout.replace("  ", " ")
    done = vsa("site", "provision", "--domain", name, "--strip-prefix", "/y/")
    assert done.returncode == 2
    assert "no route of the site has this path" in done.stdout + done.stderr
    host.remove(name)


def test_a_container_may_have_capitals_in_its_name(host: ProxyHost) -> None:
    """Docker's DNS ignores case, and so does NGINX's resolver."""
    site = "capitals.vsa.test"
    host.restart_web("WebApp")
    try:
        assert host.provision(site, "WebApp").get("proven")
        host.wait_for(site, '"app": "WebApp"')
    finally:
        host.remove(site)
        host.run("docker", "rm", "-f", "-v", "WebApp")
