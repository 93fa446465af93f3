"""The document of ``--json``: the same for every verb, after a failure too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vsa.ansible.report import Report
from vsa.core import STATUS
from vsa.output.text import json_text

__all__ = ("document", "failure_document")


def document(
    report: Report,
    *,
    verb: str,
    audit_id: str | None,
    check: bool,
    took: float,
    reveals: Mapping[str, str] | None = None,
    warnings: Sequence[str] | None = None,
) -> str:
    """Return a report as JSON. The payload of a host stands beside its status; durations are in seconds.

    ``audit_id`` is None for a run that leaves no record.
    ``reveals`` are secrets by name that are shown only now. ``warnings`` are about the inventory.
    """
    made: dict[str, Any] = _head(verb, audit_id, exit_code=report.exit_code)
    made |= reveals or {}
    made |= {"changed": report.changed, "check": check, "seconds": round(took, 3)}
    if warnings is not None:
        made["warnings"] = list(warnings)
    if report.error:
        made["error"] = report.error
    made["hosts"] = {}
    for name, host in report.hosts.items():
        entry: dict[str, Any] = {"status": host.status, "changed": host.changed, "seconds": round(host.seconds, 3)}
        entry |= {"error": host.error} if host.error else {}
        entry |= {"steps": host.steps} if host.steps else {}
        entry |= {"diff": host.diffs} if host.diffs else {}
        made["hosts"][name] = {**host.payload, **entry}
    return json_text(made, indent=2)


def failure_document(error: dict[str, Any], *, verb: str | None, exit_code: int) -> str:
    """Return the document of a call that ended before any host was asked."""
    made = _head(verb, None, exit_code=exit_code) | {"changed": False, "error": error, "hosts": {}}
    return json_text(made, indent=2)


def _head(verb: str | None, audit_id: str | None, *, exit_code: int) -> dict[str, Any]:
    return {
        "schema": 1,
        "verb": verb,
        "audit_id": audit_id,
        "status": STATUS.get(exit_code, STATUS[1]),
        "exit_code": exit_code,
    }
