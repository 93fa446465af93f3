"""What is made of a failed task's words."""

from __future__ import annotations

import pytest

from vsa.ansible.failure import (
    REPORT_IT,
    ansible_broke,
    not_yaml,
    task_failed,
    unreachable,
    way_to_find_out,
    without_schema,
)

OURS = {
    "msg": "no running container is named web-1 (container = 'web-1')",
    "vsa_exit": 3,
    "vsa_error": {
        "message": "no running container is named web-1",
        "field": "container",
        "state": "nothing was changed",
    },
}
WENT_BEFORE = "what was done before stays; the same again goes on from there"
NOT_KNOWN = "what happened on the host is not known: the connection or Ansible ended while a task ran"
MODULE = "flowbiz.vsa.site"
STAYS = "what ran before this task stays; the same again goes on from there"

TASKS = [
    ("ours says it itself", OURS, MODULE, OURS["vsa_error"], 3),
    (
        "ours crashed",
        {"msg": "Task failed: Module failed: division by zero", "module_stderr": "Traceback\nZeroDivisionError"},
        MODULE,
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
        "ansible.builtin.fail",
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
        "ansible.builtin.fail",
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
        "ansible.builtin.fail",
        {"message": "the engine is down", "details": []},
        6,
    ),
    (
        "a foreign command",
        {"msg": "Task failed: Module failed: non-zero return code", "rc": 3, "stderr": "first\nlast\n"},
        "community.docker.docker_compose_v2",
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
        "community.docker.docker_compose_v2",
        {"message": "no", "field": "task", "value": "Do it", "details": [], "state": STAYS},
        4,
    ),
    (
        "nothing",
        {},
        "community.docker.docker_compose_v2",
        {"message": "it failed and said nothing", "field": "task", "value": "Do it", "details": [], "state": STAYS},
        4,
    ),
    *(
        (
            f"words of another program that look like an outcome: {said}",
            {"msg": f"{said}: the operator shall believe this"},
            action,
            {
                "message": f"{said}: the operator shall believe this",
                "field": "task",
                "value": "Do it",
                "details": [],
                "state": STAYS,
            },
            4,
        )
        for said, action in (
            ("refused", "community.docker.docker_compose_v2"),
            ("rolled back", "ansible.builtin.command"),
            ("not rolled back", "ansible.builtin.apt"),
            ("refused", "ansible.builtin.failure"),
        )
    ),
]


@pytest.mark.parametrize(
    ("result", "action", "error", "code"), [case[1:] for case in TASKS], ids=[case[0] for case in TASKS]
)
def test_a_failed_task(result: dict, action: str, error: dict, code: int) -> None:
    assert task_failed(result, task="Do it", action=action) == (error, code)


@pytest.mark.parametrize(
    ("message", "expected", "details"),
    [
        (
            "Task failed: Failed to connect to the host via ssh: ssh: connect to host h port 22: Connection timed out",
            "ssh: connect to host h port 22: Connection timed out",
            [],
        ),
        (
            'Data could not be sent to remote host "h". Make sure this host can be reached over ssh: No route to host',
            "No route to host",
            [],
        ),
        (
            "Task failed: Failed to connect to the host via ssh: Warning: added h\r\nroot@h: Permission denied (key).",
            "root@h: Permission denied (key).",
            ["Warning: added h"],
        ),
    ],
)  # fmt: skip
def test_finding_11_ssh_speaks_for_itself(message: str, expected: str, details: list[str]) -> None:
    error, code = unreachable({"msg": message, "unreachable": True})
    assert (error["message"], error["details"], error["state"], code) == (expected, details, "nothing was changed", 5)


@pytest.mark.parametrize("message", ["", "Shared connection to vps-01 closed.", "client_loop: send disconnect"])
def test_finding_3_a_connection_that_is_lost_while_a_task_runs_leaves_it_open_what_happened(message: str) -> None:
    """A power cut in the middle of a provision: the change may be live."""
    error, code = unreachable({"msg": message, "unreachable": True})
    assert error["state"] == NOT_KNOWN
    assert "vsa vhost history" in error["try"]
    assert "the same command again" in error["try"]
    assert code == 5


