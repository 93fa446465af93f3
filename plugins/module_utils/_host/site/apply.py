# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All sites that an inventory declares for a host, made in one go: checked, certificates, one proxy transaction.

Whatever is wrong is found before anything is changed and said all at once; a run that half works would leave a host
that neither the inventory nor its operator describes.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..._core.actor import actor_from_option
from ..._core.errors import RefusedError, UsageError
from ..._core.proxy.plan import Generation, manifest_file
from ..._core.result import Result, as_module_result
from ..._core.run_context import RunContext
from ..._core.settings import Settings
from ..._core.site.declared import WHERE, clashes, differing_fields, in_one, parse_declared
from ..._core.site.manifest import Site, to_manifest
from ..machine.arguments import audit_id
from ..machine.docker import Engine
from ..machine.files import dump_yaml, write_atomically
from ..machine.lock import host_lock
from ..proxy.nginx import Nginx
from ..proxy.probe import fetch
from ..proxy.steps import outcome_result, plan_result, site_step
from ..proxy.transaction import Proxy
from ..proxy.values import Change, Outcome, Request
from ..store.generations import Record
from ..store.host import no_proxy
from ..store.layout import Paths
from ..store.manifests import parse_manifest, read_manifests
from ..store.settings import SettingsChange, plan_settings, roll_back_settings, write_settings
from .apply_checks import NAMED, Checked, bring_certificates, check_sites, some

__all__ = ("apply_sites",)

# Up to so many sites each has a line of its own at the end.
_EACH = 5


@dataclass(frozen=True)
class _Work:
    """What is declared for a host beside what it has; a state is new, changed, adopted, mended or unchanged."""

    sites: Mapping[str, Site]
    states: Mapping[str, str]
    notes: tuple[str, ...]
    undeclared: tuple[str, ...]
    pruned: tuple[str, ...]

    @property
    def touched(self) -> list[str]:
        """Return the domains whose site is new or another."""
        return [domain for domain, state in self.states.items() if state in ("new", "changed")]


def apply_sites(options: Mapping[str, Any], *, check: bool, diff: bool, paths: Paths | None = None) -> dict[str, Any]:
    """Return the result of the module ``site_apply``. VsaError names all that is wrong at once."""
    paths = paths or Paths()
    if not paths.nginx.is_dir():
        raise no_proxy()
    engine = Engine()
    proxy = Proxy(engine, paths)
    settings = plan_settings(paths, options["settings"] or {})
    live, record = _live(proxy)
    work = _look(options, live, record, paths, attached=engine.attached())
    touched = [work.sites[domain] for domain in work.touched]
    checked = check_sites(engine, paths, Nginx(engine, paths), touched, of=len(work.sites), check=check)
    steps = [_declared_step(work), *_settings_step(settings, check=check), *checked.steps]
    certificates = bring_certificates(
        paths, list(work.sites.values()), settings.settings, record=record, touched=set(work.touched), check=check
    )
    steps += certificates.steps
    request = _request(options, work, checked, settings)
    if check:
        plan, desired = proxy.plan(request)
        made, outcome = as_module_result(plan_result(plan, desired, diff=diff)), None
        made["changed"] |= "mended" in work.states.values() or any(domain not in live.domains for domain in work.pruned)
    else:
        made, outcome = _commit(proxy, request, settings, diff=diff)
        made["changed"] |= _mend_manifests(paths, proxy, work, made)
    steps += [*made["steps"], *_undeclared_step(work, check=check)]
    if outcome is not None:
        steps += _site_steps(proxy, request, settings.settings, outcome)
    changed = made["changed"] or certificates.changed or bool(settings.words)
    return {**made, "changed": changed, "steps": steps, "audit_id": request.run.audit_id, **_summary(work)}


def _live(proxy: Proxy) -> tuple[Generation, Record | None]:
    live = proxy.generations.read(proxy.generations.live_number())
    return live, proxy.generations.record(live.number)


def _look(
    options: Mapping[str, Any],
    live: Generation,
    record: Record | None,
    paths: Paths,
    *,
    attached: Mapping[str, set[str]],
) -> _Work:
    """Read the declarations against the host. VsaError with every mistake in them."""
    entries = options["sites"]

    @functools.cache
    def before(domain: str) -> Site | None:
        text = live.files.get(manifest_file(domain))
        with suppress(RefusedError):
            return None if text is None else parse_manifest(domain, text)
        return None

    sites, wrong = parse_declared(entries or [], before)
    on_disk = read_manifests(paths)
    undeclared = tuple(sorted({*on_disk, *live.domains} - set(sites)))
    if options["prune"] and entries is None:
        raise UsageError(
            "nothing is declared for this host, and prune would remove all of its sites",
            field=WHERE,
            expected="the sites of this host in its host_vars, or {} for none at all",
            there_are=list(undeclared[:NAMED]),
        )
    pruned = undeclared if options["prune"] and not wrong else ()
    index = record.sites if record else {}
    staying = {
        name: domain
        for domain, entry in index.items()
        if domain not in sites and domain not in pruned
        for name in entry["names"]
    }
    wrong += clashes(sites, staying)
    if wrong:
        raise in_one(wrong, of=len(entries))
    states, notes = {}, []
    for domain, site in sites.items():
        text = live.files.get(manifest_file(domain))
        edited = on_disk.get(domain) != text
        states[domain], note = _state(site, text, before(domain), edited=edited, attached=attached)
        notes += [f"{domain}: {note}"] if note else []
    return _Work(sites, states, tuple(notes), undeclared, pruned)


