"""Every --json document is of the published schema, and the schema knows every verb."""

from __future__ import annotations

import json
from pathlib import Path

import click
import jsonschema
import pytest

from vsa.ansible.report import HostResult, Report
from vsa.cli import cli
from vsa.output.document import document, failure_document

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/reference/json.schema.json").read_text())
ID = "01936f00-0000-7000-8000-000000000000"
RUN = {
    "id": ID,
    "time": "2026-11-24T10:00:00.000000Z",
    "apart": False,
    "verb": "vhost.sync",
    "target": None,
    "sites": ["a.example"],
    "status": "ok",
    "check": False,
    "changed": True,
    "actor": "ana@ws",
    "hosts": ["vps-01"],
    "duration": 1.5,
    "error": None,
}


def valid(text: str) -> None:
    jsonschema.validate(json.loads(text), SCHEMA, cls=jsonschema.Draft202012Validator)


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_it_knows_every_verb() -> None:
    verbs = {None}
    for name, command in cli.commands.items():
        verbs |= {f"{name}.{verb}" for verb in command.commands} if isinstance(command, click.Group) else {name}
    assert set(SCHEMA["properties"]["verb"]["enum"]) == verbs - {"completion", "help", "init"}


@pytest.mark.parametrize("label", ["ok", "same", "crash", "refused", "plain", "halfdone"])
def test_documents_of_real_runs(vsa, label: str) -> None:
    valid(vsa("site", "provision", "--domain", f"{label}.example.com", "-i", "one.yml", "--json", "--diff").stdout)


@pytest.mark.parametrize(
    "words",
    [
        ("bootstrap", "-i", "gone.yml"),
        ("site", "list", "-i", "one.yml"),
        ("site", "list", "-i", "none.yml"),
        ("vhost", "sync", "-i", "one.yml"),
        ("vhost", "list", "-i", "one.yml"),
        ("nonsense",),
    ],
)
def test_documents_of_real_ends(vsa, words: tuple[str, ...]) -> None:
    valid(vsa("--json", *words).stdout)


def test_a_document_that_is_not_of_it_is_found() -> None:
    made = json.loads(failure_document({"message": "no"}, verb=None, exit_code=2))
    for broken in ({**made, "status": "fine"}, {**made, "more": 1}, {**made, "hosts": {"a": {"status": "ok"}}}):
        with pytest.raises(jsonschema.ValidationError):
            valid(json.dumps(broken))


@pytest.mark.parametrize(
    ("verb", "payload"),
    [
        ("cert.status", {"certificates": [{"domain": "a.example", "state": "missing", "served": "none"}]}),
        ("host.status", {"state": "down", "checks": ["disk"], "site_states": {"down": 2}, "findings": [
            {"name": "disk-full", "level": "warning", "subject": "/", "text": "x", "remedy": ""}]}),
        ("vhost.history", {"generations": [{"number": 2, "live": True, "time": "2026-11-24T10:00:00Z"}]}),
        ("stack.ps", {"stacks": [{"name": "x", "state": "down", "containers": [{"name": "a", "started_at": None}]}]}),
        ("audit.list", {"earlier": False, "runs": [RUN]}),
        ("audit.show", {"records": [{"id": ID}], "left_out": 0}),
        ("site.unprovision", {"presence": "never", "candidates": ["b.example"], "removed_before": None,
                              "elsewhere": ["vps-02"]}),
        ("site.unprovision", {"presence": "removed", "candidates": [], "removed_before": {
            "time": "2026-11-24T10:00:00Z", "verb": "site.unprovision", "actor": "ana@ws", "audit_id": ID}}),
        ("stack.logs", {"logs": [{"container": "a", "lines": ["x"]}]}),
    ],
)  # fmt: skip
def test_payloads(verb: str, payload: dict) -> None:
    report = Report(hosts={"vps-01": HostResult(payload=payload)})
    valid(document(report, verb=verb, audit_id=ID, check=False, took=1.0))
