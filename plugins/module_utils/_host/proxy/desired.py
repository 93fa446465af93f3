# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host's proxy should be: manifests on disk, the live generation and the words of a request, made into texts.

Only what changed is parsed and rendered: a text of the live generation is taken over where its manifest, the
templates and the settings are the same and nobody touched it.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..._core.errors import RefusedError, shown
from ..._core.networks import edge_network
from ..._core.proxy.locations import locations
from ..._core.proxy.plan import AUTH, MAIN, Generation, manifest_file, site_file, site_of, text_hash
from ..._core.proxy.render import Renderer
from ..._core.settings import Settings
from ..._core.site.manifest import Site, certificate_authority, parse, to_manifest
from ..._core.site.requested import merge
from ..machine.files import dump_yaml
from ..store.layout import Paths
from ..store.manifests import parse_manifest, read_manifest, read_manifests
from ..store.passwords import missing

__all__ = (
    "Change",
    "Desired",
    "Request",
    "compose",
    "opened",
)


_KEPT = "its last good version stays live"
_LEFT_OUT = "it is left out"


@dataclass(frozen=True)
class Change:
    """Words about one site: fields said, fields unset, the ``whole`` site instead of them, or ``absent``."""

    domain: str
    said: Mapping[str, object] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    whole: Site | None = None
    absent: bool = False


@dataclass(frozen=True)
class Request:
    """What a run asks of the proxy.

    * ``sync``: take every manifest as it lies on disk; otherwise the live generation's, but for the sites in
      ``changes``.
    * ``answering``: domains whose backend answered in preflight, and which must not end in a 502 or 504.
    * ``settings``: the host's settings as they will be, where the request is about to write them.
    * ``held``: domains whose manifest NGINX refuses, with its words: their last good version is kept.
    """

    templates: Mapping[str, str]
    audit_id: str
    actor: str = "unknown"
    verb: str = "vhost.sync"
    changes: tuple[Change, ...] = ()
    sync: bool = False
    answering: tuple[str, ...] = ()
    settings: Settings | None = None
    held: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Desired:
    """The texts wanted, the index of the sites, what was parsed for it and what the operator should know."""

    files: dict[str, str]
    sites: dict[str, dict[str, Any]]
    parsed: dict[str, Site]
    warnings: tuple[str, ...]
    invalid: tuple[str, ...]

    @property
    def networks(self) -> tuple[str, ...]:
        """Return the edge networks that the proxy must be on."""
        return tuple(sorted({edge_network(None), *(entry["network"] for entry in self.sites.values())}))


def _same_site(text: str | None, site: Site) -> bool:
    try:
        return text is not None and parse_manifest(site.domain, text) == site
    except RefusedError:
        return False


def _changed(paths: Paths, change: Change, on_disk: str | None, last_good: str | None) -> tuple[Site, str]:
    """Return a site after the words about it, and its manifest: as it lies there where they changed nothing."""
    if change.whole is not None:
        there = next((text for text in (on_disk, last_good) if _same_site(text, change.whole)), None)
        return change.whole, there or dump_yaml(to_manifest(change.whole))
    existing = read_manifest(paths, change.domain)
    site = parse({**merge(existing, change.said, unset=change.unset), "domain": change.domain})
    if existing is not None and on_disk is not None and parse(existing) == site:
        return site, on_disk
    return site, dump_yaml(to_manifest(site))


def _index(site: Site, settings: Settings) -> dict[str, Any]:
    return {
        "names": list(site.names),
        "served": site.served,
        "network": site.network,
        "http3": bool(site.http3),
        "ca": certificate_authority(site, settings),
        "containers": list(site.containers),
        "auth": list(site.auth),
        # What a proof asks for: each must be closed to somebody without a password.
        "closed": [place.path for place in locations(site) if place.protected],
        "path": next((route.path for route in site.routes if route.path == "/"), site.routes[0].path),
    }


