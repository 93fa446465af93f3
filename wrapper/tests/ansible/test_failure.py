"""What is made of a failed task's words."""

from __future__ import annotations

import pytest

from vsa.ansible.failure import REPORT_IT, ansible_broke, task_failed, unreachable, without_schema

OURS = {
    "msg": "no running container is named web-1 (container = 'web-1')",
    "vsa_exit": 3,
    "vsa_error": {
        "message": "no running container is named web-1",
        "field": "container",
        "state": "nothing was changed",
    },
}
STAYS = "what ran before this task stays; the same again goes on from there"

TASKS = [
    ("ours says it itself", OURS, True, OURS["vsa_error"], 3),
    (
        "ours crashed",
        {"msg": "Task failed: Module failed: division by zero", "module_stderr": "Traceback\nZeroDivisionError"},
        True,
        {
            "message": "Do it: division by zero",
            "details": ["Traceback", "ZeroDivisionError"],
            "state": "its state was not reported",
            "try": REPORT_IT,
        },
        1,
    ),
    (
        "a foreign refusal",
        {"msg": "refused: the distribution has no Compose\nexpected   2.18 or newer\nnothing was changed"},
        False,
        {
            "message": "the distribution has no Compose",
            "expected": "2.18 or newer",
            "details": [],
            "state": "nothing was changed",
        },
        3,
    ),
    (
        "a foreign failure that was rolled back, with all its facts",
        {
            "msg": "rolled back: the engine does not start\nit said    bad key\nthere are  a, b\nstate      as before\n"
            "try        on the host: journalctl -u docker;\n           then the same again"
        },
        False,
        {
            "message": "the engine does not start",
            "details": ["bad key"],
            "there_are": ["a", "b"],
            "state": "as before",
            "try": "on the host: journalctl -u docker; then the same again",
        },
        4,
    ),
    (
        "a foreign failure that was not rolled back",
        {"msg": "not rolled back: the engine is down"},
        False,
        {"message": "the engine is down", "details": []},
        6,
    ),
    (
        "a foreign command",
        {"msg": "Task failed: Module failed: non-zero return code", "rc": 3, "stderr": "first\nlast\n"},
        False,
        {
            "message": "non-zero return code",
            "field": "task",
            "value": "Do it",
            "details": ["first", "last"],
            "state": STAYS,
        },
        4,
    ),
    (
        "a loop",
        {"msg": "One or more items failed", "results": [{"changed": True, "msg": ""}, {"failed": True, "msg": "no"}]},
        False,
        {"message": "no", "field": "task", "value": "Do it", "details": [], "state": STAYS},
        4,
    ),
    (
        "nothing",
        {},
        False,
        {"message": "it failed and said nothing", "field": "task", "value": "Do it", "details": [], "state": STAYS},
        4,
    ),
]


@pytest.mark.parametrize(
    ("result", "ours", "error", "code"), [case[1:] for case in TASKS], ids=[case[0] for case in TASKS]
)
def test_a_failed_task(result: dict, ours: bool, error: dict, code: int) -> None:
    assert task_failed(result, task="Do it", ours=ours) == (error, code)


@pytest.mark.parametrize(
    ("message", "expected", "details"),
    [
        (
            "Task failed: Failed to connect to the host via ssh: ssh: connect to host 198.51.100.4 port 22: timed out",
            "ssh: connect to host 198.51.100.4 port 22: timed out",
            [],
        ),
        (
            'Data could not be sent to remote host "h". Make sure this host can be reached over ssh: ssh: refused',
            "ssh: refused",
            [],
        ),
        (
            "Task failed: Failed to connect to the host via ssh: Warning: added 'h'\r\nroot@h: Permission denied",
            "root@h: Permission denied",
            ["Warning: added 'h'"],
        ),
    ],
)  # fmt: skip
def test_ssh_speaks_for_itself(message: str, expected: str, details: list[str]) -> None:
    error, code = unreachable({"msg": message, "unreachable": True})
    assert (error["message"], error["details"], error["state"], code) == (expected, details, "nothing was changed", 5)


def test_a_host_lost_on_the_way_may_have_changed() -> None:
    error, _ = unreachable({"msg": "ssh: lost"}, changed=True)
    assert error["state"] != "nothing was changed"


@pytest.mark.parametrize(
    ("output", "code", "message", "exit_code"),
    [
        ("\x1b[0;31m[ERROR]: bad play\x1b[0m\r\n", 4, "Ansible could not run this: bad play", 1),
        ("", 127, "Ansible could not run this: Ansible ended with code 127 and said nothing", 1),
        ("The command was not found", 127, "Ansible could not run this: The command was not found", 1),
        (
            "[ERROR]: Specified inventory, host pattern and/or --limit leaves us with no hosts to target.",
            1,
            "Specified inventory, host pattern and/or --limit leaves us with no hosts to target.",
            2,
        ),
        ("[ERROR]: Completely failed to parse inventory", 1, "Completely failed to parse inventory", 2),
    ],
)  # fmt: skip
def test_ansible_that_does_not_start(output: str, code: int, message: str, exit_code: int) -> None:
    error, said = ansible_broke(output, code)
    assert (error["message"], said) == (message, exit_code)
    assert ("try" in error) == (exit_code == 1)


def test_a_hollow_result_is_an_internal_error() -> None:
    error, code = without_schema("Read the sites")
    assert code == 1
    assert error["try"] == REPORT_IT
