"""What a run may see of the caller's environment."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vsa.ansible.config import Config
from vsa.ansible.environment import scrubbed

ROOT, PRIVATE = Path("/clone/collections"), Path("/dev/shm/vsa-x")


def made(**caller: str) -> dict[str, str]:
    return scrubbed(caller, root=ROOT, private=PRIVATE, config=Config(Path("/clone/ansible.cfg"), callbacks=("timer",)))


@pytest.mark.parametrize(
    "name",
    ["AWS_SECRET_ACCESS_KEY", "ANSIBLE_GALAXY_TOKEN", "VAULT_TOKEN", "PYTHONPATH", "LD_PRELOAD", "https_proxy", "PS1",
     "ANSIBLE_STDOUT_CALLBACK", "ANSIBLE_LIBRARY", "VSA_TOKEN", "BASH_ENV", "MAX_EVENT_RES"],
)  # fmt: skip
def test_what_is_not_listed_is_not_seen(name: str) -> None:
    assert "canary" not in "".join(made(**{name: "canary"}).values())


@pytest.mark.parametrize("name", ["HOME", "SSH_AUTH_SOCK", "LC_TIME", "SUDO_USER", "ANSIBLE_VAULT_PASSWORD_FILE"])
def test_what_is_listed_is_handed_on(name: str) -> None:
    assert made(**{name: "kept"})[name] == "kept"


@pytest.mark.parametrize(
    ("caller", "expected"),
    [
        ({"LC_ALL": "C.UTF-8"}, "C.UTF-8"),
        ({"LANG": "C.UTF-8"}, None),
        ({}, None),
        # A script that wants output it can parse, an old setting, and the locale of a workstation that a server lacks.
        ({"LC_ALL": "C"}, "C.UTF-8"),
        ({"LANG": "POSIX"}, "C.UTF-8"),
        ({"LC_CTYPE": "tlh_QX.ISO-8859-1", "LANG": "C.UTF-8"}, "C.UTF-8"),
        ({"LANG": "tlh_QX.UTF-8"}, "C.UTF-8"),
    ],
)
def test_ansible_gets_a_locale_with_which_it_starts(caller: dict[str, str], expected: str | None) -> None:
    assert made(**caller).get("LC_ALL") == expected


def test_what_we_set_cannot_be_set_by_the_caller() -> None:
    ours = made()
    theirs = made(ANSIBLE_HOST_KEY_CHECKING="False", ANSIBLE_LOCAL_TEMP="/tmp", MAX_EVENT_RES="1", ANSIBLE_CONFIG="/x")
    assert ours == theirs
    assert ours["ANSIBLE_HOST_KEY_CHECKING"] == "True"
    assert int(ours["MAX_EVENT_RES"]) > 1_000_000_000
    assert ours["ANSIBLE_CONFIG"] == "/clone/ansible.cfg"


def test_our_own_collection_and_programs_come_first() -> None:
    env = made(PATH="/usr/bin", ANSIBLE_COLLECTIONS_PATH="/elsewhere:/clone/collections")
    assert env["ANSIBLE_COLLECTIONS_PATH"] == "/clone/collections:/elsewhere"
    assert env["PATH"] == f"{Path(sys.executable).parent}:/usr/bin"


def test_collections_of_the_user_are_still_found() -> None:
    assert made()["ANSIBLE_COLLECTIONS_PATH"].split(":")[1:] == [
        f"{Path.home()}/.ansible/collections",
        "/usr/share/ansible/collections",
    ]


def test_the_audit_callback_is_enabled_beside_those_of_the_configuration() -> None:
    assert made(ANSIBLE_CALLBACKS_ENABLED="theirs")["ANSIBLE_CALLBACKS_ENABLED"] == "timer,flowbiz.vsa.audit"


def test_where_the_trail_is_pushed_to_is_handed_on() -> None:
    assert made(VSA_LOKI_URL="http://loki:3100")["VSA_LOKI_URL"] == "http://loki:3100"