def _state(
    site: Site, text: str | None, before: Site | None, *, edited: bool, attached: Mapping[str, set[str]]
) -> tuple[str, str | None]:
    if before is None:
        return ("new", "new") if text is None else ("changed", "its live manifest is not valid")
    fields = differing_fields(before, site)
    if fields == ["origin"]:
        return "adopted", "was typed, is declared from now on"
    if fields:
        return "changed", ", ".join(fields)
    apart = [name for name in site.containers if name in attached and site.network not in attached[name]]
    if apart:
        return "mended", f"{', '.join(apart)} left {site.network}"
    return ("mended", "its manifest was edited by hand") if edited else ("unchanged", None)


def _request(options: Mapping[str, Any], work: _Work, checked: Checked, settings: SettingsChange) -> Request:
    declared = [Change(domain, site=site) for domain, site in work.sites.items() if work.states[domain] != "unchanged"]
    return Request(
        run=RunContext(
            audit_id(options["audit_id"]), actor_from_option(options["actor"]), options["verb"] or "site.apply"
        ),
        templates=options["templates"] or {},
        changes=(*declared, *(Change(domain, absent=True) for domain in work.pruned)),
        answering=tuple(domain for domain in work.touched if domain in checked.answering),
        settings=settings.settings if settings.words else None,
    )


def _commit(
    proxy: Proxy, request: Request, settings: SettingsChange, *, diff: bool
) -> tuple[dict[str, Any], Outcome | None]:
    """Write the settings and make the transaction; where that fails the settings are rolled back."""
    write_settings(proxy.paths, settings)
    try:
        prepared, outcome = proxy.apply(request)
    except BaseException:
        roll_back_settings(proxy.paths, settings)
        raise
    return as_module_result(outcome_result(prepared, outcome, request.run, diff=diff)), outcome


def _mend_manifests(paths: Paths, proxy: Proxy, work: _Work, made: dict[str, Any]) -> bool:
    """Write declared manifests again that were edited by hand, and remove pruned ones that were never live.

    The transaction leaves both alone: it writes only what differs between two generations.
    """
    notes = []
    with host_lock(paths.lock):
        on_disk, files = read_manifests(paths), _live(proxy)[0].files
        for domain, site in work.sites.items():
            text = files.get(manifest_file(domain)) or dump_yaml(to_manifest(site))
            if on_disk.get(domain) != text:
                write_atomically(paths.sites / f"{domain}.yml", text, mode=0o644)
                notes.append(f"sites/{domain}.yml was edited by hand and is as declared again")
        for domain in work.pruned:
            if domain in on_disk and manifest_file(domain) not in files:
                (paths.sites / f"{domain}.yml").unlink(missing_ok=True)
                notes.append(f"sites/{domain}.yml was never live and is removed")
    made["steps"][-1]["notes"] += notes
    return bool(notes)


def _declared_step(work: _Work) -> dict[str, Any]:
    if not work.sites:
        return _step("ok", "no site is declared for this host", name="declared")
    count = len(work.sites)
    states = list(work.states.values())
    counted = [
        f"{states.count(state)} {state}"
        for state in ("new", "changed", "adopted", "mended", "unchanged")
        if state in states
    ]
    text = f"{count} site{'s' if count > 1 else ''}: {', '.join(counted)}"
    return _step("ok", text, some(work.notes), name="declared")


def _settings_step(settings: SettingsChange, *, check: bool) -> list[dict[str, Any]]:
    if not settings.words:
        return []
    return [_step("would_change" if check else "changed", " · ".join(settings.words), name="settings")]


def _undeclared_step(work: _Work, *, check: bool) -> list[dict[str, Any]]:
    if work.pruned:
        names = ", ".join(some(work.pruned))
        kept = [f"certificates, containers and logs stay: vsa site unprovision --domain {work.pruned[0]}"]
        words = f"would be taken out of the proxy: {names}" if check else f"taken out of the proxy: {names}"
        return [_step("would_change" if check else "changed", words, kept, name="prune")]
    if work.undeclared:
        text = f"not declared, and left alone: {', '.join(some(work.undeclared))}"
        return [
            _step(
                "warning",
                text,
                ["vsa site apply --prune removes them, vsa site export declares them"],
                name="undeclared",
            )
        ]
    return []


def _site_steps(proxy: Proxy, request: Request, settings: Settings, outcome: Outcome) -> list[dict[str, Any]]:
    """Say what each new or changed site's own address gave; of many only how many answered well, and which did not."""
    record = _live(proxy)[1]
    index = record.sites if record else {}
    answers = {
        domain: outcome.answers.get(domain) or fetch(domain, index[domain], settings=settings)
        for domain in request.answering
    }
    made = Result(steps=tuple(site_step(domain, index[domain], answer) for domain, answer in answers.items()))
    steps = dict(zip(answers, as_module_result(made).get("steps", []), strict=True))
    if len(steps) <= _EACH:
        return list(steps.values())
    bad = [
        steps[domain]["text"]
        for domain, answer in answers.items()
        if answer.status in (None, 502, 504) or (answer.chain and index[domain]["ca"] != "selfsigned")
    ]
    text = f"{len(steps) - len(bad)} of {len(steps)} new or changed sites answer well"
    return [_step("warning" if bad else "ok", text, some(bad), name="site")]


def _step(state: str, text: str, notes: tuple[str, ...] | list[str] = (), *, name: str) -> dict[str, Any]:
    """Return a step as results list it."""
    return {"name": name, "state": state, "text": text, "notes": list(notes)}


def _summary(work: _Work) -> dict[str, Any]:
    return {
        "declared": [{"domain": domain, "state": state} for domain, state in work.states.items()],
        "undeclared": list(work.undeclared),
        "pruned": list(work.pruned),
    }
