"""The verbs of ``vsa auth`` as values: fields in, a Run out."""

from __future__ import annotations

import pytest

from vsa.ansible.run import Run, Where
from vsa.verbs import auth

HERE = Where(local=True)


def run(playbook: str, **extravars: object) -> Run:
    return Run(playbook=f"flowbiz.vsa.{playbook}", extravars=extravars, local=True)


CASES = [
    (
        auth.add(HERE, domain="a.example.com", user="alice", password_file="/dev/shm/x"),
        run("auth.add", auth_domain="a.example.com", auth_user="alice", auth_password_file="/dev/shm/x"),
    ),
    (
        auth.remove(HERE, domain="a.example.com", route="/x/"),
        run("auth.remove", auth_domain="a.example.com", auth_route="/x/"),
    ),
    (auth.list_users(HERE), run("auth.list")),
]  # fmt: skip


@pytest.mark.parametrize(("made", "expected"), CASES, ids=lambda case: case.playbook.removeprefix("flowbiz.vsa."))
def test_a_verb_is_this_run(made: Run, expected: Run) -> None:
    assert made == expected
