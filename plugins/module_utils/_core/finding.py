# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Something that is wrong on a host, as a value: a check returns findings, and `vsa status` prints them.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ("DOWN", "LEVELS", "NOT_CHECKED", "WARNING", "Finding", "as_mapping", "worst_first")

DOWN = "down"
WARNING = "warning"
NOT_CHECKED = "not checked"

LEVELS = (DOWN, WARNING, NOT_CHECKED)
"""The levels of a finding, the worst first. What did not answer in time is ``not checked``, never fine."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or that could not be checked.

    * ``name``: the finding's own name, in lower case with hyphens (``published-port``). The name never changes, because
      scripts look for it.
    * ``level``: one of :data:`LEVELS`.
    * ``subject``: what the finding is about: a site, a container, a network, a file, or ``host``.
    * ``text``: what was seen, in one sentence.
    * ``remedy``: what the operator can do, or "" if nothing is to be done. If the remedy is a command of VSA, give an
      :class:`~.hints.Advice`.
    """

    name: str
    level: str
    subject: str
    text: str
    remedy: str = ""


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Sort findings: down before warning before not checked, then by name and subject."""
    return sorted(findings, key=lambda finding: (LEVELS.index(finding.level), finding.name, finding.subject))


def as_mapping(finding: Finding) -> dict[str, str]:
    """Return a finding as a mapping of texts, as a module's result holds it."""
    return {
        "name": finding.name,
        "level": finding.level,
        "subject": finding.subject,
        "text": finding.text,
        "remedy": finding.remedy,
    }
