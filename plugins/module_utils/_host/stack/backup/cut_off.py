# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore that was cut off after it moved data aside: nothing but the same restore may start the stack.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...._core.errors import RefusedError
from ...._core.finding import WARNING, Finding
from ...._core.hints import Advice, Hint
from ...._core.stack.manifest import Stack
from ...machine.docker import Engine
from ...machine.walk import walk
from ...store.backups import RestoreJournal
from ...store.layout import Paths

__all__ = ("refuse_half_restored", "restore_findings")


@dataclass(frozen=True)
class _HalfRestored:
    """A stack whose restore is not done: what is wrong, where the data of before lie, and the command that goes on."""

    text: str
    aside: list[str]
    hint: Hint


def refuse_half_restored(paths: Paths, stack: Stack, engine: Engine) -> None:
    """Raise RefusedError if data of the stack lie aside, where a restore that is not done has moved them."""
    found = _half_restored(paths, stack.tenant, stack.name, engine)
    if found is None:
        return
    journal = paths.restore_journal(stack.tenant, stack.name)
    raise RefusedError(
        found.text,
        field="stack",
        value=stack.name,
        expected="the same restore once more, which goes on from there",
        details=[
            f"the data of before lie in {', '.join(found.aside)}",
            f"without the repository: put them back into their places, and remove {journal}",
        ],
        hint=found.hint,
    )


def restore_findings(paths: Paths, engine: Engine) -> list[Finding]:
    """Return a finding for each stack that nothing but the same restore may start."""
    findings = []
    for journal in sorted(paths.restore_journals()):
        tenant, name = journal.parents[1].name, journal.parent.name
        found = _half_restored(paths, tenant, name, engine)
        if found is not None:
            remedy = Advice("", found.hint)
            findings.append(Finding("restore-unfinished", WARNING, f"{tenant}/{name}", found.text, remedy))
    return findings


def _half_restored(paths: Paths, tenant: str, name: str, engine: Engine) -> _HalfRestored | None:
    """Return what is known of a restore that has moved data aside; None if there is none, or if it moved nothing."""
    journal = RestoreJournal(paths, tenant, name).read()
    aside = _aside(paths, tenant, name, engine, suffix=f".before-{journal['suffix']}") if journal else []
    if not journal or not aside:
        return None
    saved, run = journal.get("stack", name), journal["run"]
    hint = Hint("stack.restore", {"name": saved, "tenant": tenant, "run": run})
    if saved != name:
        hint = Hint("stack.restore", {"name": saved, "tenant": tenant, "run": run, "new_name": name})
    text = f"a restore of {name} was cut off, or is under way: its data are of two times"
    return _HalfRestored(text, aside, hint)


def _aside(paths: Paths, tenant: str, name: str, engine: Engine, *, suffix: str) -> list[str]:
    """Return the volumes, and the folder, that the restore moved aside."""
    aside = sorted(volume for volume in engine.volume_projects() if volume.endswith(suffix))
    folder = Path(paths.root, "srv", tenant, name)
    with suppress(FileNotFoundError), walk(folder.parent) as directory:
        if directory.state(f"{name}{suffix}") is not None:
            aside.append(str(folder.with_name(f"{name}{suffix}")))
    return aside
