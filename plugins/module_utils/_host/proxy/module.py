# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``vhost``: from its request to the transaction, and from the outcome to its result.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from ..._core.errors import RefusedError, UsageError
from ..._core.hints import Hint
from ..._core.result import WOULD_CHANGE, Result, Step
from ..._core.run_context import RunContext
from ..machine.docker import Engine
from ..store.host import Host, no_proxy, read_host
from ..store.layout import Paths
from .steps import outcome_result, plan_result, site_step
from .transaction import Proxy
from .values import Change, Outcome, Prepared, Request

__all__ = ("APPLY", "COMMIT", "PHASES", "PREPARE", "ROLLBACK", "VhostRequest", "run")

APPLY = "apply"
PREPARE = "prepare"
COMMIT = "commit"
ROLLBACK = "rollback"
PHASES = (APPLY, PREPARE, COMMIT, ROLLBACK)


@dataclass(frozen=True)
class VhostRequest:
    """What a task of the module ``vhost`` requests.

    * ``phase``: APPLY (both halves of the transaction), PREPARE (the first), COMMIT (the second), or ROLLBACK.
    * ``change``: the change of one site, or None; with ``existing`` the site must have a manifest already.
    * ``sync``: render every manifest of the host.
    * ``answering``: the site's containers answered before, so 502 or 504 afterwards fails the transaction.
    * ``base`` and ``plan``: for COMMIT, the generation that the plan was made on, and the hash of the plan.
    * ``to``: for ROLLBACK, the generation to return to; None means the one before the live one.
    """

    run: RunContext
    templates: Mapping[str, str]
    phase: str = APPLY
    change: Change | None = None
    existing: bool = False
    sync: bool = False
    answering: bool = False
    base: int | None = None
    plan: str | None = None
    to: int | None = None


def run(
    request: VhostRequest,
    *,
    check: bool,
    diff: bool,
    paths: Paths | None = None,
    proxy: Proxy | None = None,
    host: Host | None = None,
) -> Result:
    """Carry out a request. With ``check`` only say what would change; with ``diff`` return the unified diff.

    ``host`` is the state of the host if the caller has read it already.
    """
    paths = paths or (host.paths if host else Paths())
    if not paths.nginx.is_dir():
        raise no_proxy()
    proxy = proxy or Proxy(Engine(), paths)
    if request.phase == COMMIT:
        return _commit(proxy, request, check=check)
    if request.phase == ROLLBACK:
        return _rollback(proxy, request, check=check, diff=diff)
    if request.change is None and not request.sync:
        raise RefusedError("there is nothing to do", field="domain", expected="a domain, or sync")
    host = host or read_host(paths)
    if request.existing:
        _refuse_unknown(host, request.change)
    wanted = _transaction_request(request)
    if check:
        return plan_result(*proxy.plan(wanted, host), diff=diff)
    if request.phase == PREPARE:
        prepared = proxy.prepare(wanted, host)
        planned = plan_result(prepared.plan, prepared.desired, diff=diff)
        return dataclasses.replace(planned, changed=False, data={**planned.data, "prepared": prepared.number})
    prepared, outcome = proxy.apply(wanted, host)
    result = outcome_result(prepared, outcome, request.run, diff=diff)
    if request.change is not None and request.answering:
        step = _ask_site(proxy, wanted, host, prepared, outcome)
        result = dataclasses.replace(result, steps=(*result.steps, step))
    return result


def _commit(proxy: Proxy, request: VhostRequest, *, check: bool) -> Result:
    if check:
        return Result(changed=True, steps=(Step("proxy", WOULD_CHANGE, f"the plan {request.plan} would go live"),))
    if request.base is None or request.plan is None:
        raise UsageError("a commit needs the plan that was prepared", field="plan", expected="base and plan")
    outcome = proxy.commit(base=request.base, plan_hash=request.plan)
    return outcome_result(None, outcome, request.run, diff=False)


def _rollback(proxy: Proxy, request: VhostRequest, *, check: bool, diff: bool) -> Result:
    if check:
        return plan_result(*proxy.plan_rollback(request.to), diff=diff)
    prepared, outcome = proxy.rollback(request.to, request.run)
    return outcome_result(prepared, outcome, request.run, diff=diff)


def _refuse_unknown(host: Host, change: Change | None) -> None:
    """RefusedError if the site has no manifest yet."""
    if change is None or change.domain in host.manifests:
        return
    raise RefusedError(
        "this host has no such site",
        field="domain",
        value=change.domain,
        there_are=sorted(host.manifests)[:20],
        hint=Hint("site.list"),
    )


def _transaction_request(request: VhostRequest) -> Request:
    changes = () if request.change is None else (request.change,)
    domains = tuple(change.domain for change in changes)
    return Request(
        run=request.run,
        templates=request.templates,
        changes=changes,
        sync=request.sync,
        answering=domains if request.answering else (),
    )


def _ask_site(proxy: Proxy, request: Request, host: Host, prepared: Prepared, outcome: Outcome | None) -> Step:
    """Return the step that says how the changed site's own URL answers now."""
    domain = request.changes[0].domain
    entry = prepared.desired.sites[domain]
    answer = outcome.answers.get(domain) if outcome else None
    if answer is None:
        answer = proxy.nginx.fetch(domain, entry, settings=host.settings)
    return site_step(domain, entry, answer)
