# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two containers behind one domain: a frontend, and the genuine PocketBase with API, dashboard and realtime stream."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from subprocess import CompletedProcess
from typing import Any

import pytest

import rig
from proxyhost import ProxyHost
from streaming import connect

SITE = "promoflash.vsa.test"
IMAGE = "vsa-rig-pocketbase:1"
MAIL, PASSWORD = "admin@promoflash.test", "only-for-this-test-1"


@pytest.fixture(scope="module")
def host(proxy_vps: rig.Vps, vsa_of: Callable[..., CompletedProcess[str]]) -> Iterator[ProxyHost]:
    """The reference case, provisioned as an operator does it."""
    try:
        proxy_vps.load_images(IMAGE)
    except rig.RigError as problem:
        pytest.skip(f"no PocketBase here: {problem}")
    host = ProxyHost(proxy_vps)
    run = ("docker", "run", "-d", "--restart", "unless-stopped", "--network", "flowbiz_ext", "--name")
    host.run("docker", "rm", "-f", "-v", "promoflash-frontend", "promoflash-pocketbase", check=False)
    host.run(*run, "promoflash-frontend", "-e", "APP_NAME=frontend", "-e", "PORT=80", "vsa-demo-web:1")
    host.run(*run, "promoflash-pocketbase", IMAGE)
    upsert = ("docker", "exec", "promoflash-pocketbase", "pocketbase", "superuser", "upsert", MAIL, PASSWORD)
    host.run(*upsert, "--dir=/pb_data")
    host.vps.add_dns(SITE)
    routes = ("/=promoflash-frontend:80", "/api/=promoflash-pocketbase:8090", "/_/=promoflash-pocketbase:8090")
    words = [word for route in routes for word in ("--route", route)]
    host.wait_until("docker logs promoflash-pocketbase 2>&1 | grep -q 'Server started'")
    done = vsa_of("site", "provision", "--domain", SITE, *words, vps=proxy_vps, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    yield host
    host.remove(SITE)
    host.run("docker", "rm", "-f", "-v", "promoflash-frontend", "promoflash-pocketbase")


@pytest.fixture(scope="module")
def vsa_of() -> Callable[..., CompletedProcess[str]]:
    """The command ``vsa``, for fixtures that live longer than one test."""
    return rig.vsa


class Client:
    """A client of the site, outside the VPS."""

    def __init__(self, host: ProxyHost) -> None:
        self.address = host.vps.ip
        self.token = ""

    def call(self, method: str, path: str, document: Any = None) -> tuple[int, Any]:
        """Send JSON, and return the status and the answer."""
        body = b"" if document is None else json.dumps(document).encode()
        head = [f"{method} {path} HTTP/1.1", f"Host: {SITE}", f"Content-Length: {len(body)}", "Connection: close"]
        head += ["Content-Type: application/json", *([f"Authorization: {self.token}"] if self.token else [])]
        with connect(self.address, SITE) as tls:
            tls.sendall("\r\n".join((*head, "", "")).encode("ascii") + body)
            answer = b""
            while part := tls.recv(65536):
                answer += part
        top, _gap, rest = answer.partition(b"\r\n\r\n")
        if b"chunked" in top.lower():
            rest = _unchunked(rest)
        return int(top.split()[1]), json.loads(rest) if b"application/json" in top and rest else rest.decode()


def _unchunked(rest: bytes) -> bytes:
    whole = b""
    while size := int(rest.partition(b"\r\n")[0], 16):
        rest = rest.partition(b"\r\n")[2]
        whole, rest = whole + rest[:size], rest[size + 2 :]
    return whole


@pytest.fixture(scope="module")
def client(host: ProxyHost) -> Client:
    """A superuser who logged in through the proxy, and a collection that everybody may use."""
    client = Client(host)
    status, answer = client.call(
        "POST", "/api/collections/_superusers/auth-with-password", {"identity": MAIL, "password": PASSWORD}
    )
    assert status == 200, answer
    client.token = answer["token"]
    rules = dict.fromkeys(("listRule", "viewRule", "createRule"), "")
    notes = {"name": "notes", "type": "base", "fields": [{"name": "text", "type": "text"}], **rules}
    status, answer = client.call("POST", "/api/collections", notes)
    assert status == 200, answer
    return client


@pytest.mark.parametrize(
    ("path", "status", "part"),
    [
        ("/", 200, '"app": "frontend"'),
        ("/apix", 200, '"app": "frontend"'),
        ("/offers/api/health", 200, '"app": "frontend"'),
        ("/api/health", 200, "API is healthy"),
        ("/api/nothing", 404, "The requested resource wasn't found"),
        ("/_/", 200, "PocketBase"),
        ("/_", 301, ""),
    ],
)
def test_each_path_has_its_backend(host: ProxyHost, path: str, status: int, part: str) -> None:
    answered, body = host.get(SITE, path)
    assert answered == status
    assert part in body


def test_records_with_queries_of_their_own(client: Client) -> None:
    for text in ("a/b", "ä b", "100 %"):
        assert client.call("POST", "/api/collections/notes/records", {"text": text})[0] == 200
    asked = "/api/collections/notes/records?filter=(text%3D%27a%2Fb%27)&sort=-text"
    status, answer = client.call("GET", asked)
    assert (status, [item["text"] for item in answer["items"]]) == (200, ["a/b"])


def test_the_realtime_stream_brings_changes_at_once(client: Client) -> None:
    with connect(client.address, SITE) as tls:
        tls.sendall(f"GET /api/realtime HTTP/1.1\r\nHost: {SITE}\r\nAccept: text/event-stream\r\n\r\n".encode("ascii"))
        stream = tls.makefile("rb")
        began = time.monotonic()
        first = _event(stream)
        assert first["event"] == "PB_CONNECT"
        assert time.monotonic() - began <= 0.5
        chosen = {"clientId": json.loads(first["data"])["clientId"], "subscriptions": ["notes/*"]}
        assert client.call("POST", "/api/realtime", chosen)[0] == 204
        for number in range(3):
            asked = time.monotonic()
            assert client.call("POST", "/api/collections/notes/records", {"text": f"event {number}"})[0] == 200
            answered = time.monotonic()
            event = _event(stream)
            seen = time.monotonic()
            assert json.loads(event["data"])["record"]["text"] == f"event {number}"
            # PocketBase sends the event while it creates the record, so the event cannot come 200 ms later.
            assert seen - answered <= 0.2, (asked, answered, seen)


def _event(stream: Any) -> dict[str, str]:
    """Return the next event of a stream: lines ``name:value`` until an empty line. Chunk sizes are skipped."""
    found: dict[str, str] = {}
    while line := stream.readline().decode().strip("\r\n"):
        name, colon, value = line.partition(":")
        if colon and name in ("id", "event", "data"):
            found[name] = value.strip()
        elif "data" in found:
            break
    if "data" in found:
        return found
    return _event(stream)
