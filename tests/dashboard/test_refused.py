"""Beats that are refused: the answer names what is wrong, and nothing of the beat is stored."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from hub.beat.gate import Gate
from hubapp import Hub
from hubnode import BEAT, NodeAgent, container, domain, inflated_body, sections

MIB = 1 << 20
Change = Callable[[dict[str, Any]], Any]


def row(said: dict[str, Any]) -> dict[str, Any]:
    """Return the first container of a beat."""
    found: dict[str, Any] = said["sections"]["containers"]["rows"][0]
    return found


# What is wrong, how it comes about, and the field and the value that the answer names.
WRONG: dict[str, tuple[Change, str, str]] = {
    "a number as text": (lambda said: said.update(sequence="7"), "sequence", '"7"'),
    "a number that is true": (lambda said: said.update(sequence=True), "sequence", "true"),
    "the number 0": (lambda said: said.update(sequence=0), "sequence", "0"),
    "a number of 100 digits": (lambda said: said.update(sequence=10**99), "sequence", "1" + "0" * 98),
    "no machine": (lambda said: said.pop("machine"), "machine", "null"),
    "an epoch that is too short": (lambda said: said.update(epoch="ab"), "epoch", '"ab"'),
    "no time": (lambda said: said.update(taken_at="today"), "taken_at", '"today"'),
    "a time without a zone": (
        lambda said: said.update(taken_at="2026-11-30T09:00:00"),
        "taken_at",
        '"2026-11-30T09:00:00"',
    ),
    "the year 1": (lambda said: said.update(taken_at="0001-01-01T00:00:00+14:00"), "taken_at", '"0001-01-01T00'),
    "sections that are a list": (lambda said: said.update(sections=[]), "sections", "[]"),
    "a status of its own": (
        lambda said: said["sections"]["containers"].update(status="online"),
        "sections/containers/status",
        '"online"',
    ),
    "rows that are text": (
        lambda said: said["sections"]["containers"].update(rows="none"),
        "sections/containers/rows",
        '"none"',
    ),
    "another digest": (
        lambda said: said["sections"]["containers"].update(digest="0" * 64),
        "sections/containers/digest",
        f'"{"0" * 64}"',
    ),
    "a name that is a number": (lambda said: row(said).update(name=7), "sections/containers/rows/0/name", "7"),
    "a name of 301 letters": (
        lambda said: row(said).update(name="x" * 301),
        "sections/containers/rows/0/name",
        '"' + "x" * 98 + "…",
    ),
    "a NUL in a name": (
        lambda said: row(said).update(name="a\0b"),
        "sections/containers/rows/0/name",
        '"a\\u0000b"',
    ),
    "half of a character": (
        lambda said: row(said).update(name="\ud800"),
        "sections/containers/rows/0/name",
        '"\\ud800"',
    ),
    "no number": (lambda said: row(said).update(restarts=float("nan")), "sections/containers/rows/0/restarts", "NaN"),
    "the key twice": (
        lambda said: said["sections"]["containers"]["rows"].append(row(said)),
        "sections/containers/rows/1/id",
        '"',
    ),
    "records that are objects": (lambda said: said["audit"].update(records=[{}]), "audit/records/0", "{}"),
    "501 records": (lambda said: said["audit"].update(records=["x"] * 501), "audit/records", '["x", "x"'),
    "another node": (lambda said: said.update(node="vps-99"), "node", "vps-99"),
}


@pytest.fixture
def agent(hub: Hub) -> NodeAgent:
    """A node that sent a beat already."""
    found = hub.agent()
    found.accepted(hub.client, sections(hub.clock(), containers=[container(1)]))
    return found


def stored(hub: Hub) -> dict[str, Any]:
    """Return all that beats can change. The node's own row may say that a beat was refused."""
    return hub.database.contents(without=("node",))


