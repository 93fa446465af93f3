"""Errors: the code that speaks for several hosts, and the shape that every door renders."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core import errors
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import (
    EXIT_NOT_ROLLED_BACK,
    EXIT_REFUSED,
    EXIT_ROLLED_BACK,
    STATUS,
    VsaError,
    announced_outcome,
    worst_exit,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint


@pytest.mark.parametrize(
    ("codes", "worst"),
    [
        ([], 0),
        ([0], 0),
        ([0, 0, 0], 0),
        ([0, 7], 7),
        ([7, 2], 2),
        ([2, 3], 3),
        ([0, 3, 7], 3),
        ([3, 5], 5),
        ([5, 4], 4),
        ([4, 6], 6),
        ([6, 1], 1),
        ([1, 130], 130),
        ([130, 6, 5, 4, 3, 2, 1, 0, 7], 130),
        ([0, 99], 1),
        ([-9, 6], 1),
    ],
)
def test_worst_exit(codes: list[int], worst: int) -> None:
    assert worst_exit(codes) == worst
    assert worst_exit(tuple(reversed(codes))) == worst


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (VsaError, 3),
        (errors.RefusedError, 3),
        (errors.UsageError, 2),
        (errors.RolledBackError, 4),
        (errors.NotRolledBackError, 6),
        (errors.InternalError, 1),
    ],
)
def test_exit_codes(error: type[VsaError], code: int) -> None:
    assert error("no").as_result()["vsa_exit"] == code
    assert error("no", exit_code=5).as_result()["vsa_exit"] == 5
    assert error.exit_code == code, "the class is not changed by one error"
    assert isinstance(error("no"), ValueError)


@pytest.mark.parametrize(
    ("words", "message", "error"),
    [
        ({}, "it is wrong", {"message": "it is wrong", "state": "nothing was changed"}),
        (
            {"field": "port", "value": 0, "expected": "1 to 65535"},
            "it is wrong (port = '0')",
            {"message": "it is wrong", "state": "nothing was changed", "field": "port", "value": "0",
             "expected": "1 to 65535"},
        ),
        ({"field": "port"}, "it is wrong", {"message": "it is wrong", "state": "nothing was changed", "field": "port"}),
        (
            {"state": "half done", "hint": "docker ps", "there_are": ("a", "b"), "details": ("c",)},
            "it is wrong",
            {"message": "it is wrong", "state": "half done", "try": "docker ps", "there_are": ["a", "b"],
             "details": ["c"]},
        ),
        (
            {"hint": Hint("vhost.sync")},
            "it is wrong",
            {"message": "it is wrong", "state": "nothing was changed", "try": "ansible-playbook flowbiz.vsa.vhost.sync",
             "hint": [{"verb": "vhost.sync", "fields": {}}]},
        ),
        (
            {"hint": (Hint("cert.status"), Hint("cert.issue", {"domain": "a.example"}))},
            "it is wrong",
            {"message": "it is wrong", "state": "nothing was changed",
             "try": "ansible-playbook flowbiz.vsa.cert.status, or "
                    "ansible-playbook flowbiz.vsa.cert.issue -e domain=a.example",
             "hint": [{"verb": "cert.status", "fields": {}},
                      {"verb": "cert.issue", "fields": {"domain": "a.example"}}]},
        ),
        (
            {"field": "domain", "value": "a\nb\x1b[0m"},
            "it is wrong (domain = 'a\\nb\\x1b[0m')",
            {"message": "it is wrong", "state": "nothing was changed", "field": "domain", "value": r"a\nb\x1b[0m"},
        ),
    ],
)  # fmt: skip
def test_as_result(words: dict[str, Any], message: str, error: dict[str, Any]) -> None:
    result = VsaError("it is wrong", **words).as_result()
    assert result == {"msg": message, "schema": 1, "vsa_exit": 3, "vsa_error": error}
    assert json.loads(json.dumps(result)) == result
    assert "\n" not in str(result["msg"])


def test_a_long_value_is_cut() -> None:
    result = VsaError("it is wrong", field="domain", value="x" * 10_000).as_result()
    assert len(json.dumps(result)) < 700


LAUGHS: list[object] = ["ha"] * 9
for _ in range(12):
    LAUGHS = [LAUGHS] * 9


@pytest.mark.parametrize(
    "value",
    ["x" * 10**6, int("f" * 5000, 16), [int("f" * 5000, 16)], LAUGHS, {"a": LAUGHS}, ["x" * 1000] * 100, b"x" * 10**6],
    ids=["text", "number", "numbers", "laughs", "mapping", "texts", "bytes"],
)
def test_a_value_of_any_size_can_be_said(value: object) -> None:
    result = VsaError("it is wrong", field="domain", value=value).as_result()
    assert len(json.dumps(result)) < 1000


def test_what_was_done_before_goes_along() -> None:
    error = VsaError("it is wrong")
    assert "steps" not in error.as_result()
    error.steps = [{"name": "preflight", "state": "ok", "text": "web-1:3000 answers", "notes": []}]
    assert error.as_result()["steps"] == error.steps


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("refused: no room", (EXIT_REFUSED, "no room")),
        ("rolled back: a\nexpected  b", (EXIT_ROLLED_BACK, "a\nexpected  b")),
        ("not rolled back: half done", (EXIT_NOT_ROLLED_BACK, "half done")),
        ("refused: a: b", (EXIT_REFUSED, "a: b")),
        ("refused:", None),
        ("refused", None),
        ("it was refused: no", None),
        ("Refused: no", None),
        ("", None),
    ],
)
def test_a_message_may_announce_how_a_task_ended(message: str, expected: tuple[int, str] | None) -> None:
    for action in ("ansible.builtin.fail", "ansible.builtin.assert"):
        assert announced_outcome(message, action=action) == expected


@pytest.mark.parametrize(
    "action", ["", "fail", "ansible.builtin.command", "community.docker.docker_compose_v2", "flowbiz.vsa.site"]
)
def test_words_of_another_program_announce_nothing(action: str) -> None:
    assert announced_outcome("refused: no room", action=action) is None


def test_every_exit_code_has_a_word_of_its_own() -> None:
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    assert set(STATUS) == codes
    assert len(set(STATUS.values())) == len(codes)
