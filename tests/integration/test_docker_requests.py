# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which requests pass the allow-list of the stack docker-api, byte by byte: exactly the allowed reach the engine."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from dockerlist import Engine, docker_list

pytestmark = [pytest.mark.rig, pytest.mark.timeout(300)]

_PASS = [
    "GET /_ping",
    "GET /version",
    "GET /v1.41/version",
    "GET /containers/json",
    "GET /containers/json?all=1",
    "GET /v1.41/containers/json?all=1&limit=5",
    "GET /events?since=1&until=2",
]
_REFUSED = [
    "GET /containers/{name}/json",
    "GET /containers/{name}/logs?stdout=1",
    "POST /containers/create",
    "POST /containers/{name}/stop",
    "POST /containers/{name}/exec",
    "GET /images/json",
    "GET /info",
    "GET /containers/../info",
    "GET /containers/json/../../info",
    "GET //info",
    "GET /containers%2f..%2finfo",
    "GET /v1.41/containers/{name}/json",
    "DELETE /containers/{name}",
]
_METHODS = ["GET"] * 8 + ["HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "get", "GETT"]
_VERSIONS = ["", "", "/v1.41", "/v1.24", "/v1.4", "/v1.411", "/v2.41", "/1.41", "/v1.41/v1.41", "/V1.41"]
_PLAIN = ["/_ping", "/version"]
_ASKED = ["/containers/json", "/events"]
_OTHER = ["/info", "/images/json", "/containers/x/json", "/containers/x/top", "/networks", "/volumes", "/secrets", "/"]
_ENDS = ["", "", "", "", "/", "/.", "/..", ";x", "%00", "%20", "#x", "\\", ".json", "/../info", "%2e%2e/info", "//"]
_KEYS = {"/containers/json": ("all", "limit", "filters"), "/events": ("since", "until", "filters")}
_VALUES = [
    "1",
    "5",
    "2026-11-30T10:00:00",
    "%7B%22label%22%3A%5B%22a%22%5D%7D",
    "a.b_c",
    "",
    "a/b",
    "a b",
    "{}",
    "a+b",
    "<",
]
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%._:-")


def _far(chance: random.Random) -> tuple[str, str, str]:
    return chance.choice(_METHODS), chance.choice(_VERSIONS), chance.choice(_ENDS)


def _made(chance: random.Random) -> tuple[str, bool]:
    """Return a request and whether it is allowed. What is allowed is known from how it was made."""
    # Half of them differ from an allowed one in the query alone.
    near = chance.random() < 0.5
    method, version, end = ("GET", chance.choice(_VERSIONS[:4]), "") if near else _far(chance)
    path = chance.choice(_PLAIN + _ASKED * 4 + _OTHER * (not near))
    fine = method == "GET" and version in ("", "/v1.41", "/v1.24") and not end and path in _PLAIN + _ASKED
    target = f"{version}{path}{end}"
    if chance.random() < 0.6:
        keys = [chance.choice([*_KEYS.get(path, ("all",)), "size", "signal"]) for _part in range(chance.randrange(3))]
        values = [chance.choice(_VALUES[: 6 if near else None]) for _key in keys]
        target += "?" + "&".join(f"{key}={value}" for key, value in zip(keys, values, strict=True))
        fine = fine and path in _ASKED and all(key in _KEYS[path] for key in keys)
        fine = fine and all(_LETTERS.issuperset(value) for value in values)
    return f"{method} {target}", fine


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with docker_list() as found:
        yield found


def _passes(engine: Engine, request: str, *more: str) -> bool:
    """Say whether the engine answered: every answer of the engine names the version of its API, and none of NGINX."""
    lines = [f"{request} HTTP/1.1", "Host: docker-api", "Connection: close", *more]
    return b"api-version:" in engine.asked("\r\n".join([*lines, "", ""]).encode()).lower()


def test_the_requests_of_the_design_pass_or_are_refused(engine: Engine) -> None:
    assert len(_PASS) + len(_REFUSED) == 20
    assert [request for request in _PASS if not _passes(engine, request)] == []
    assert [request for request in _REFUSED if _passes(engine, request.format(name=engine.name))] == []


def test_of_generated_requests_exactly_the_allowed_pass(engine: Engine) -> None:
    chance = random.Random(18)
    made = dict(_made(chance) for _number in range(600))
    assert len(made) >= 200
    allowed = {request for request, fine in made.items() if fine}
    assert len(allowed) >= 20
    # An engine that refuses an allowed question answers too: a wrong filter is its own matter.
    assert {request for request in made if _passes(engine, request)} == allowed


@pytest.mark.parametrize(
    "more",
    [
        ("Content-Length: 3",),
        ("Transfer-Encoding: chunked",),
        ("Content-Length: 0", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: xchunked",),
        ("Content-Length: 1", "Content-Length: 2"),
    ],
)
def test_an_allowed_request_with_a_body_does_not_pass(engine: Engine, more: tuple[str, ...]) -> None:
    assert not _passes(engine, "GET /containers/json", *more)


def test_nothing_is_smuggled_behind_an_allowed_request(engine: Engine) -> None:
    second = "POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    for first in (
        f"GET /_ping HTTP/1.1\r\nHost: x\r\nContent-Length: {len(second)}\r\n\r\n{second}",
        f"GET /_ping HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{second}",
        f"GET /_ping\tHTTP/1.1\r\nHost: x\r\n\r\n{second}",
        f"GET /_ping HTTP/1.1\nHost: x\nContent-Length: {len(second)}\n\n{second}",
        f"GET /_ping HTTP/1.1\r\nHost: x\r\nX: y\r\n z\r\n\r\n{second}",
    ):
        answers = engine.asked(first.encode(), seconds=2, whole=True)
        assert b"HTTP/1.1 201" not in answers
        assert b"No command specified" not in answers, "the engine read the second request"
    assert _passes(engine, "GET /_ping")


def test_what_the_client_says_does_not_reach_the_engine(engine: Engine) -> None:
    """An upgrade would open a way in both directions to the engine."""
    for header in ("Upgrade: tcp", "Connection: Upgrade", "Host: evil", "X-Registry-Auth: e30="):
        answer = engine.asked(f"GET /_ping HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".encode())
        assert b"101 " not in answer[:16]