@pytest.mark.parametrize("name", WRONG)
def test_a_beat_with_a_mistake_is_refused_by_field_and_value(hub: Hub, agent: NodeAgent, name: str) -> None:
    change, field, value = WRONG[name]
    said = inflated_body(agent.body(sections(hub.clock(), containers=[container(2)], domains=[domain("a.test")])))
    change(said)
    before, received = stored(hub), hub.node()["received_at"]
    response = agent.post(hub.client, gzip.compress(json.dumps(said).encode()))
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert (error["code"], error["field"]) == ("bad_beat", field)
    assert error["value"].startswith(value)
    assert stored(hub) == before
    shown = hub.node()
    assert shown["received_at"] == received
    assert shown["refused"]["code"] == "bad_beat"
    assert field in shown["refused"]["message"]
    # The next good beat is taken, and ends the complaint.
    agent.accepted(hub.client, sections(hub.clock(), containers=[container(2)]))
    assert hub.node()["refused"] is None


BODIES: dict[str, tuple[bytes, int, str]] = {
    "nothing": (b"", 400, "bad_beat"),
    "no gzip": (b"{}", 400, "bad_beat"),
    "no JSON": (gzip.compress(b"{"), 400, "bad_beat"),
    "a list": (gzip.compress(b"[]"), 400, "bad_beat"),
    "a deep list": (gzip.compress(b"[" * 200_000), 400, "bad_beat"),
    "two parts": (gzip.compress(b"{}") + gzip.compress(b"{}"), 400, "bad_beat"),
    "a gzip bomb": (gzip.compress(b" " * (200 * MIB)), 413, "too_large"),
    "10 MiB": (b"x" * (10 * MIB), 413, "too_large"),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_cannot_be_read_is_refused(hub: Hub, agent: NodeAgent, name: str) -> None:
    body, status, code = BODIES[name]
    before = stored(hub)
    response = agent.post(hub.client, body)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert stored(hub) == before


def test_a_body_that_is_cut_short_is_refused(hub: Hub, agent: NodeAgent) -> None:
    body = agent.body(sections(hub.clock(), containers=[container(2)]))
    before = stored(hub)
    response = agent.post(hub.client, body[: len(body) // 2])
    assert response.status_code == 400
    assert "cut short" in response.json()["error"]["message"]
    assert stored(hub) == before


@pytest.mark.parametrize("headers", [{"Content-Encoding": "identity"}, {"Content-Type": "text/plain"}])
def test_a_body_in_another_encoding_is_refused(hub: Hub, agent: NodeAgent, headers: dict[str, str]) -> None:
    response = agent.post(hub.client, agent.body(), **headers)
    assert (response.status_code, response.json()["error"]["code"]) == (415, "encoding")


def test_an_agent_that_is_too_old_is_told_so(hub: Hub, agent: NodeAgent) -> None:
    before = stored(hub)
    response = agent.send(hub.client, sections(hub.clock(), containers=[]), agent="0.0.9")
    assert (response.status_code, response.json()["error"]["code"]) == (426, "agent_too_old")
    assert stored(hub) == before
    assert hub.node()["refused"]["code"] == "agent_too_old"


def test_names_are_data(hub: Hub, agent: NodeAgent) -> None:
    script = "<script>alert(1)</script>"
    names = [script, "x" * 300, "'; drop table node; --", "\u202egnp.exe", "\x1b[31m", "漢字 🐘"]
    rows = [container(number, name=name) for number, name in enumerate(names)]
    agent.accepted(hub.client, sections(hub.clock(), containers=rows))
    shown = hub.client.get("/api/v1/nodes/vps-01")
    assert shown.headers["content-type"] == "application/json"
    assert {row["name"] for row in shown.json()["sections"]["containers"]["rows"]} == set(names)


def test_other_requests_to_the_agents_path_are_no_door(hub: Hub, agent: NodeAgent) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert hub.client.request(method, BEAT, headers=agent.headers).status_code == 405
    for path in ("/api/v1/agent/", "/api/v1/agent", "/api/v1/agent/beat/", "/api/v1/agent/../nodes%00"):
        assert hub.client.post(path, headers=agent.headers).status_code in (404, 405)


def test_a_beat_too_soon_waits(hub: Hub, agent: NodeAgent) -> None:
    at = [1000.0]
    hub.state.gate = Gate(lambda: at[0])
    assert agent.send(hub.client).status_code == 200
    at[0] += 1.5
    before = hub.database.contents()
    response = agent.send(hub.client)
    assert (response.status_code, response.json()["error"]["code"]) == (429, "too_soon")
    assert response.headers["retry-after"] == "4"
    assert hub.database.contents() == before
    at[0] += 4
    assert agent.send(hub.client).status_code == 200
