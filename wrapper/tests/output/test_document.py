"""The document of --json."""

from __future__ import annotations

import json

from vsa.ansible.report import HostResult, Report
from vsa.output.document import document, failure_document


def test_a_host_has_its_payload_beside_its_status() -> None:
    report = Report(
        hosts={
            "vps-01": HostResult(
                payload={"sites": [{"domain": "bücher"}], "status": "not this"}, changed=True, seconds=1.23456
            ),
            "vps-02": HostResult(
                error={"message": "ssh: timed out"}, exit_code=5, steps=[{"name": "x"}], diffs=[{"prepared": "d"}]
            ),
        }
    )
    text = document(report, verb="site.list", audit_id="0193", check=False, took=2.0)
    assert "bücher" in text
    assert json.loads(text) == {
        "schema": 1,
        "verb": "site.list",
        "audit_id": "0193",
        "status": "unreachable",
        "exit_code": 5,
        "changed": True,
        "check": False,
        "seconds": 2.0,
        "hosts": {
            "vps-01": {"sites": [{"domain": "bücher"}], "status": "ok", "changed": True, "seconds": 1.235},
            "vps-02": {
                "status": "unreachable",
                "changed": False,
                "seconds": 0.0,
                "error": {"message": "ssh: timed out"},
                "steps": [{"name": "x"}],
                "diff": [{"prepared": "d"}],
            },
        },
    }


def test_an_error_of_the_run_is_in_it() -> None:
    report = Report(error={"message": "no host matches"}, error_exit=2)
    made = json.loads(document(report, verb="site.list", audit_id="0193", check=False, took=0))
    assert (made["status"], made["error"], made["hosts"]) == ("usage_error", {"message": "no host matches"}, {})


def test_a_call_that_never_began_has_one_too() -> None:
    made = json.loads(failure_document({"message": "no"}, verb=None, exit_code=2))
    assert made == {
        "schema": 1, "verb": None, "audit_id": None, "status": "usage_error", "exit_code": 2,
        "changed": False, "error": {"message": "no"}, "hosts": {},
    }  # fmt: skip
