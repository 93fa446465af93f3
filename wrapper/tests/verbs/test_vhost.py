"""The verbs of ``vsa vhost`` as values: fields in, a Run out."""

from __future__ import annotations

import pytest

from vsa.ansible.run import Run, Where
from vsa.verbs import vhost

HERE = Where(local=True)


def run(playbook: str, **extravars: object) -> Run:
    return Run(playbook=f"flowbiz.vsa.{playbook}", extravars=extravars, local=True)


CASES = [
    (vhost.sync(HERE), run("vhost.sync", vhost_invalid_fails=False)),
    (vhost.list_vhosts(HERE), run("vhost.list")),
    (vhost.show(HERE, domain="a.example.com"), run("vhost.show", vhost_domain="a.example.com")),
    (vhost.history(HERE), run("vhost.history")),
    (vhost.rollback(HERE), run("vhost.rollback")),
    (vhost.rollback(HERE, generation=41), run("vhost.rollback", vhost_to=41)),
]  # fmt: skip


@pytest.mark.parametrize(("made", "expected"), CASES, ids=lambda case: case.playbook.removeprefix("flowbiz.vsa."))
def test_a_verb_is_this_run(made: Run, expected: Run) -> None:
    assert made == expected
