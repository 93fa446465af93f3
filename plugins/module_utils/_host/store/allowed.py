# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator allowed for a stack although the policy refuses it: allowed.json among what VSA keeps of the stack.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any

from ..._core.finding import Finding
from ..._core.run_context import RunContext
from ..._core.shape import ListOf, Object
from ..machine.files import write_atomically
from .documents import read_document
from .layout import Paths

__all__ = ("AllowedFindings", "Key")

Key = tuple[str, str]
"""The name and the subject of a finding: a finding is allowed for one object, not for whatever comes later."""

_FILE = "allowed.json"
_MODE = 0o600
_ENTRY = Object({"finding": str, "subject": str}, {"text": str, "actor": str, "audit_id": str, "time": str})
_SHAPE = Object({"allowed": ListOf(_ENTRY)}, {"schema": int})


class AllowedFindings:
    """The findings that are allowed for one stack."""

    def __init__(self, paths: Paths, tenant: str, name: str) -> None:
        self._path = paths.stack_state(tenant, name) / _FILE

    def _entries(self) -> list[dict[str, Any]]:
        found = read_document(self._path, _SHAPE)
        return list(found["allowed"]) if found else []

    def keys(self) -> set[Key]:
        """Return what is allowed; empty if the file is missing or damaged."""
        return {(entry["finding"], entry["subject"]) for entry in self._entries()}

    def keep(self, present: Collection[Key], accepted: Iterable[Finding], *, run: RunContext | None, now: str) -> bool:
        """Add findings with the actor who allowed them, and forget those that the stack no longer has.

        Returns whether the file changed.
        """
        before = self._entries()
        kept = [entry for entry in before if (entry["finding"], entry["subject"]) in present]
        actor = run.actor.displayed if run else ""
        attribution = {"actor": actor, "audit_id": run.audit_id if run else "", "time": now}
        for finding in accepted:
            what = {"finding": finding.name, "subject": finding.subject, "text": finding.text}
            kept.append({**what, **attribution})
        if kept == before:
            return False
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = json.dumps({"schema": 1, "allowed": kept}, indent=1)
        return write_atomically(self._path, f"{text}\n", mode=_MODE)