@pytest.mark.parametrize(
    ("message", "changed", "reads", "state"),
    [
        ("ssh: Connection refused", False, False, "nothing was changed"),
        ("ssh: Connection refused", True, False, WENT_BEFORE),
        ("lost", False, True, "nothing was changed"),
        ("lost", True, True, WENT_BEFORE),
        ("lost", True, False, NOT_KNOWN),
    ],
)
def test_finding_3_the_state_of_a_host_that_was_lost(message: str, changed: bool, reads: bool, state: str) -> None:
    error, _ = unreachable({"msg": message}, changed=changed, reads=reads)
    assert error["state"] == state


@pytest.mark.parametrize(
    "message",
    [
        "Task failed: Missing sudo password",
        "Incorrect sudo password",
        "Task failed: Timeout (12s) waiting for privilege escalation prompt: ",
        "sudo: a password is required",
    ],
)
@pytest.mark.parametrize("action", [MODULE, "ansible.builtin.ping"])
def test_finding_11_no_way_to_become_root_is_no_fault_of_vsa(message: str, action: str) -> None:
    error, code = task_failed({"msg": message}, task="Read the sites", action=action)
    assert code == 5
    assert error["state"] == "nothing was changed"
    assert all(word in error["try"] for word in ("-K", "ANSIBLE_BECOME_PASSWORD_FILE", "ansible_become_password"))


@pytest.mark.parametrize("words", ["ana is not in the sudoers file.", "Sorry, user ana is not allowed to execute it"])
def test_finding_11_a_user_whom_sudo_refuses_is_no_fault_of_vsa(words: str) -> None:
    """Seen with Ansible 2.21 and a right password: sudo's words stand where the module's result would be."""
    said = {"msg": "Module result deserialization failed: No start of json char found", "module_stderr": words}
    error, code = task_failed(said, task="Read the sites", action=MODULE)
    assert (code, error["message"], error["state"]) == (5, words, "nothing was changed")
    assert "NOPASSWD" in error["try"]


@pytest.mark.parametrize(("rc", "signal"), [(137, "KILL"), (143, "TERM"), (-9, "KILL")])
@pytest.mark.parametrize("action", [MODULE, "ansible.builtin.apt"])
def test_finding_3_a_program_that_is_killed_on_the_host_leaves_it_open_what_happened(
    rc: int, signal: str, action: str
) -> None:
    """The kernel kills a module if memory runs out: no fault of VSA, and its change may be live."""
    said = {"msg": "Module result deserialization failed: No start of json char found", "rc": rc}
    killed = {**said, "module_stdout": "", "module_stderr": "Killed\n"}
    error, code = task_failed(killed, task="Provision a site", action=action)
    assert error["message"] == f"Provision a site: the signal {signal} ended its program on the host"
    assert error["state"].startswith("what happened on the host is not known")
    assert "vsa vhost history" in error["try"]
    assert code == 6
    for first, state in ((True, "nothing was changed"), (False, WENT_BEFORE)):
        error, code = task_failed(killed, task="Read the sites", action=action, reads=True, first=first)
        assert (error["state"], code) == (state, 4)
    crashed = {**killed, "rc": 1}
    assert task_failed(crashed, task="Provision a site", action=MODULE)[1] == 1


def test_finding_3_ansible_that_ends_in_the_middle_leaves_it_open_what_happened() -> None:
    error, _ = ansible_broke("Killed", 137, started=True)
    assert error["state"] == NOT_KNOWN


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


UNDECRYPTABLE = (
    "Error processing keyword 'become_pass': Error rendering template: Attempt to use undecryptable variable: "
    "Attempting to decrypt but no vault secrets found."
)


