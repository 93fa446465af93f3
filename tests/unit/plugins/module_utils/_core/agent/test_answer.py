"""What the hub answers, and what other servers answer in its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.answer import (
    NO_ANSWER,
    STATUS_OF,
    Answer,
    Refusal,
    answer_of,
    error_body,
    is_older,
)

GOOD: dict[str, Any] = {
    "result": "accepted",
    "sequence": 17,
    "audit_after": "a" * 64,
    "more": True,
    "interval": 30,
    "time": "2026-11-30T09:00:00Z",
    "agent_minimum": "0.1.0",
}


def body(**values: Any) -> bytes:
    return json.dumps({**GOOD, **values}).encode()


def test_an_answer() -> None:
    assert answer_of(200, body()) == Answer(**GOOD)
    assert answer_of(200, body(more="yes", audit_after=None)) == Answer(**{**GOOD, "more": False, "audit_after": None})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b"[]",
        b"[" * 100000,
        body(result="fine"),
        body(sequence="1"),
        body(sequence=True),
        body(sequence=-1),
        body(audit_after="x"),
        body(interval=None),
        body(time="now"),
        body(agent_minimum=None),
    ],
)
def test_what_is_no_answer_of_a_hub(data: bytes) -> None:
    found = answer_of(200, data)
    assert isinstance(found, Refusal)
    assert found.code == NO_ANSWER


@pytest.mark.parametrize(("code", "status"), sorted(STATUS_OF.items()))
def test_an_error_of_the_hub(code: str, status: int) -> None:
    data = json.dumps(error_body(code, "what is wrong", field="sections/usage", value="x")).encode()
    assert answer_of(status, data, retry_after=" 7 ") == Refusal(status, code, "what is wrong (sections/usage)", 7)


@pytest.mark.parametrize("text", [None, "", "-1", "soon", "1.5", "٣", "9" * 10])
def test_a_wait_that_is_no_number_is_none(text: str | None) -> None:
    found = answer_of(503, b"", retry_after=text)
    assert found == Refusal(503, NO_ANSWER, "HTTP 503, and not from the hub itself")


def test_the_longest_wait_is_an_hour() -> None:
    found = answer_of(503, b"", retry_after="999999")
    assert isinstance(found, Refusal)
    assert found.retry_after == 3600


@pytest.mark.parametrize("error", [{}, {"code": 5}, {"code": "A" * 50}, [], "x", {"code": "x\n"}])
def test_an_error_of_another_server(error: object) -> None:
    found = answer_of(401, json.dumps({"error": error}).encode())
    assert isinstance(found, Refusal)
    assert found.code == NO_ANSWER


def test_the_message_of_a_hub_does_nothing_to_a_terminal() -> None:
    found = answer_of(400, json.dumps({"error": {"code": "bad_beat", "message": "\x1b[2J" * 200}}).encode())
    assert isinstance(found, Refusal)
    assert "\x1b" not in found.message
    assert len(found.message) < 400


@pytest.mark.parametrize(
    ("version", "minimum", "older"),
    [
        ("0.1.0", "0.2.0", True),
        ("0.10.0", "0.9.0", False),
        ("1.0.0-rc1", "1.0.0", False),
        ("x", "1", False),
        ("1.0", "1.0.0", True),
        ("1.0.0", "", False),
    ],
)
def test_which_version_is_older(version: str, minimum: str, older: bool) -> None:
    assert is_older(version, minimum) is older
