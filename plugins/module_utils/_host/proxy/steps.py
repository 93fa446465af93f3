# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of the proxy transaction in the operator's words.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._core.proxy.plan import Plan
from ..._core.result import CHANGED, OK, WARNING, WOULD_CHANGE, Result, Step
from ..._core.run_context import RunContext
from .values import Answer, Desired, Outcome, Prepared

__all__ = ("outcome_result", "plan_result", "site_step")


def plan_result(plan: Plan, desired: Desired, *, diff: bool) -> Result:
    """Return the result of a run that only says what would change; with the unified diff if ``diff``."""
    text = f"generation {plan.base} → {plan.base + 1}: {plan.summary()}" if plan.changed else "nothing to change"
    state = WOULD_CHANGE if plan.changed else OK
    return Result(
        changed=plan.changed,
        steps=(Step("proxy", state, text, (*_joins(plan), *desired.warnings)),),
        data={"base": plan.base, "generation": plan.base, "plan": plan.hash, "invalid": list(desired.invalid)},
        diff=plan.diff() if diff else None,
    )


def outcome_result(prepared: Prepared | None, outcome: Outcome | None, run: RunContext, *, diff: bool) -> Result:
    """Return the result of a transaction.

    ``prepared`` is None if an earlier run prepared the generation; ``outcome`` is None if nothing had to change.
    """
    plan = prepared.plan if prepared else None
    warnings = prepared.desired.warnings if prepared else ()
    base = number = plan.base if plan else 0
    if outcome is not None:
        base, number = outcome.base, outcome.number
        step = _committed_step(plan, outcome, warnings)
    else:
        step = Step("proxy", WARNING if warnings else OK, f"generation {base}: unchanged", warnings)
    return Result(
        changed=outcome is not None,
        steps=(step,),
        data={
            "base": base,
            "generation": number,
            "plan": plan.hash if plan else None,
            "audit_id": run.audit_id,
            "invalid": list(prepared.desired.invalid) if prepared else [],
        },
        diff=plan.diff() if plan and diff else None,
    )


def _committed_step(plan: Plan | None, outcome: Outcome, warnings: tuple[str, ...]) -> Step:
    summary = plan.summary() if plan else "prepared before"
    proof = "tested, live, proven" if outcome.proven else "tested"
    joins = _joins(plan) if plan else []
    text = f"generation {outcome.base} → {outcome.number}: {summary}, {proof}"
    return Step("proxy", CHANGED, text, (*joins, *outcome.notes, *warnings))


def _joins(plan: Plan) -> list[str]:
    return [f"{container} joined to {network}" for network, container in plan.joins]


def site_step(domain: str, entry: Mapping[str, Any], answer: Answer) -> Step:
    """Say how a site's own URL answered.

    The status is the application's business, except 502 and 504. A certificate chain that cannot be verified is a
    warning.
    """
    url = f"https://{entry.get('served', domain)}{entry['path']}"
    if answer.status is None:
        return Step("site", WARNING, f"{url} did not answer: {answer.error}")
    if answer.chain is None:
        chain = "chain verified"
    elif entry["ca"] == "selfsigned":
        chain = "self-signed: browsers will warn"
    else:
        chain = f"chain not verified: {answer.chain}"
    bad = answer.chain is not None or answer.status in (502, 504)
    return Step("site", WARNING if bad else OK, f"{url} → {answer.status} in {answer.milliseconds} ms, {chain}")
