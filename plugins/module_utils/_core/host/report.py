# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of `vsa status`: the state of a host from its findings, and one line for what could not be checked.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..finding import LEVELS, NOT_CHECKED, Finding, worst_first

__all__ = ("OK", "UNCHECKED", "condensed", "not_checked", "state_of")

OK = "ok"
_MOST_NAMED = 5
UNCHECKED = "not-checked"
"""The name of the finding that a check leaves if the check could not be done."""


def not_checked(check: str, why: str) -> Finding:
    """Return the finding of a check that failed or did not end in time."""
    return Finding(UNCHECKED, NOT_CHECKED, check, why)


def state_of(findings: Iterable[Finding]) -> str:
    """Return the worst level of the findings; ok if there is none."""
    levels = {finding.level for finding in findings}
    return next((level for level in LEVELS if level in levels), OK)


def condensed(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings, the worst first. What is the same for several subjects is said once, with their names."""
    subjects: dict[Finding, list[str]] = {}
    for finding in findings:
        subjects.setdefault(replace(finding, subject=""), []).append(finding.subject)
    return worst_first(replace(finding, subject=_named(names)) for finding, names in subjects.items())


def _named(subjects: Iterable[str]) -> str:
    """Return the first names, and how many more there are."""
    names = list(dict.fromkeys(subjects))
    if len(names) <= _MOST_NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:_MOST_NAMED])} and {len(names) - _MOST_NAMED} more"
