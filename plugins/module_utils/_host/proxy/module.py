# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``vhost`` between its options and the transaction: a request in, steps in the operator's words out.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._core import forms
from ..._core.errors import RefusedError
from ..._core.proxy.plan import Plan
from ..._core.site.requested import requested_fields
from ..machine.arguments import audit_id
from ..machine.docker import Engine
from ..store.layout import Paths
from .commit import Outcome, fetch
from .desired import Change, Desired, Request
from .probe import Answer
from .transaction import Proxy

__all__ = ("outcome_result", "plan_result", "run", "site_step", "step")


def run(options: Mapping[str, Any], *, check: bool, diff: bool, paths: Paths | None = None) -> dict[str, Any]:
    """Carry out the module's options and return its result. Raises VsaError."""
    paths = paths or Paths()
    if not paths.nginx.is_dir():
        raise RefusedError("this host has no reverse proxy yet", hint="vsa stack up reverse-proxy")
    proxy = Proxy(Engine(), paths)
    if options["existing"]:
        _require(paths, forms.domain(options["domain"]))
    request = _request(options)
    if options["phase"] == "commit":
        if check:
            return {
                "changed": True,
                "schema": 1,
                "steps": [step("would_change", f"the plan {options['plan']} would go live")],
            }
        committed = proxy.commit(base=options["base"], plan_hash=options["plan"])
        return outcome_result(None, None, committed, request, diff=False)
    if check:
        plan, desired = proxy.plan_rollback(options["to"]) if options["phase"] == "rollback" else proxy.plan(request)
        return plan_result(plan, desired, diff=diff)
    if options["phase"] == "prepare":
        prepared = proxy.prepare(request)
        result = plan_result(prepared.plan, prepared.desired, diff=diff)
        return {**result, "changed": False, "prepared": prepared.number}
    if options["phase"] == "rollback":
        prepared, outcome = proxy.rollback(options["to"], request)
    else:
        prepared, outcome = proxy.apply(request)
    result = outcome_result(prepared.plan, prepared.desired, outcome, request, diff=diff)
    if options["domain"] is not None and options["answering"]:
        domain = request.changes[0].domain
        answer = outcome.answers.get(domain) if outcome else None
        answer = answer or fetch(paths, domain, prepared.desired.sites[domain])
        result["steps"].append(site_step(domain, prepared.desired.sites[domain], answer))
    return result


def _require(paths: Paths, domain: str) -> None:
    if not (paths.sites / f"{domain}.yml").exists():
        raise RefusedError(
            "this host has no such site",
            field="domain",
            value=domain,
            there_are=sorted(path.name.removesuffix(".yml") for path in paths.sites.glob("[!.]*.yml"))[:20],
            hint="vsa site list",
        )


def _request(options: Mapping[str, Any]) -> Request:
    changes: tuple[Change, ...] = ()
    if options["domain"] is not None:
        changes = (
            Change(
                domain=forms.domain(options["domain"]),
                said=requested_fields(options),
                unset=tuple(options["unset"] or ()),
                absent=options["state"] == "absent",
            ),
        )
    elif not options["sync"] and options["phase"] in ("apply", "prepare"):
        raise RefusedError("there is nothing to do", field="domain", expected="a domain, or sync")
    return Request(
        templates=options["templates"] or {},
        audit_id=audit_id(options["audit_id"]),
        actor=options["actor"],
        verb=options["verb"] or "vhost.apply",
        changes=changes,
        sync=options["sync"],
        answering=tuple(change.domain for change in changes) if options["answering"] else (),
    )


def step(state: str, text: str, notes: tuple[str, ...] | list[str] = (), *, name: str = "proxy") -> dict[str, Any]:
    """Return a step as results list it."""
    return {"name": name, "state": state, "text": text, "notes": list(notes)}


def _joins(plan: Plan) -> list[str]:
    return [f"{container} joined to {network}" for network, container in plan.joins]


def _diff_of(plan: Plan, wanted: bool) -> dict[str, Any]:
    return {"diff": {"prepared": plan.diff()}} if wanted else {}


def plan_result(plan: Plan, desired: Desired, *, diff: bool) -> dict[str, Any]:
    """Return the result of a run that only says what would change."""
    text = f"generation {plan.base} → {plan.base + 1}: {plan.summary()}" if plan.changed else "nothing to change"
    return {
        "changed": plan.changed,
        "schema": 1,
        "base": plan.base,
        "generation": plan.base,
        "plan": plan.hash,
        "invalid": list(desired.invalid),
        "steps": [step("would_change" if plan.changed else "ok", text, [*_joins(plan), *desired.warnings])],
        **_diff_of(plan, diff),
    }


def outcome_result(
    plan: Plan | None, desired: Desired | None, outcome: Outcome | None, request: Request, *, diff: bool
) -> dict[str, Any]:
    """Return the result of a transaction; ``outcome`` is None where nothing was to be done."""
    warnings = list(desired.warnings) if desired else []
    if outcome is None:
        base = plan.base if plan else 0
        done = step("warning" if warnings else "ok", f"generation {base}: unchanged", warnings)
        number = base
    else:
        base, number = outcome.base, outcome.number
        proof = "tested, live, proven" if outcome.proven else "tested"
        summary = plan.summary() if plan else "prepared before"
        notes = [*(_joins(plan) if plan else []), *outcome.notes, *warnings]
        done = step("changed", f"generation {base} → {number}: {summary}, {proof}", notes)
    return {
        "changed": outcome is not None,
        "schema": 1,
        "base": base,
        "generation": number,
        "plan": plan.hash if plan else None,
        "audit_id": request.audit_id,
        "invalid": list(desired.invalid) if desired else [],
        "steps": [done],
        **(_diff_of(plan, diff) if plan else {}),
    }


def site_step(domain: str, entry: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
    """Say what the site's own URL gave: a status is the application's affair, a bad chain is worth a warning."""
    url = f"https://{entry.get('served', domain)}{entry['path']}"
    if answer.status is None:
        return step("warning", f"{url} did not answer: {answer.error}", name="site")
    if answer.chain is None:
        chain = "chain verified"
    elif entry["ca"] == "selfsigned":
        chain = "self-signed: browsers will warn"
    else:
        chain = f"chain not verified: {answer.chain}"
    state = "warning" if answer.chain is not None or answer.status in (502, 504) else "ok"
    return step(state, f"{url} → {answer.status} in {answer.milliseconds} ms, {chain}", name="site")
