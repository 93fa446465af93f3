# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``vsa site apply``: make the sites of a host what an inventory declares.

Everything is checked before anything is changed, and all mistakes are reported at once. Then come the certificates, and
one transaction of the proxy for all sites.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ..._core.errors import VsaError
from ..._core.forms import SELFSIGNED
from ..._core.hints import Advice, Hint
from ..._core.proxy.plan import FileChange, manifest_file
from ..._core.result import CHANGED, OK, WARNING, WOULD_CHANGE, Result, Step, joined
from ..._core.run_context import RunContext
from ..._core.settings import Settings
from ..._core.site.manifest import to_manifest
from ..machine.disk import disk_errors_refused, disk_errors_told
from ..machine.docker import Engine
from ..machine.files import dump_yaml, write_atomically
from ..machine.lock import host_lock
from ..proxy.doors import refuse_new_doors
from ..proxy.noted import note_manifests
from ..proxy.steps import outcome_result, plan_result, site_step
from ..proxy.tenancy import refuse_shared
from ..proxy.transaction import Proxy
from ..proxy.values import Answer, Change, Prepared, Request
from ..store.host import Host, no_proxy, read_host
from ..store.layout import Paths
from ..store.settings import SettingsChange, plan_settings, roll_back_settings, write_settings
from .certificates import add_steps, ensure_certificates, validation_of
from .comparison import MENDED, STATES, UNCHANGED, Comparison, compare
from .preflight import check_sites, listed

__all__ = ("ApplyRequest", "apply_sites")

_ASKED_AT_ONCE = 8
# So many new or changed sites have a step of their own at the end; more of them are only counted.
_MOST_SITE_STEPS = 5


@dataclass(frozen=True)
class ApplyRequest:
    """What ``vsa site apply`` asks for.

    * ``entries``: the declared sites, each with ``domain`` and ``manifest``; None if nothing is declared for the host.
    * ``settings``: settings of the host. A setting that is None stays.
    * ``prune``: take sites out of the proxy that are not declared.
    * ``dns_check``: refuse a site if a CA would be asked and could not validate one of its names.
    * ``templates``: the text of each template and page of the role ``vhost``.
    """

    run: RunContext
    templates: Mapping[str, str]
    entries: Sequence[Any] | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    prune: bool = False
    dns_check: bool = True


def apply_sites(
    request: ApplyRequest,
    *,
    check: bool,
    diff: bool,
    paths: Paths | None = None,
    engine: Engine | None = None,
    proxy: Proxy | None = None,
) -> Result:
    """Make the sites of a host as declared, or return what would change if ``check``. VsaError has all mistakes."""
    paths = paths or Paths()
    if not paths.nginx.is_dir():
        raise no_proxy()
    engine = engine or Engine()
    proxy = proxy or Proxy(engine, paths)
    host = read_host(paths)
    settings = plan_settings(paths, request.settings)
    work = compare(host, request.entries, prune=request.prune, attached=engine.attached())
    touched = [work.sites[domain] for domain in work.touched]
    refuse_new_doors(host, touched, removed=work.pruned)
    refuse_shared(engine, host, touched, removed=work.pruned)
    checked = check_sites(
        engine,
        paths,
        proxy.nginx,
        touched,
        validations={site.domain: validation_of(host, site, settings.settings) for site in touched},
        strict=request.dns_check,
        of=len(work.sites),
        write=not check,
    )
    steps = [_declared_step(work), *_settings_step(settings, check=check)]
    if checked is not None:
        steps.append(checked)
    done = Result(changed=bool(settings.words), steps=tuple(steps))
    changes = _proxy_request(request, work, settings)
    certificates = ensure_certificates(
        host,
        list(work.sites.values()),
        settings.settings,
        plan=functools.partial(proxy.plan, changes, host),
        touched=set(work.touched),
        check=check,
    )
    done = joined(done, certificates)
    if check:
        done = joined(done, _planned(proxy, host, changes, work, diff=diff))
    else:
        try:
            done = joined(done, _made(proxy, host, changes, work, settings, diff=diff))
        except VsaError as error:
            add_steps(error, certificates)
            raise
    return dataclasses.replace(done, data={**done.data, "audit_id": request.run.audit_id, **_summary(work)})


def _proxy_request(request: ApplyRequest, work: Comparison, settings: SettingsChange) -> Request:
    declared = [Change(domain, site=site) for domain, site in work.sites.items() if work.states[domain] != UNCHANGED]
    pruned = [Change(domain, absent=True) for domain in work.pruned]
    return Request(
        run=request.run,
        templates=request.templates,
        changes=(*declared, *pruned),
        watch=True,
        settings=settings.settings if settings.words else None,
    )


def _planned(proxy: Proxy, host: Host, request: Request, work: Comparison, *, diff: bool) -> Result:
    """Return what the transaction would change."""
    result = plan_result(*proxy.plan(request, host), diff=diff)
    # The transaction does not see these two: it compares generations only.
    mended = MENDED in work.states.values()
    never_live = any(domain not in host.live.domains for domain in work.pruned)
    return joined(result, Result(changed=mended or never_live, steps=_undeclared_steps(work, check=True)))


