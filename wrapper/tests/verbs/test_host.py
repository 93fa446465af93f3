"""The verbs of ``vsa host`` as values: fields in, a Run out."""

from __future__ import annotations

from vsa.ansible.run import Run, Where
from vsa.verbs import host

HERE = Where(local=True)


def run(**extravars: object) -> Run:
    return Run(playbook="flowbiz.vsa.host.status", extravars=extravars, local=True)


def test_a_verb_is_this_run() -> None:
    assert host.status(HERE) == run()
    assert host.status(HERE, fresh=True, probe=False) == run(host_fresh=True, host_probe=False)


def test_a_ping_is_this_run() -> None:
    assert host.ping(HERE) == Run(playbook="flowbiz.vsa.host.ping", extravars={}, local=True)


def test_a_finding_is_due() -> None:
    assert not host._due({"findings": []})
    assert host._due({"findings": [{"level": "not checked"}]}), "what was not seen is never fine"
