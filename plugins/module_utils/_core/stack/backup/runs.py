# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runs of backups in a repository: group restic's snapshots into runs, choose one, and say which have expired.

A run is all snapshots with one run id: one for each database, then one with volumes and files. The last one makes the
run complete. Values in, values out. Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ... import forms
from ...errors import RefusedError, RolledBackError
from ...hints import Hint
from ...times import parse_time, rfc3339
from .settings import Keep

__all__ = ("FILES", "BackupRun", "choose_run", "expired_runs", "new_run_id", "read_runs", "run_id", "tags_of")

FILES = "files"
"""The part of a run that has volumes and files. It is saved last."""

_MARK = "vsa"
_DATABASE = "database-"
_RUN = re.compile(r"[0-9]{8}t[0-9]{6}z-[0-9a-f]{4}")
# An incomplete run may still be under way.
_UNDER_WAY = datetime.timedelta(hours=24)


@dataclass(frozen=True)
class BackupRun:
    """One run: when and on which host it was made, and the ids of its snapshots.

    ``files`` is None if the run did not end. ``size`` is how many bytes were read.
    """

    id: str
    tenant: str
    stack: str
    host: str
    time: datetime.datetime
    files: str | None = None
    databases: Mapping[str, str] = field(default_factory=dict)
    size: int = 0

    @property
    def complete(self) -> bool:
        """Say whether all of the run was saved."""
        return self.files is not None

    @property
    def snapshots(self) -> tuple[str, ...]:
        """Return the ids of all snapshots of the run."""
        return (*self.databases.values(), *((self.files,) if self.files else ()))

    def as_dict(self) -> dict[str, Any]:
        """Return the run as results show it."""
        return {
            "run": self.id,
            "tenant": self.tenant,
            "stack": self.stack,
            "host": self.host,
            "time": rfc3339(self.time),
            "complete": self.complete,
            "databases": sorted(self.databases),
            "size": self.size,
        }


def run_id(value: object, *, field: str = "run") -> str:
    """Return the id of a run. RefusedError if the value has not its form."""
    if not isinstance(value, str) or not _RUN.fullmatch(value):
        raise RefusedError("this is not a run of a backup", field=field, value=value, expected="20261129t030000z-1f2e")
    return value


def new_run_id(now: datetime.datetime, chance: str) -> str:
    """Return the id of a run that begins now; ``chance`` are four random hexadecimal digits."""
    return f"{now:%Y%m%dt%H%M%Sz}-{chance}"


def tags_of(*, tenant: str, stack: str, run: str, part: str) -> list[str]:
    """Return the tags of one snapshot of a run; ``part`` is FILES, or the service of a database."""
    named = part if part == FILES else f"{_DATABASE}{part}"
    return [_MARK, f"tenant={tenant}", f"stack={stack}", f"run={run}", f"part={named}"]


def read_runs(text: str) -> list[BackupRun]:
    """Return the runs in what ``restic snapshots --json`` printed, newest first.

    Snapshots of others are left out. RolledBackError if the text is no list.
    """
    try:
        data = json.loads(text or "null") or []
    except ValueError as error:
        raise RolledBackError("restic did not list the snapshots of the repository", details=[str(error)]) from error
    parts: dict[tuple[str, str, str], list[tuple[dict[str, str], Mapping[str, Any]]]] = {}
    for entry in data if isinstance(data, list) else ():
        tags = _read_tags(entry)
        if tags is not None:
            parts.setdefault((tags["tenant"], tags["stack"], tags["run"]), []).append((tags, entry))
    runs = [_run(tenant, stack, run, found) for (tenant, stack, run), found in parts.items()]
    return sorted(runs, key=lambda run: (run.time, run.id), reverse=True)


def _read_tags(entry: object) -> dict[str, str] | None:
    """Return the tags of a snapshot that VSA made, by name; None if it is another's, or its names have no form."""
    if not isinstance(entry, Mapping):
        return None
    tags = entry.get("tags")
    if not isinstance(tags, list) or _MARK not in tags or not isinstance(entry.get("id"), str):
        return None
    found = {str(tag).partition("=")[0]: str(tag).partition("=")[2] for tag in tags}
    try:
        forms.tenant(found.get("tenant"))
        forms.stack_name(found.get("stack"))
        run_id(found.get("run"))
    except RefusedError:
        return None
    named = found.get("part", "")
    return found if named == FILES or named.startswith(_DATABASE) else None


def _run(tenant: str, stack: str, run: str, parts: Iterable[tuple[dict[str, str], Mapping[str, Any]]]) -> BackupRun:
    files, databases, size = None, {}, 0
    host, latest = "", datetime.datetime.fromtimestamp(0, tz=datetime.timezone.utc)
    for tags, entry in parts:
        if tags["part"] == FILES:
            files = entry["id"]
        else:
            databases[tags["part"].removeprefix(_DATABASE)] = entry["id"]
        size += int((entry.get("summary") or {}).get("total_bytes_processed") or 0)
        host = str(entry.get("hostname") or "")
        latest = max(latest, parse_time(entry.get("time")) or latest)
    return BackupRun(run, tenant, stack, host, latest, files, databases, size)


def choose_run(runs: Iterable[BackupRun], *, tenant: str | None, stack: str, run: str | None = None) -> BackupRun:
    """Return the run to restore: the one of this id, or the newest complete one.

    RefusedError if there is none, or if several tenants have a stack of this name and none was named.
    """
    of_stack = [found for found in runs if found.stack == stack and tenant in (None, found.tenant)]
    whole = [found for found in of_stack if found.complete]
    chosen = [found for found in whole if run in (None, found.id)]
    if not chosen:
        raise RefusedError(
            f"there is no complete backup of {stack}" + (f" of the run {run}" if run else ""),
            field="stack" if run is None else "run",
            value=stack if run is None else run,
            there_are=[found.id for found in whole][:10],
            hint=Hint("stack.backups"),
        )
    tenants = sorted({found.tenant for found in chosen})
    if len(tenants) > 1:
        raise RefusedError(
            f"several tenants have backups of a stack {stack}",
            field="tenant",
            value="(not given)",
            expected="the tenant whose stack is meant",
            there_are=tenants,
        )
    return chosen[0]


def expired_runs(runs: Iterable[BackupRun], keep: Keep, *, now: datetime.datetime) -> list[BackupRun]:
    """Return the runs of one stack that are no longer kept.

    Of the complete ones the newest stays always, the last ones stay, and the newest of each of the last days, ISO weeks
    and months that have one. A run that did not end stays for a day: it may be under way.
    """
    known = sorted(runs, key=lambda run: (run.time, run.id), reverse=True)
    whole = [run for run in known if run.complete]
    kept = {run.id for run in whole[: max(1, keep.last)]}
    for form, most in (("%Y-%m-%d", keep.daily), ("%G-%V", keep.weekly), ("%Y-%m", keep.monthly)):
        newest: dict[str, str] = {}
        for run in whole:
            newest.setdefault(run.time.strftime(form), run.id)
        kept.update(list(newest.values())[:most])
    kept.update(run.id for run in known if not run.complete and now - run.time < _UNDER_WAY)
    return [run for run in known if run.id not in kept]