def opened(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a line for each path of a site that is behind a password in one index and not in the next."""
    return [
        f"{domain}{protected} is no longer behind a password"
        for domain, entry in sorted(before.items())
        if domain in after
        for protected in entry.get("auth") or ()
        if protected not in (after[domain].get("auth") or ())
    ]


def _double_name(sites: Mapping[str, Mapping[str, Any]], last: set[str]) -> tuple[str, RefusedError] | None:
    """Return the first site that claims another's name, with the error that says so; sites in ``last`` lose."""
    owners: dict[str, str] = {}
    for domain in sorted(sites, key=lambda name: (name in last, name)):
        for name in sites[domain]["names"]:
            owner = owners.setdefault(name, domain)
            if owner != domain:
                return domain, RefusedError(
                    f"{name} already belongs to the site {owner}",
                    field="domain" if name == domain else "aliases",
                    value=name,
                    hint=f"vsa site show {owner}",
                )
    return None


def _last_good(live: Generation, on_disk: Mapping[str, str], *, dropped: set[str]) -> dict[str, str]:
    """Return the manifest of every live site as the transaction wrote it, or as near to it as can be had.

    A manifest that was changed or removed inside the generation is taken from disk where that is the one recorded, else
    from whichever of both is valid: the site must not vanish with somebody else's change. RefusedError where none is,
    but for the sites ``dropped``, which the request may do without.
    """
    good: dict[str, str] = {}
    domains = {site for name in live.hashes or live.files if name != MAIN and (site := site_of(name))}
    for domain in sorted(domains):
        name = manifest_file(domain)
        candidates = [text for text in (live.files.get(name), on_disk.get(domain)) if text is not None]
        written = [text for text in candidates if text_hash(text) == live.hashes.get(name)]
        for text in (*written, *candidates):
            try:
                if not written:
                    parse_manifest(domain, text)
            except RefusedError:
                continue
            good[domain] = text
            break
        if domain not in good and domain not in dropped:
            raise RefusedError(
                f"the live generation has lost the manifest of {domain}",
                field="manifest",
                value=f"sites/{domain}.yml",
                hint="vsa vhost rollback, or write the manifest anew",
            )
    return good


def compose(
    paths: Paths,
    live: Generation,
    known: Mapping[str, dict[str, Any]],
    request: Request,
    renderer: Renderer,
    settings: Settings,
) -> Desired:
    """Return what the request makes of the host. ``known`` is the index of the live generation's sites.

    Raises RefusedError where the words do not fit, or two sites claim one name.
    """
    on_disk = read_manifests(paths)
    absent = {change.domain for change in request.changes if change.absent}
    dropped = {*live.domains, *map(str, known)} - set(on_disk) if request.sync else absent
    last_good = _last_good(live, on_disk, dropped=dropped)
    warnings: list[str] = []
    invalid: list[str] = []
    parsed: dict[str, Site] = {}
    texts = dict(on_disk) if request.sync else dict(last_good)
    touched = {change.domain for change in request.changes}
    if not request.sync:
        warnings += [
            f"sites/{domain}.yml is not what is live: vsa vhost sync would apply it"
            for domain in sorted({*on_disk, *last_good} - touched)
            if on_disk.get(domain) != last_good.get(domain)
        ]
    for change in request.changes:
        if change.absent:
            texts.pop(change.domain, None)
            continue
        domain = change.domain
        parsed[domain], texts[domain] = _changed(paths, change, on_disk.get(domain), last_good.get(domain))
    files: dict[str, str] = {}
    sites: dict[str, dict[str, Any]] = {}
    for domain, manifest in sorted(texts.items()):
        conf, text = live.files.get(site_file(domain)), manifest
        reusable = (
            live.inputs == renderer.inputs
            and domain in known
            and conf is not None
            and live.hashes.get(site_file(domain)) == text_hash(conf)
            and live.hashes.get(manifest_file(domain)) == text_hash(last_good.get(domain, ""))
        )
        if domain not in parsed and not (reusable and last_good.get(domain) == text):
            try:
                if domain in request.held:
                    raise RefusedError("NGINX refuses it", field="vhost", value=request.held[domain])
                parsed[domain] = parse_manifest(domain, text)
            except RefusedError as error:
                if domain in touched:
                    raise
                invalid.append(domain)
                kept = domain in last_good
                warnings.append(
                    f"sites/{domain}.yml: {error.message} ({error.field} = {shown(error.value)}): "
                    + (_KEPT if kept else _LEFT_OUT)
                )
                if not kept:
                    continue
                text = last_good[domain]
                if not reusable:
                    parsed[domain] = parse_manifest(domain, text)
        if domain in parsed and not (reusable and last_good.get(domain) == text):
            files[site_file(domain)] = renderer.site(parsed[domain])
            sites[domain] = _index(parsed[domain], settings)
        else:
            files[site_file(domain)] = conf or ""
            sites[domain] = dict(known[domain])
        files[manifest_file(domain)] = text
    while double := _double_name(sites, {name for name in sites if files[manifest_file(name)] != last_good.get(name)}):
        domain, clash = double
        if not request.sync or domain in touched or domain in invalid:
            raise clash
        invalid.append(domain)
        kept = domain in known and domain in last_good
        warnings.append(f"sites/{domain}.yml: {clash.message}: " + (_KEPT if kept else _LEFT_OUT))
        if kept:
            files[manifest_file(domain)] = last_good[domain]
            files[site_file(domain)] = renderer.site(parse_manifest(domain, last_good[domain]))
            sites[domain] = dict(known[domain])
        else:
            for mapping, key in ((files, manifest_file(domain)), (files, site_file(domain)), (sites, domain)):
                del mapping[key]
    files.update(renderer.pages)
    warnings += [
        f"{domain}{protected} has no password file: nobody is let in until vsa auth add"
        for domain, entry in sites.items()
        for protected in missing(paths, domain, entry.get("auth") or ())
    ]
    warnings += opened(known, sites)
    any_auth = any(entry.get("auth") for entry in sites.values())
    files[MAIN] = renderer.main(
        any_http3=any(entry["http3"] for entry in sites.values()),
        any_auth=any_auth,
        upstreams=sum(files[site_file(domain)].count("\nupstream ") for domain in sites),
    )
    if any_auth:
        files[AUTH] = renderer.auth()
    return Desired(files=files, sites=sites, parsed=parsed, warnings=tuple(warnings), invalid=tuple(invalid))
