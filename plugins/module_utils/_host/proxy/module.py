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
from ..._core.result import OK, WOULD_CHANGE, Result, Step, joined
from ..._core.run_context import RunContext
from ..machine.docker import Engine
from ..store.host import Host, no_proxy, read_host
from ..store.layout import Paths
from .restore import restore_manifests
from .steps import outcome_result, plan_result, site_step, undo_of_site
from .transaction import Proxy
from .values import ALLOW, KEEP, REFUSE, Change, Desired, Outcome, Prepared, Request

__all__ = ("APPLY", "COMMIT", "PHASES", "PREPARE", "RESTORE", "ROLLBACK", "VhostRequest", "run")

APPLY = "apply"
PREPARE = "prepare"
COMMIT = "commit"
ROLLBACK = "rollback"
RESTORE = "restore"
PHASES = (APPLY, PREPARE, COMMIT, ROLLBACK, RESTORE)


@dataclass(frozen=True)
class VhostRequest:
    """What a task of the module ``vhost`` requests.

    * ``phase``: APPLY (both halves of the transaction), PREPARE (the first), COMMIT (the second), ROLLBACK, or RESTORE
      (write missing manifests again from the live generation).
    * ``change``: the change of one site, or None; with ``existing`` the site must have a manifest already.
    * ``sync``: render every manifest of the host.
    * ``removal``: what happens to sites that would go off the air and that nobody named, one of REMOVALS.
    * ``answering``: ask the site before and after the change. If it answered before and does not afterwards, the
      transaction fails, unless ``force``.
    * ``base`` and ``plan``: for COMMIT, the generation that the plan was made on, and the hash of the plan. For
      ROLLBACK, ``base`` is the generation that must be live still; None allows any.
    * ``to``: for ROLLBACK, the generation to return to; None means the one before the live one.
    """

    run: RunContext
    templates: Mapping[str, str]
    phase: str = APPLY
    change: Change | None = None
    existing: bool = False
    sync: bool = False
    removal: str = REFUSE
    answering: bool = False
    force: bool = False
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
    if request.phase == RESTORE:
        return restore_manifests(host or read_host(paths), request.run, check=check)
    if request.change is None and not request.sync:
        raise RefusedError("there is nothing to do", field="domain", expected="a domain, or sync")
    host = host or read_host(paths)
    if request.sync and request.removal != KEEP:
        _refuse_lost_manifests(host)
    if request.existing:
        _refuse_unknown(host, request.change)
    wanted = _transaction_request(request, check=check)
    if check:
        plan, desired = proxy.plan(wanted, host)
        planned = plan_result(plan, desired, diff=diff, named=request.sync)
        if request.run.verb == "site.maintenance" and request.change is not None:
            planned = dataclasses.replace(planned, steps=(*planned.steps, _visitors(request.change, desired)))
        return planned
    if request.phase == PREPARE:
        prepared = proxy.prepare(wanted, host)
        planned = plan_result(prepared.plan, prepared.desired, diff=diff)
        return dataclasses.replace(planned, changed=False, data={**planned.data, "prepared": prepared.number})
    prepared, outcome = proxy.apply(wanted, host)
    result = outcome_result(prepared, outcome, request.run, diff=diff, named=request.sync)
    if request.change is not None and not request.sync:
        undo = undo_of_site(request.change.domain, prepared.plan, outcome)
        result = dataclasses.replace(result, data={**result.data, **undo})
    if request.run.verb == "site.maintenance" and request.change is not None:
        result = dataclasses.replace(result, steps=(*result.steps, _visitors(request.change, prepared.desired)))
    if request.change is not None and request.answering:
        result = joined(result, _asked_site(proxy, wanted, host, prepared, outcome))
    return result


def _visitors(change: Change, desired: Desired) -> Step:
    """Return the step that says what visitors of a site get, and who still sees a closed site."""
    site = desired.parsed[change.domain]
    if not site.maintenance:
        return Step("visitors", OK, f"get {site.domain} again")
    allowed = ", ".join(site.maintenance_allow)
    through = f"{allowed} still {'get' if ',' in allowed else 'gets'} the site" if allowed else "nobody is let through"
    return Step("visitors", OK, f"get 503 and the page for maintenance; {through}")


def _commit(proxy: Proxy, request: VhostRequest, *, check: bool) -> Result:
    if check:
        return Result(changed=True, steps=(Step("proxy", WOULD_CHANGE, f"the plan {request.plan} would go live"),))
    if request.base is None or request.plan is None:
        raise UsageError("a commit needs the plan that was prepared", field="plan", expected="base and plan")
    outcome = proxy.commit(base=request.base, plan_hash=request.plan, run=request.run)
    return outcome_result(None, outcome, request.run, diff=False)


def _rollback(proxy: Proxy, request: VhostRequest, *, check: bool, diff: bool) -> Result:
    if check:
        plan, desired = proxy.plan_rollback(request.to, base=request.base)
        planned = plan_result(plan, desired, diff=diff, named=True)
        return dataclasses.replace(planned, data={**planned.data, "target": proxy.rollback_target(request.to)})
    prepared, outcome = proxy.rollback(request.to, request.run, removal=request.removal, base=request.base)
    return outcome_result(prepared, outcome, request.run, diff=diff, named=True)


def _refuse_unknown(host: Host, change: Change | None) -> None:
    """RefusedError if there is no such site: neither a manifest, nor a site that is live and has lost its manifest."""
    if change is None or change.domain in host.manifests or change.domain in host.live.domains:
        return
    raise host.no_such_site(change.domain)


def _refuse_lost_manifests(host: Host) -> None:
    """RefusedError if sites are live and no manifest is left: nobody removes all sites of a host in this way."""
    if host.manifests or not host.live.domains:
        return
    raise RefusedError(
        f"no manifest is left on this host, and {len(host.live.domains)} of its sites are live",
        field="manifests",
        value=str(host.paths.sites),
        there_are=host.live.domains[:20],
        hint=Hint("vhost.restore", note="which writes the manifests again from what is live"),
    )


def _transaction_request(request: VhostRequest, *, check: bool) -> Request:
    changes = () if request.change is None else (request.change,)
    domains = tuple(change.domain for change in changes)
    return Request(
        run=request.run,
        templates=request.templates,
        changes=changes,
        sync=request.sync,
        # A run that only checks names the sites instead.
        removal=ALLOW if check and request.removal == REFUSE else request.removal,
        answering=domains if request.answering and not request.force else (),
        watch=request.sync,
    )


def _asked_site(proxy: Proxy, request: Request, host: Host, prepared: Prepared, outcome: Outcome | None) -> Result:
    """Return how the changed site's own URL answers now; ``silent`` names the site if nobody answers."""
    domain = request.changes[0].domain
    entry = prepared.desired.sites[domain]
    answer = outcome.answers.get(domain) if outcome else None
    if answer is None:
        answer = proxy.nginx.fetch(domain, entry, settings=host.settings)
    return Result(steps=(site_step(domain, entry, answer),), data={"silent": [domain]} if answer.silent else {})
