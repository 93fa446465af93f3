"""The verbs of ``vsa bootstrap`` as values: fields in, a Run out."""

from __future__ import annotations

import pytest

from vsa.ansible.run import Run, Where
from vsa.verbs import bootstrap

HERE = Where(local=True)


def run(playbook: str, **extravars: object) -> Run:
    return Run(playbook=f"flowbiz.vsa.{playbook}", extravars=extravars, local=True)


CASES = [
    (bootstrap.bootstrap(HERE), run("bootstrap")),
    (
        bootstrap.bootstrap(HERE, docker_source="docker", ca="staging", email="ops@example.com", unset=("ca_bundle",)),
        run(
            "bootstrap",
            bootstrap_docker_source="docker",
            bootstrap_ca="staging",
            bootstrap_email="ops@example.com",
            bootstrap_unset=("ca_bundle",),
        ),
    ),
    (
        bootstrap.bootstrap(HERE, ca_bundle="/etc/ssl/own.pem", loki_url="https://loki.example.com"),
        run("bootstrap", bootstrap_ca_bundle="/etc/ssl/own.pem", bootstrap_loki_url="https://loki.example.com"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("made", "expected"), CASES, ids=lambda case: case.playbook.removeprefix("flowbiz.vsa."))
def test_a_verb_is_this_run(made: Run, expected: Run) -> None:
    assert made == expected


def test_a_relative_bundle_is_a_file_of_the_workstation(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    made = bootstrap.bootstrap(HERE, ca_bundle="own.pem")
    assert made.extravars == {"bootstrap_ca_bundle": str(tmp_path / "own.pem")}
