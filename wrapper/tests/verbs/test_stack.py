"""The verbs of ``vsa stack`` as values: fields in, a Run out."""

from __future__ import annotations

import pytest

from vsa.ansible.run import Run, Where
from vsa.verbs import stack

HERE = Where(local=True)


def run(playbook: str, **extravars: object) -> Run:
    return Run(playbook=f"flowbiz.vsa.{playbook}", extravars=extravars, local=True)


CASES = [
    (stack.up(HERE, name="reverse-proxy"), run("stack.up", stack_name="reverse-proxy")),
    (
        stack.up(HERE, name="hello", env={"HELLO_DOMAIN": "a.example.com"}),
        run("stack.up", stack_name="hello", stack_env={"HELLO_DOMAIN": "a.example.com"}),
    ),
    (
        stack.up(HERE, name="shop", source="/stacks", pull=True, allow=("device", "oom")),
        run("stack.up", stack_name="shop", stack_source="/stacks", stack_pull=True, stack_allow=("device", "oom")),
    ),
    (
        stack.up(HERE, name="shop", tenant="acme", password_file="/run/first"),
        run("stack.up", stack_name="shop", stack_tenant="acme", stack_password_file="/run/first"),
    ),
    (
        stack.up(HERE, name="shop", build=True, env={"TAG": "2"}, env_typed=["TAG"]),
        run("stack.up", stack_name="shop", stack_build=True, stack_env={"TAG": "2"}, stack_env_typed=("TAG",)),
    ),
    (
        stack.set_variables(HERE, name="shop", env={"TAG": "2"}, env_typed=["TAG"], tenant="acme"),
        run("stack.set", stack_name="shop", stack_tenant="acme", stack_env={"TAG": "2"}, stack_env_typed=("TAG",)),
    ),
    (
        stack.rotate(HERE, name="shop", keys=("KEY",)),
        run("stack.rotate", stack_name="shop", stack_rotate=("KEY",)),
    ),
    (
        stack.restart(HERE, name="shop", service="web"),
        run("stack.restart", stack_name="shop", stack_service="web"),
    ),
    (stack.down(HERE, name="reverse-proxy"), run("stack.down", stack_name="reverse-proxy")),
    (
        stack.down(HERE, name="shop", sites=True, volumes=True, typed="shop"),
        run("stack.down", stack_name="shop", stack_sites=True, stack_volumes=True, stack_typed="shop"),
    ),
    (
        stack.exec_in(HERE, name="shop", service="db", command=["psql", "-c", "\\d"], stdin=""),
        run("stack.exec", stack_name="shop", stack_service="db", stack_command=("psql", "-c", "\\d"), stack_stdin=""),
    ),
    (stack.list_stacks(HERE), run("stack.list")),
    (stack.ps(HERE), run("stack.ps")),
    (stack.ps(HERE, name="reverse-proxy"), run("stack.ps", stack_name="reverse-proxy")),
    (
        stack.logs(HERE, name="reverse-proxy", service="nginx", lines=50),
        run("stack.logs", stack_name="reverse-proxy", stack_service="nginx", stack_tail=50),
    ),
    (
        stack.logs(HERE, name="shop", follow=15, cursor="{}"),
        run("stack.logs", stack_name="shop", stack_follow=15, stack_cursor="{}"),
    ),
    (stack.logs(HERE, name="shop", since="2h"), run("stack.logs", stack_name="shop", stack_since="2h")),
]  # fmt: skip


@pytest.mark.parametrize(("made", "expected"), CASES, ids=lambda case: case.playbook.removeprefix("flowbiz.vsa."))
def test_a_verb_is_this_run(made: Run, expected: Run) -> None:
    assert made == expected
