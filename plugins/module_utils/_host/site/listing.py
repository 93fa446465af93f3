# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is true of a host's sites: checked before a change, and listed.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from ..._core import forms
from ..._core.cert.status import judge
from ..._core.errors import RefusedError, UsageError, VsaError
from ..._core.hints import Hint
from ..._core.proxy.plan import manifest_file
from ..._core.proxy.render import DEFAULT_PROFILE
from ..._core.result import as_module_result
from ..._core.settings import Settings
from ..._core.site.declared import declaration
from ..._core.site.manifest import Site, certificate_authority, parse, refuse_double_names, to_manifest
from ..._core.site.requested import merge, requested_fields
from ..._core.times import rfc3339
from ..cert.served import OTHER_CERTIFICATE_SERVED, ServedCertificate, comparison, served_certificates
from ..machine.arguments import audit_id
from ..machine.docker import Engine
from ..proxy.nginx import CONTAINER, Nginx
from ..store.certificates import read_pair
from ..store.generations import Generations
from ..store.host import read_host
from ..store.layout import Paths
from ..store.manifests import parse_manifest, read_manifest, read_manifests
from ..store.settings import read_settings
from .preflight import check_containers, check_names, detect_container

__all__ = ("check_site", "export_sites", "list_sites")


def check_site(options: Mapping[str, Any], *, check: bool, paths: Paths | None = None) -> dict[str, Any]:
    """Return the result of the module ``site``. RefusedError where the site could not be made as it is said."""
    from ..cert.issue import valid_certificate  # imported here so that a list does not load them
    from ..cert.wanted import IssueRequest

    paths = paths or Paths()
    domain = forms.domain(options["domain"])
    engine = Engine()
    said = requested_fields(options)
    detected = _detected(engine, options, said)
    existing = read_manifest(paths, domain)
    site = parse({**merge(existing, said, unset=options["unset"] or ()), "domain": domain})
    settings = read_settings(paths)
    if Nginx(engine, paths).master() is None:
        raise RefusedError(
            "the reverse proxy of this host does not run", hint=Hint("stack.up", {"name": "reverse-proxy"})
        )
    generations = Generations(paths)
    record = generations.record(generations.live_number())
    claimed = {name: owner for owner, entry in (record.sites if record else {}).items() for name in entry["names"]}
    refuse_double_names(site, claimed)
    containers = check_containers(engine, site)
    names = check_names(paths, site, strict=options["strict_dns"], write=not check)
    warnings = [*containers.warnings, *names.warnings]
    view = _view(site, settings)
    request = IssueRequest(domain, names=view["names"], ca=view["ca"], email=view["email"])
    valid = valid_certificate(read_host(paths), request)
    kept = as_module_result(valid) if valid else None
    return {
        "changed": False,
        "schema": 1,
        "audit_id": audit_id(options["audit_id"]),
        "answering": containers.answering,
        **({"detected": detected} if detected else {}),
        "certificate_kept": kept is not None,
        **({"certificate": kept["certificate"]} if kept else {}),
        "site": {**view, "manifest": to_manifest(site), "new": existing is None},
        "steps": [
            {
                "name": "preflight",
                "state": "warning" if names.warnings else "ok",
                "text": " · ".join([*_found(detected), *containers.facts, *names.facts]),
                "notes": warnings,
            },
            *(kept["steps"] if kept else ()),
        ],
    }


def _detected(engine: Engine, options: Mapping[str, Any], said: dict[str, object]) -> dict[str, Any] | None:
    """Add the container that publishes a port to what is said, where that was asked for, and return it."""
    external = options["external_port"]
    if not options["detect"]:
        if external is not None:
            raise UsageError(
                "say detect beside it",
                field="external_port",
                value=external,
                hint=Hint("site.provision", {"detect": True}, same=True),
            )
        return None
    if external is None:
        raise UsageError("to detect a container its published port is needed", field="external_port")
    if "container" in said or "routes" in said:
        raise UsageError("say either detect, or what the container is", field="detect", value="true")
    name, inner = detect_container(engine, external_port=external, port=said.get("port"))
    said.update(container=name, port=inner)
    return {"container": name, "port": inner, "external_port": forms.port(external, field="external_port")}


def _found(detected: Mapping[str, Any] | None) -> list[str]:
    return [f"port {detected['external_port']} is {detected['container']}:{detected['port']}"] if detected else []


def _view(site: Site, settings: Settings) -> dict[str, Any]:
    return {
        "domain": site.domain,
        "names": list(site.names),
        "served": site.served,
        "maintenance": bool(site.maintenance),
        "aliases": list(site.aliases),
        "tenant": site.tenant,
        "network": site.network,
        "ca": certificate_authority(site, settings),
        "email": site.email or settings.email,
        "profile": site.profile,
        "routes": [
            {
                "path": route.path,
                "container": route.container,
                "port": route.port,
                "profile": route.profile or site.profile or DEFAULT_PROFILE,
                "strip_prefix": bool(route.strip_prefix),
            }
            for route in site.routes
        ],
    }


