# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of a host that were cut off: a commit of the proxy, the removal of a site, a new daemon.json.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import time
from pathlib import Path

from ..._core.finding import WARNING, Finding
from ..._core.hints import Advice, Hint
from ..store.layout import Paths

__all__ = ("unfinished_findings",)

# A change that runs now is no finding. The longest step of a change takes less than this time.
_UNDER_WAY_SECONDS = 120.0


def unfinished_findings(paths: Paths, *, now: float | None = None) -> list[Finding]:
    """Return a finding for each change that was cut off. ``now`` is the Unix time, by default the present one."""
    moment = time.time() if now is None else now
    findings = []
    if _cut_off(paths.journal, moment):
        text = "a change of the proxy was cut off; the next change finishes it or takes it back first"
        findings.append(Finding("change-unfinished", WARNING, "proxy", text, Advice("", Hint("vhost.sync"))))
    for journal in sorted(paths.unprovision.glob("*.json")):
        if _cut_off(journal, moment):
            remedy = Advice("", Hint("site.unprovision", {"domain": journal.stem}))
            text = "the removal of this site was cut off"
            findings.append(Finding("removal-unfinished", WARNING, journal.stem, text, remedy))
    kept = Path(paths.root, "etc/docker/daemon.json.vsa-old")
    if _cut_off(kept, moment):
        text = "a change of the engine's settings was cut off"
        findings.append(Finding("bootstrap-unfinished", WARNING, str(kept), text, Advice("", Hint("bootstrap"))))
    return findings


def _cut_off(path: Path, now: float) -> bool:
    """Say whether a file was left by a change that does not run any more. A time in the future counts as old."""
    try:
        age = now - path.stat().st_mtime
    except FileNotFoundError:
        return False
    return not 0 <= age < _UNDER_WAY_SECONDS
