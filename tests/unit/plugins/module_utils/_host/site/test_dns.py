"""Do names lead to this host: what resolvers and addresses answer, and what is kept for ten minutes."""

from __future__ import annotations

import datetime
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.visitor import Lookup
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site import dns
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.dns import look_up
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

A, NOW = "a.example", datetime.datetime(2026, 11, 29, 10, 0, tzinfo=datetime.UTC)
OWN, PROXY, FAR = "127.0.0.1", "198.51.100.9", "203.0.113.7"


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(str(tmp_path))
    paths.state.mkdir(parents=True)
    return paths


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The addresses of each name, or the error; ``asked`` counts the questions."""
    known: dict[str, Any] = {"asked": 0, "here": set()}

    def getaddrinfo(name: str, _port: int, **_more: Any) -> list[Any]:
        known["asked"] += 1
        if isinstance(known[name], Exception):
            raise known[name]
        return [(0, 0, 0, "", (address, 443)) for address in known[name]]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(dns, "_asked", lambda address, _name, _token: address in known["here"] or None)
    return known


def found(paths: Paths, *, trusted: tuple[str, ...] = (), now: datetime.datetime = NOW, fresh: bool = False) -> Lookup:
    return look_up({A: trusted}, paths, now=now, fresh=fresh)[A]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ([OWN], Lookup(here=(OWN,))),
        ([OWN, OWN], Lookup(here=(OWN,))),
        ([FAR], Lookup(elsewhere=(FAR,))),
        ([OWN, FAR], Lookup(here=(OWN,), elsewhere=(FAR,))),
        ([PROXY], Lookup(here=(PROXY,))),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), Lookup()),
        (socket.gaierror(socket.EAI_AGAIN, "try again"), Lookup(failed="try again")),
        (UnicodeError("label too long"), Lookup(failed="label too long")),
    ],
)
def test_what_dns_says(paths: Paths, resolver: dict[str, Any], answer: Any, expected: Lookup) -> None:
    resolver[A] = answer
    assert found(paths, trusted=("198.51.100.0/24",)) == expected
    assert not list(paths.acme.rglob("vsa-*")), "the challenge is gone again"


def test_an_address_that_has_the_challenge_leads_here(paths: Paths, resolver: dict[str, Any]) -> None:
    resolver[A], resolver["here"] = [FAR], {FAR}
    assert found(paths) == Lookup(here=(FAR,))


def test_a_public_address_that_a_translated_host_cannot_reach_is_unknown(
    paths: Paths, resolver: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver[A] = ["8.8.8.8"]
    monkeypatch.setattr(dns, "_is_own", lambda _address: False)
    monkeypatch.setattr(dns, "_has_public_address", lambda: False)
    assert found(paths) == Lookup(unknown=("8.8.8.8",))
    monkeypatch.setattr(dns, "_has_public_address", lambda: True)
    assert found(paths, fresh=True) == Lookup(elsewhere=("8.8.8.8",))


def test_an_answer_is_kept_for_ten_minutes(paths: Paths, resolver: dict[str, Any]) -> None:
    resolver[A] = [OWN]
    minute = datetime.timedelta(minutes=1)
    for now, asked in ((NOW, 1), (NOW + 9 * minute, 1), (NOW + 10 * minute, 2), (NOW, 3)):
        assert found(paths, now=now) == Lookup(here=(OWN,))
        assert resolver["asked"] == asked, "a kept time that lies in the future does not count"
    found(paths, fresh=True)
    assert resolver["asked"] == 4


def test_a_failure_is_not_kept(paths: Paths, resolver: dict[str, Any]) -> None:
    resolver[A] = socket.gaierror(socket.EAI_AGAIN, "try again")
    found(paths)
    resolver[A] = [OWN]
    assert found(paths) == Lookup(here=(OWN,))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"schema": 2}', '{"schema": 1, "names": [1]}', '{"schema": 1, "names": {"a.example": {}}}']
)
def test_a_damaged_file_is_written_anew(paths: Paths, resolver: dict[str, Any], text: str) -> None:
    resolver[A] = [OWN]
    place = paths.state / "dns.json"
    place.write_text(text)
    assert found(paths) == Lookup(here=(OWN,))
    assert list(json.loads(place.read_text())["names"]) == [A]


def test_a_file_that_is_not_text_is_written_anew(paths: Paths, resolver: dict[str, Any]) -> None:
    resolver[A] = [OWN]
    (paths.state / "dns.json").write_bytes(b"\xff\xfe")
    assert found(paths) == Lookup(here=(OWN,))
