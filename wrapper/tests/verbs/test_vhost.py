"""The verbs of ``vsa vhost`` as values: fields in, a Run out."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from vsa.ansible.report import HostResult, Report
from vsa.ansible.run import Run, Where
from vsa.cli import cli
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
    (
        vhost.rollback(HERE, generation=41, removal="allow", base=43),
        run("vhost.rollback", vhost_to=41, vhost_removal="allow", vhost_base=43),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("made", "expected"), CASES, ids=lambda case: case.playbook.removeprefix("flowbiz.vsa."))
def test_a_verb_is_this_run(made: Run, expected: Run) -> None:
    assert made == expected


@pytest.mark.parametrize(
    ("affected", "named"),
    [
        ({"new": [], "changed": [], "off_the_air": []}, "no site changes"),
        ({"new": ["c.example"], "changed": [], "off_the_air": []}, "new: c.example"),
        (
            {"new": ["c.example"], "changed": ["b.example", "d.example"], "off_the_air": ["a.example"]},
            "off the air: a.example; new: c.example; changed: b.example, d.example",
        ),
    ],
)
def test_finding_4_the_question_before_a_rollback_names_the_sites(affected: dict, named: str) -> None:
    asked = vhost._rollback_question("vps-01", {"target": 41, "affected": affected})
    assert asked == f"Make generation 41 of vps-01 live again ({named})?"


class Answering:
    """Takes the place of the runs: the check says what would change, and each run is noted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, answer: str, changed: bool = True) -> None:
        self.runs: list[Run] = []
        affected = {"new": [], "changed": ["a.example"], "off_the_air": ["b.example"]}
        payload = {"base": 43, "target": 41, "affected": affected}
        self._report = Report(hosts={"vps-01": HostResult(payload=payload, changed=changed)})
        monkeypatch.setattr(vhost, "performed", self._performed)
        monkeypatch.setattr(vhost, "must_ask", lambda _context, _what: True)
        self.done = CliRunner().invoke(cli, ["vhost", "rollback", "--local"], input=answer)

    def _performed(self, _context: object, _spec: object, run: Run, **_more: object) -> Report:
        self.runs.append(run)
        return self._report


def test_a_rollback_asks_and_does_what_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Answering(monkeypatch, answer="y\n")
    assert "Make generation 41 of vps-01 live again (off the air: b.example; changed: a.example)?" in asked.done.output
    first, second = asked.runs
    assert (first.check, dict(first.extravars)) == (True, {})
    assert dict(second.extravars) == {"vhost_to": 41, "vhost_removal": "allow", "vhost_base": 43}


@pytest.mark.parametrize(("answer", "changed"), [("n\n", True), ("", False)])
def test_a_rollback_that_is_not_wanted_or_changes_nothing_is_not_run(
    monkeypatch: pytest.MonkeyPatch, answer: str, changed: bool
) -> None:
    asked = Answering(monkeypatch, answer=answer, changed=changed)
    assert [run.check for run in asked.runs] == [True]
