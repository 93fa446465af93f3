# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of the host as text for Prometheus: when certificates end, and when each stack was saved last.

Values in, text out; the text is written elsewhere. Source: https://prometheus.io/docs/instrumenting/exposition_formats/
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .times import parse_time

__all__ = ("LastBackup", "backup_figures", "certificate_figures")

_Sample = tuple[Mapping[str, str], datetime.datetime]


@dataclass(frozen=True)
class LastBackup:
    """When the last good backup of a stack was made."""

    tenant: str
    stack: str
    good: datetime.datetime


def certificate_figures(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return begin and end of each certificate. ``entries`` are those of ``list_certificates``."""
    begins: list[_Sample] = []
    ends: list[_Sample] = []
    for entry in entries:
        begin, end = parse_time(entry.get("not_before")), parse_time(entry.get("not_after"))
        if begin is None or end is None:
            continue  # the file is missing or cannot be read; `vsa cert status` names it
        labels = {"domain": str(entry["domain"])}
        begins.append((labels, begin))
        ends.append((labels, end))
    return _metric("vsa_certificate_not_before_seconds", "The begin of the certificate on disk.", begins) + _metric(
        "vsa_certificate_not_after_seconds", "The end of the certificate on disk.", ends
    )


def backup_figures(backups: Iterable[LastBackup]) -> str:
    """Return when each stack was saved last."""
    samples = [({"tenant": backup.tenant, "stack": backup.stack}, backup.good) for backup in backups]
    return _metric("vsa_backup_last_success_seconds", "When the last good backup of the stack was made.", samples)


def _metric(name: str, words: str, samples: Sequence[_Sample]) -> str:
    lines = [f"# HELP {name} {words}", f"# TYPE {name} gauge"]
    for labels, moment in samples:
        shown = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items())
        lines.append(f"{name}{{{shown}}} {int(moment.timestamp())}")
    return "\n".join(lines) + "\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
