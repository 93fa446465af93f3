"""Where a verb acts, and its fields as extra variables."""

from __future__ import annotations

import pytest

from vsa.ansible.run import Run, Where, given


def test_a_run_has_all_that_was_said_of_where() -> None:
    where = Where(inventory="/i/hosts.yml", limit="vps-01", check=True, diff=True, verbosity=2)
    assert where.verb("site.list", domain=None) == Run(
        playbook="flowbiz.vsa.site.list", inventory="/i/hosts.yml", limit="vps-01", check=True, diff=True, verbosity=2
    )


def test_a_field_becomes_the_option_of_the_role() -> None:
    run = Where(local=True).verb(
        "cert.install-cron", timer_cron=True, timer_state=None, names=["a.example", "b.example"]
    )
    assert run.playbook == "flowbiz.vsa.cert.install_cron"
    assert run.extravars == {"cert_timer_cron": True, "cert_names": ("a.example", "b.example")}


@pytest.mark.parametrize(
    ("value", "is_given"),
    [(None, False), ((), False), ([], False), ({}, False), (False, True), (0, True), ("", True), (("a",), True)],
)
def test_which_fields_were_given(value: object, is_given: bool) -> None:
    assert ("field" in given({"field": value})) == is_given
