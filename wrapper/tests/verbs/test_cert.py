"""The verbs of ``vsa cert`` as values: fields in, a Run out."""

from __future__ import annotations

import pytest

from vsa.ansible.run import Run, Where
from vsa.core import UsageError
from vsa.verbs import cert

HERE = Where(local=True)


def run(playbook: str, **extravars: object) -> Run:
    return Run(playbook=f"flowbiz.vsa.{playbook}", extravars=extravars, local=True)


CASES = [
    (cert.issue(HERE, domain="a.example.com"), run("cert.issue", cert_domain="a.example.com")),
    (
        cert.issue(HERE, domain="a.example.com", ca="staging", email="a@example.com", force=True),
        run(
            "cert.issue", cert_domain="a.example.com", cert_ca="staging", cert_email="a@example.com", cert_force=True
        ),
    ),
    (cert.renew(HERE), run("cert.renew")),
    (cert.revoke(HERE, domain="a.example.com"), run("cert.revoke", cert_domain="a.example.com")),
    (cert.install_cron(HERE), run("cert.install_cron")),
    (cert.status(HERE), run("cert.status")),
    (cert.status(HERE, domain="a.example.com"), run("cert.status", cert_domain="a.example.com")),
]  # fmt: skip


@pytest.mark.parametrize(("made", "expected"), CASES, ids=lambda case: case.playbook.removeprefix("flowbiz.vsa."))
def test_a_verb_is_this_run(made: Run, expected: Run) -> None:
    assert made == expected


def test_options_that_contradict_each_other_are_a_usage_error() -> None:
    with pytest.raises(UsageError) as unset:
        cert.issue(HERE, domain="a.example.com", san=["b.example.com"], unset=["san"])
    with pytest.raises(UsageError) as forced:
        cert.renew(HERE, force=True)
    assert (unset.value.field, forced.value.field) == ("--unset", "--force")