def _certificate(
    paths: Paths, site: Site, authority: str, now: datetime.datetime, answer: ServedCertificate | None
) -> dict[str, Any]:
    reading = read_pair(paths, site.domain, authority)
    verdict = judge(reading.facts, names=site.names, now=now, unreadable=reading.unreadable)
    how = comparison(reading.facts, answer)
    problem = verdict.problem
    if how in ("older", "other") and not problem:
        problem = OTHER_CERTIFICATE_SERVED
    elif how == "none" and answer and not problem:
        problem = answer.error
    return {
        "state": verdict.state,
        "served": how,
        "problem": problem,
        "not_after": rfc3339(reading.facts.not_after) if reading.facts else None,
        "seconds_left": verdict.seconds_left,
        "fraction_left": verdict.fraction_left,
    }


def _states(engine: Engine | None) -> dict[str, str] | None:
    try:
        return (engine or Engine()).summaries()
    except VsaError:
        return None


def list_sites(domain: object, *, paths: Paths | None = None, engine: Engine | None = None) -> dict[str, Any]:
    """Return the result of the module ``site_info``: every manifest on disk and every site that is live."""
    paths = paths or Paths()
    wanted = None if domain is None else forms.domain(domain)
    settings = read_settings(paths)
    generations = Generations(paths)
    live = generations.read(generations.live_number())
    record = generations.record(live.number)
    manifests = read_manifests(paths)
    names = sorted({*manifests, *live.domains}) if wanted is None else [wanted]
    if wanted is not None and wanted not in manifests and wanted not in live.domains:
        raise RefusedError(
            "this host has no such site",
            field="domain",
            value=wanted,
            there_are=sorted({*manifests, *live.domains})[:20],
            hint=Hint("site.list"),
        )
    states = _states(engine)
    now = datetime.datetime.now(datetime.timezone.utc)
    # What is served is asked for where the proxy runs; elsewhere nothing is, and nothing is said of it.
    runs = states is not None and states.get(CONTAINER) == "running"
    answers = served_certificates([name for name in names if name in live.domains]) if runs else {}
    sites = []
    for name in names:
        text, good = manifests.get(name), live.files.get(manifest_file(name))
        entry = _entry(paths, name, text, good, settings, states, now, answers.get(name))
        sites.append({**entry, "last_change": record.sites.get(name, {}).get("last_change") if record else None})
    changed = {"time": record.time, "actor": record.actor, "verb": record.verb} if record else None
    return {"changed": False, "schema": 1, "generation": live.number, "last_change": changed, "sites": sites}


def _entry(
    paths: Paths,
    name: str,
    text: str | None,
    live: str | None,
    settings: Settings,
    states: Mapping[str, str] | None,
    now: datetime.datetime,
    answer: ServedCertificate | None,
) -> dict[str, Any]:
    problems: list[str] = []
    site = None
    for source, words in ((text, "the manifest is not valid"), (live, "the live manifest is not valid")):
        if source is None or site is not None:
            continue
        try:
            site = parse_manifest(name, source)
        except RefusedError as error:
            problems.append(f"{words}: {error.message}")
    if site is None:
        return {"domain": name, "state": "invalid", "problems": problems, "live": live is not None, "routes": []}
    view = _view(site, settings)
    certificate = _certificate(paths, site, view["ca"], now, answer)
    # What is due is the renewal loop's own affair.
    if certificate["state"] not in ("ok", "due") or certificate["served"] not in (None, "same"):
        problems.append(f"certificate: {certificate['problem'] or certificate['state']}")
    for route in view["routes"]:
        route["state"] = None if states is None else states.get(route["container"], "missing")
        if route["state"] not in (None, "running"):
            problems.append(f"{route['container']} is {route['state']}")
    if text != live:
        problems.append("not live as the manifest says: vsa vhost sync" if live else "not live yet: vsa vhost sync")
    manifest = to_manifest(site)
    state = "invalid" if any("not valid" in problem for problem in problems) else "warning" if problems else "ok"
    return {
        **view,
        "state": state,
        "problems": list(dict.fromkeys(problems)),
        "live": live is not None,
        "certificate": certificate,
        "auth": list(manifest.get("auth") or ()),  # type: ignore[call-overload]
        "manifest": manifest,
    }


def export_sites(*, paths: Paths | None = None) -> dict[str, Any]:
    """Return the result of the module ``site_info`` with ``export``: ``vsa_sites``, and what is not valid."""
    declared: dict[str, Any] = {}
    invalid: list[dict[str, str]] = []
    for domain, text in sorted(read_manifests(paths or Paths()).items()):
        try:
            declared[domain] = declaration(parse_manifest(domain, text))
        except RefusedError as error:
            invalid.append({"domain": domain, "problem": error.message})
    return {"changed": False, "schema": 1, "vsa_sites": declared, "unreadable": invalid}
