# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of the proxy transaction in the operator's words.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..._core.hints import Hint, undo_keys
from ..._core.proxy.plan import Plan, manifest_file, site_of
from ..._core.result import CHANGED, OK, WARNING, WOULD_CHANGE, Result, Step
from ..._core.run_context import RunContext
from .values import Answer, Desired, Outcome, Prepared

__all__ = ("outcome_result", "plan_result", "site_step", "undo_of_site")

_MOST_NAMED = 20


def plan_result(plan: Plan, desired: Desired, *, diff: bool, named: bool = False) -> Result:
    """Return the result of a run that only says what would change; with the unified diff if ``diff``.

    ``named`` names the sites that come, change and go, for a run that the operator started without a domain.
    """
    text = f"generation {plan.base} → {plan.base + 1}: {plan.summary()}" if plan.changed else "nothing to change"
    state = WOULD_CHANGE if plan.changed else OK
    return Result(
        changed=plan.changed,
        steps=(Step("proxy", state, text, (*_site_names(plan, named), *_joins(plan), *desired.warnings)),),
        data={
            "base": plan.base,
            "generation": plan.base,
            "plan": plan.hash,
            "invalid": list(desired.invalid),
            **({"affected": _affected(plan)} if named else {}),
        },
        diff=plan.diff() if diff else None,
    )


def outcome_result(
    prepared: Prepared | None, outcome: Outcome | None, run: RunContext, *, diff: bool, named: bool = False
) -> Result:
    """Return the result of a transaction.

    ``prepared`` is None if an earlier run prepared the generation; ``outcome`` is None if nothing had to change.
    ``named`` as for :func:`plan_result`.
    """
    plan = prepared.plan if prepared else None
    warnings = prepared.desired.warnings if prepared else ()
    base = number = plan.base if plan else 0
    undo: dict[str, object] = {}
    if outcome is not None:
        base, number = outcome.base, outcome.number
        # A generation that NGINX did not serve is nothing to go back to. The verbs about one site name their own undo.
        if named and base and outcome.base_served:
            undo = undo_keys(Hint("vhost.rollback", {"to": base}))
        step = _committed_step(plan, outcome, warnings, named=named)
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
            **({"silent": list(outcome.silent)} if outcome and outcome.silent else {}),
            **({"affected": _affected(plan)} if named and plan else {}),
            **undo,
        },
        diff=plan.diff() if plan and diff else None,
    )


def undo_of_site(domain: str, plan: Plan, outcome: Outcome | None) -> dict[str, object]:
    """Return the keys of a result that name the verb which undoes the change of one site, none if no verb does.

    A rollback of the whole host would take back what others have changed since.
    """
    if outcome is None:
        return {}
    there = [change for change in plan.changes if change.name == manifest_file(domain)]
    if any(change.before is None for change in there):
        return undo_keys(Hint("site.unprovision", {"domain": domain}))
    return undo_keys(Hint("site.rollback", {"domain": domain, "generation": outcome.base})) if there else {}


def _committed_step(plan: Plan | None, outcome: Outcome, warnings: tuple[str, ...], *, named: bool) -> Step:
    summary = plan.summary() if plan else "prepared before"
    proof = "tested, live, proven" if outcome.proven else "tested"
    joins = [*_site_names(plan, named), *_joins(plan)] if plan else []
    text = f"generation {outcome.base} → {outcome.number}: {summary}, {proof}"
    return Step("proxy", CHANGED, text, (*joins, *outcome.notes, *warnings))


def _affected(plan: Plan) -> dict[str, list[str]]:
    """Return the sites that come, those that change, and those that go."""
    new = {site_of(change.name) for change in plan.changes if change.before is None}
    return {
        "new": [domain for domain in plan.sites_changed if domain in new],
        "changed": [domain for domain in plan.sites_changed if domain not in new],
        "off_the_air": list(plan.sites_removed),
    }


def _site_names(plan: Plan, named: bool) -> list[str]:
    """Return a line with the names of the sites that come, a line for those that change, and one for those that go."""
    if not named:
        return []
    return [f"{word.replace('_', ' ')}: {_listed(domains)}" for word, domains in _affected(plan).items() if domains]


def _listed(domains: Sequence[str]) -> str:
    more = len(domains) - _MOST_NAMED
    return ", ".join(domains[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _joins(plan: Plan) -> list[str]:
    return [f"{container} joined to {network}" for network, container in plan.joins]


def site_step(domain: str, entry: Mapping[str, Any], answer: Answer) -> Step:
    """Return the step that says how a site's own URL answered.

    A status of 500 or more is a warning, and so is a certificate chain that cannot be verified.
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
    bad = answer.chain is not None or answer.status >= 500
    return Step("site", WARNING if bad else OK, f"{url} → {answer.status} in {answer.milliseconds} ms, {chain}")