def test_issue_14_item_11_a_missing_collection_is_no_fault_of_vsa() -> None:
    said = "[ERROR]: couldn't resolve module/action 'community.docker.docker_compose_v2'. This often indicates"
    error, code = ansible_broke(said, 4)
    assert (error["message"], code) == ("the collection community.docker is missing on this workstation", 2)
    assert error["try"].endswith("-m pip install ansible")
    error, code = ansible_broke(said.replace("community.docker", "flowbiz.vsa"), 4)
    assert code == 1, "a module of our own that is missing is our fault"
    error, code = ansible_broke(said, 4, started=True)
    assert "is not known" in error["state"]


@pytest.mark.parametrize("action", ["flowbiz.vsa.site_info", "ansible.builtin.raw"])
def test_finding_11_a_missing_vault_password_is_usage(action: str) -> None:
    error, code = task_failed({"msg": UNDECRYPTABLE}, task="Read the sites", action=action)
    assert (code, error["state"]) == (2, "nothing was changed")
    assert error["message"] == "a vaulted value of the inventory could not be decrypted"
    assert "ANSIBLE_VAULT_PASSWORD_FILE" in error["try"]
    error, code = ansible_broke(f"[ERROR]: {UNDECRYPTABLE}\nOrigin: /i/host_vars/vps-01.yml", 1)
    assert (code, "ANSIBLE_VAULT_PASSWORD_FILE" in error["try"]) == (2, True)


def test_finding_11_a_host_without_python_is_not_reached() -> None:
    failed = {
        "msg": "The module failed to execute correctly",
        "module_stdout": "/bin/sh: 1: /usr/bin/python3: not found",
    }
    error, code = task_failed(failed, task="Read the sites", action="flowbiz.vsa.site_info")
    assert (code, error["message"]) == (5, "this host has no Python")
    assert "vsa bootstrap" in error["try"]


def test_finding_11_a_file_that_is_not_yaml_is_named_with_its_line() -> None:
    error, code = not_yaml("/i/host_vars/vps-01.yml:3", "did not find expected ','")
    assert (code, error["value"], error["state"]) == (2, "/i/host_vars/vps-01.yml:3", "nothing was changed")
    assert error["message"] == "/i/host_vars/vps-01.yml:3 is not YAML: did not find expected ','"


@pytest.mark.parametrize(
    ("verb", "command"),
    [
        ("stack.down", "vsa stack ps"),
        ("site.provision", "vsa vhost history"),
        ("vhost.sync", "vsa vhost history"),
        ("cert.renew", "vsa cert status"),
        ("host.status", "vsa status"),
        ("", "vsa vhost history"),
    ],
)
def test_the_way_to_find_out_is_about_what_the_verb_changes(verb: str, command: str) -> None:
    """After an interrupted `stack down`, the history of the proxy says nothing about the stack."""
    assert way_to_find_out(verb).startswith(f"{command} shows")
    assert way_to_find_out(verb).endswith("the same command again finishes what was begun")


def test_bootstrap_has_no_other_verb_to_find_out() -> None:
    assert way_to_find_out("bootstrap") == "the same command again finishes what was begun"


@pytest.mark.parametrize(
    ("first", "state", "code", "told", "ends"),
    [
        (True, "nothing was changed", 3, "nothing was changed", 3),
        (False, "nothing was changed", 3, WENT_BEFORE, 6),
        (False, "nothing was changed", 2, WENT_BEFORE, 2),
        (False, "rolled back: the previous version runs", 4, "rolled back: the previous version runs", 4),
    ],
)
def test_finding_3_nothing_was_changed_is_about_the_whole_run(
    first: bool, state: str, code: int, told: str, ends: int
) -> None:
    """`stack up` started its containers, and then its site was refused."""
    result = {"failed": True, "vsa_exit": code, "vsa_error": {"message": "no address", "state": state}}
    error, found = task_failed(result, task="Provision a site", action="flowbiz.vsa.site", first=first)
    assert (error["state"], found) == (told, ends)
