# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``host_info``: run every check of a host at the same time, and report what is wrong, the worst first.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..._core.errors import VsaError
from ..._core.finding import WARNING, Finding, as_mapping
from ..._core.host.report import condensed, not_checked, state_of
from ..._core.result import Result
from ..._core.site.visitor import STATES
from ..machine.docker import Engine
from ..store.documents import damaged
from ..store.layout import Paths
from .checks import CHECKS, Check
from .look import Look

__all__ = ("StatusRequest", "run_checks", "show_status")

# A check that takes longer than this is reported as not checked. Most checks take a few hundredths of a second.
_SECONDS = 15.0


@dataclass(frozen=True)
class StatusRequest:
    """What a task of ``host_info`` requests: ``fresh`` asks the DNS anew, ``probe`` asks the sites."""

    fresh: bool = False
    probe: bool = True


def show_status(
    request: StatusRequest,
    *,
    paths: Paths | None = None,
    engine: Engine | None = None,
    checks: Sequence[Check] = CHECKS,
    seconds: float = _SECONDS,
) -> Result:
    """Return the state of the host, what is wrong with it, and which checks were made."""
    look = Look(paths, engine=engine, fresh=request.fresh, probe=request.probe)
    findings = condensed([*run_checks(checks, look, seconds=seconds), *_damaged_files()])
    return Result(
        data={
            "state": state_of(findings),
            "findings": [as_mapping(finding) for finding in findings],
            "checks": [check.name for check in checks],
            **_sites(look),
        }
    )


def _damaged_files() -> list[Finding]:
    """Return a finding for each file of VSA's own that a check met and could not use."""
    remedy = "the next change of the host moves it aside and makes it anew"
    return [
        Finding("file-damaged", WARNING, str(path), f"this file is damaged: {problem}", remedy)
        for path, problem in damaged().items()
    ]


def _sites(look: Look) -> dict[str, Any]:
    """Return the domains, and the number of sites in each state, the worst first; nothing if nobody looked at them."""
    listed = look.sites_so_far
    entries = listed.entries if listed else []
    states = [entry["state"] for entry in entries]
    return {
        "domains": [entry["domain"] for entry in entries],
        "site_states": {state: states.count(state) for state in STATES if state in states},
    }


def run_checks(checks: Sequence[Check], look: Look, *, seconds: float) -> list[Finding]:
    """Run checks at the same time. A check that raises, or is not done after so many seconds, is not checked.

    A thread cannot be ended from outside, so a check that hangs goes on in a thread that does not keep the process.
    """
    ended: queue.SimpleQueue[tuple[str, list[Finding]]] = queue.SimpleQueue()
    for check in checks:
        threading.Thread(target=_run, args=(check, look, ended), daemon=True).start()
    deadline = time.monotonic() + seconds
    results: dict[str, list[Finding]] = {}
    while len(results) < len(checks):
        try:
            name, findings = ended.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        results[name] = findings
    late = f"it did not end within {seconds:.0f} s"
    return [finding for check in checks for finding in results.get(check.name, [not_checked(check.name, late)])]


def _run(check: Check, look: Look, ended: queue.SimpleQueue[tuple[str, list[Finding]]]) -> None:
    try:
        findings = list(check.run(look))
    except VsaError as error:
        findings = [not_checked(check.name, error.message)]
    except Exception as error:
        # Whatever happens in one check, the others are reported, and this one is never taken for fine.
        findings = [not_checked(check.name, f"the check itself failed: {type(error).__name__}: {error}")]
    ended.put((check.name, findings))