def _made(
    proxy: Proxy, host: Host, request: Request, work: Comparison, settings: SettingsChange, *, diff: bool
) -> Result:
    """Write the settings and carry out the transaction. If it fails, the settings are rolled back."""
    with disk_errors_refused():
        write_settings(proxy.paths, settings)
    try:
        prepared, outcome = proxy.apply(request, host)
    except BaseException:
        with disk_errors_told("the proxy is as it was; vsa.yml has the new settings already"):
            roll_back_settings(proxy.paths, settings)
        raise
    result = outcome_result(prepared, outcome, request.run, diff=diff)
    with disk_errors_told("the proxy serves what is declared; manifests edited by hand are not all rewritten"):
        notes = _mend_manifests(proxy.paths, host, work, request.run)
    if notes:
        [step] = result.steps
        result = dataclasses.replace(
            result, changed=True, steps=(dataclasses.replace(step, notes=(*step.notes, *notes)),)
        )
    result = joined(result, Result(steps=_undeclared_steps(work, check=False)))
    if outcome is None:
        return result
    return joined(result, _asked_sites(proxy, [*work.touched], settings.settings, prepared))


def _mend_manifests(paths: Paths, host: Host, work: Comparison, run: RunContext) -> list[str]:
    """Rewrite declared manifests that were edited by hand, and remove pruned ones that were never live.

    The transaction leaves both alone, because it writes only what differs between two generations.
    """
    notes = []
    files = []
    with host_lock(paths.lock):
        host = host if host.is_current() else read_host(paths)
        for domain, site in work.sites.items():
            text = host.live.files.get(manifest_file(domain)) or dump_yaml(to_manifest(site))
            if host.manifests.get(domain) != text:
                files.append(FileChange(manifest_file(domain), host.manifests.get(domain), text))
                write_atomically(paths.sites / f"{domain}.yml", text, mode=0o644)
                notes.append(f"sites/{domain}.yml was edited by hand and is as declared again")
        for domain in work.pruned:
            if domain in host.manifests and manifest_file(domain) not in host.live.files:
                files.append(FileChange(manifest_file(domain), host.manifests[domain], None))
                (paths.sites / f"{domain}.yml").unlink(missing_ok=True)
                notes.append(f"sites/{domain}.yml was never live and is removed")
    note_manifests(run, host.number, files)
    return notes


# -- steps -------------------------------------------------------------------------------------------------------------


def _declared_step(work: Comparison) -> Step:
    if not work.sites:
        return Step("declared", OK, "no site is declared for this host")
    states = list(work.states.values())
    counted = [f"{states.count(state)} {state}" for state in STATES if state in states]
    text = f"{len(states)} site{'s' if len(states) > 1 else ''}: {', '.join(counted)}"
    return Step("declared", OK, text, tuple(listed(work.notes)))


def _settings_step(settings: SettingsChange, *, check: bool) -> list[Step]:
    if not settings.words:
        return []
    return [Step("settings", WOULD_CHANGE if check else CHANGED, " · ".join(settings.words))]


def _undeclared_steps(work: Comparison, *, check: bool) -> tuple[Step, ...]:
    """Return the step about sites that are not declared: removed from the proxy, or left alone."""
    if work.pruned:
        names = ", ".join(listed(work.pruned))
        text = f"would be taken out of the proxy: {names}" if check else f"taken out of the proxy: {names}"
        hint = Hint("site.unprovision", {"domain": work.pruned[0]})
        note = Advice("certificates, containers and logs stay. To remove them too", hint)
        return (Step("prune", WOULD_CHANGE if check else CHANGED, text, (note,)),)
    if work.undeclared:
        text = f"not declared, and left alone: {', '.join(listed(work.undeclared))}"
        notes = (
            Advice("to take them out of the proxy", Hint("site.apply", {"prune": True})),
            Advice("to declare them", Hint("site.export")),
        )
        return (Step("undeclared", WARNING, text, notes),)
    return ()


def _asked_sites(proxy: Proxy, domains: Sequence[str], settings: Settings, prepared: Prepared) -> Result:
    """Return how the URL of each new or changed site answers now. Many sites are counted, and only the bad ones listed.

    ``silent`` names those that nobody answers.
    """
    index = prepared.desired.sites

    def ask(domain: str) -> Answer:
        return proxy.nginx.fetch(domain, index[domain], settings=settings)

    with ThreadPoolExecutor(max_workers=_ASKED_AT_ONCE) as pool:
        answers = dict(zip(domains, pool.map(ask, domains), strict=True))
    silent = [domain for domain, answer in answers.items() if answer.silent]
    data = {"silent": silent} if silent else {}
    steps = {domain: site_step(domain, index[domain], answer) for domain, answer in answers.items()}
    if len(steps) <= _MOST_SITE_STEPS:
        return Result(steps=tuple(steps.values()), data=data)
    bad = [steps[domain].text for domain, answer in answers.items() if _is_bad(answer, index[domain]["ca"])]
    text = f"{len(steps) - len(bad)} of {len(steps)} new or changed sites answer well"
    return Result(steps=(Step("site", WARNING if bad else OK, text, tuple(listed(bad))),), data=data)


def _is_bad(answer: Answer, authority: str) -> bool:
    return answer.silent or bool(answer.chain and authority != SELFSIGNED)


def _summary(work: Comparison) -> dict[str, Any]:
    return {
        "declared": [{"domain": domain, "state": state} for domain, state in work.states.items()],
        "undeclared": list(work.undeclared),
        "pruned": list(work.pruned),
    }
