# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the generation that a request leads to, from the state of the host: which manifests, which NGINX files.

Only what changed is parsed and rendered. The NGINX file of a site is taken from the live generation if its manifest,
the templates and the settings are the same and nobody edited the file.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..._core.errors import RefusedError, shown
from ..._core.hints import Advice, Hint
from ..._core.proxy.locations import locations
from ..._core.proxy.plan import AUTH, MAIN, manifest_file, site_file, site_of, text_hash
from ..._core.proxy.render import Layout, Renderer
from ..._core.settings import Settings
from ..._core.site.manifest import Site, certificate_authority, parse, to_manifest
from ..._core.site.requested import merge
from ..store.commented import rewritten
from ..store.host import Host
from ..store.layout import CONTAINER_CERTS, CONTAINER_NGINX, CONTAINER_SELFSIGNED
from ..store.passwords import missing
from .doors import Sites, door_notes, first_new_door
from .values import ALLOW, KEEP, REFUSE, Change, Desired, Request

__all__ = ("LAYOUT", "build_generation", "no_longer_protected", "unnamed_removal")

# Where things are inside the proxy's container.
LAYOUT = Layout(root=CONTAINER_NGINX, letsencrypt=CONTAINER_CERTS, selfsigned=CONTAINER_SELFSIGNED)

_KEPT = "its last good version stays live"
_LEFT_OUT = "it is left out"
_MOST_NAMED = 20


@dataclass
class _Draft:
    """A generation while it is built; the fields are those of Desired."""

    files: dict[str, str] = field(default_factory=dict)
    sites: dict[str, dict[str, Any]] = field(default_factory=dict)
    parsed: dict[str, Site] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)

    def remove(self, domain: str) -> None:
        """Take a site out again."""
        del self.files[manifest_file(domain)]
        del self.files[site_file(domain)]
        del self.sites[domain]


def build_generation(host: Host, request: Request, renderer: Renderer) -> Desired:
    """Return the generation that a request leads to.

    RefusedError if a requested value is not valid, if two sites claim the same name, or if a site would show without a
    password what another site protects.
    """
    draft = _Draft()
    good = _last_good_manifests(host, request)
    texts = _choose_manifests(host, request, good, draft)
    _render_sites(host, request, renderer, texts, good, draft)
    _resolve_conflicts(host, request, renderer, good, draft)
    draft.warnings += door_notes(_sites(host, draft), _edited(draft, good))
    _add_shared_files(host, renderer, draft)
    return Desired(
        files=draft.files,
        sites=draft.sites,
        parsed=draft.parsed,
        warnings=tuple(draft.warnings),
        invalid=tuple(draft.invalid),
    )


def _last_good_manifests(host: Host, request: Request) -> dict[str, str]:
    """Return the manifest of every live site as the transaction wrote it.

    If somebody edited or removed a manifest inside the live generation, take the copy in /etc/vsa/sites if that is the
    one that was written, otherwise whichever of the two is valid: the site must not vanish with another site's change.
    RefusedError if neither is valid, unless the request removes that site.
    """
    live = host.live
    domains = {site_of(name) for name in live.hashes or live.files if name != MAIN}
    good: dict[str, str] = {}
    for domain in sorted(filter(None, domains)):
        text = _last_good_manifest(host, domain)
        if text is not None:
            good[domain] = text
        elif not _removes(host, request, domain):
            raise RefusedError(
                f"the live generation has lost the manifest of {domain}",
                field="manifest",
                value=f"sites/{domain}.yml",
                hint=Hint("vhost.rollback", note="or write the manifest again"),
            )
    return good


def _last_good_manifest(host: Host, domain: str) -> str | None:
    name = manifest_file(domain)
    copies = [text for text in (host.live.files.get(name), host.manifests.get(domain)) if text is not None]
    for text in copies:
        if text_hash(text) == host.live.hashes.get(name):
            return text
    for text in copies:
        try:
            host.parse(domain, text)
        except RefusedError:
            continue
        return text
    return None


def _removes(host: Host, request: Request, domain: str) -> bool:
    if request.sync:
        return domain not in host.manifests
    return any(change.absent and change.domain == domain for change in request.changes)


def _choose_manifests(host: Host, request: Request, good: Mapping[str, str], draft: _Draft) -> dict[str, str]:
    """Return the manifest that each site shall have, by domain; those of the requested changes are parsed already."""
    if request.sync:
        texts = {**_without_manifest(host, request, good, draft), **host.manifests}
    else:
        texts = dict(good)
        draft.warnings += _unapplied_edits(host, request, good)
    for change in request.changes:
        if change.absent:
            texts.pop(change.domain, None)
        else:
            site, text = _changed_manifest(host, change, good.get(change.domain))
            draft.parsed[change.domain], texts[change.domain] = site, text
    return texts


def _without_manifest(host: Host, request: Request, good: Mapping[str, str], draft: _Draft) -> dict[str, str]:
    """Return the last good manifest of each live site that a sync finds no manifest of and keeps.

    RefusedError if the request does not allow to remove sites.
    """
    gone = {domain: text for domain, text in good.items() if domain not in host.manifests}
    if not gone:
        return {}
    names = ", ".join(sorted(gone)[:_MOST_NAMED])
    if request.removal == KEEP:
        note = f"live without a manifest, and left as they are: {names}. To write the manifests again"
        draft.warnings.append(Advice(note, Hint("vhost.restore")))
        return gone
    if request.removal == REFUSE:
        hint = Hint("vhost.restore", note="to keep them")
        raise unnamed_removal(sorted(gone), why="they have no manifest any more", hint=hint)
    draft.warnings += [f"{domain} goes off the air: it has no manifest" for domain in sorted(gone)[:_MOST_NAMED]]
    return {}


def unnamed_removal(domains: Sequence[str], *, why: str, hint: Hint | None = None) -> RefusedError:
    """Return the error of a run that would remove sites which the operator did not name."""
    return RefusedError(
        f"this would take {', '.join(domains[:_MOST_NAMED])} off the air: {why}",
        field="removal",
        value=REFUSE,
        expected=f"-y with vsa, vhost_removal={ALLOW} with ansible-playbook",
        there_are=list(domains),
        hint=hint,
    )


def _unapplied_edits(host: Host, request: Request, good: Mapping[str, str]) -> list[str]:
    """Return a warning for each manifest that somebody edited by hand and that this request leaves alone."""
    others = {*host.manifests, *good} - {change.domain for change in request.changes}
    return [
        Advice(f"sites/{domain}.yml is not what is live. To apply it", Hint("vhost.sync"))
        for domain in sorted(others)
        if host.manifests.get(domain) != good.get(domain)
    ]


def _changed_manifest(host: Host, change: Change, last_good: str | None) -> tuple[Site, str]:
    """Return a site after its change, and its manifest.

    The text stays as somebody wrote it if it means the same; otherwise what does not change stays as it is written.
    """
    if change.text is not None:
        return host.parse(change.domain, change.text), change.text
    on_disk = host.manifests.get(change.domain)
    base = host.manifests.get(change.was or change.domain) or last_good or ""
    if change.site is not None:
        for text in (on_disk, last_good):
            if text is not None and _means(host, text, change.site):
                return change.site, text
        return change.site, rewritten(base, to_manifest(change.site))
    # A site that is live and has lost its manifest keeps the fields that it has.
    existing = host.site(change.domain) or host.live_site(change.domain)
    before = None if existing is None else to_manifest(existing)
    site = parse({**merge(before, change.requested, unset=change.unset), "domain": change.domain})
    if on_disk is not None and site == existing:
        return site, on_disk
    return site, rewritten(base, to_manifest(site))


def _means(host: Host, text: str, site: Site) -> bool:
    try:
        return host.parse(site.domain, text) == site
    except RefusedError:
        return False


def _render_sites(
    host: Host,
    request: Request,
    renderer: Renderer,
    texts: Mapping[str, str],
    good: Mapping[str, str],
    draft: _Draft,
) -> None:
    """Add each site with its NGINX file, its manifest and its entry of the index.

    A manifest that is not valid is named in the warnings, and the site's last good version stays. RefusedError if the
    request itself is about that site.
    """
    requested = {change.domain for change in request.changes}
    for domain, wanted in sorted(texts.items()):
        text: str | None = wanted
        reusable = _is_reusable(host, renderer, domain, good)
        if domain not in draft.parsed and not (reusable and wanted == good.get(domain)):
            try:
                draft.parsed[domain] = _parse_unless_refused(host, request, domain, wanted)
            except RefusedError as error:
                if domain in requested:
                    raise
                text = good.get(domain)
                draft.invalid.append(domain)
                draft.warnings.append(_invalid_warning(domain, error, kept=text is not None))
        if text is None:
            continue
        if reusable and text == good.get(domain):
            conf, entry = host.live.files[site_file(domain)], dict(host.index[domain])
        else:
            site = draft.parsed.get(domain) or host.parse(domain, text)
            draft.parsed[domain] = site
            conf, entry = renderer.site(site), _index_entry(site, renderer.settings)
        draft.files[site_file(domain)] = conf
        draft.files[manifest_file(domain)] = text
        draft.sites[domain] = entry


def _is_reusable(host: Host, renderer: Renderer, domain: str, good: Mapping[str, str]) -> bool:
    """Say whether the live NGINX file of a site is what its last good manifest would be rendered to now."""
    live = host.live
    conf, manifest = live.files.get(site_file(domain)), good.get(domain)
    if live.inputs != renderer.inputs or domain not in host.index or conf is None or manifest is None:
        return False
    conf_untouched = live.hashes.get(site_file(domain)) == text_hash(conf)
    return conf_untouched and live.hashes.get(manifest_file(domain)) == text_hash(manifest)


def _parse_unless_refused(host: Host, request: Request, domain: str, text: str) -> Site:
    if domain in request.refused:
        raise RefusedError("NGINX refuses it", field="vhost", value=request.refused[domain])
    if domain in request.claimed:
        raise RefusedError(
            "another container answers for its upstream", field="container", value=request.claimed[domain]
        )
    return host.parse(domain, text)


def _invalid_warning(domain: str, error: RefusedError, *, kept: bool) -> str:
    consequence = _KEPT if kept else _LEFT_OUT
    return f"sites/{domain}.yml: {error.message} ({error.field} = {shown(error.value)}): {consequence}"


def _index_entry(site: Site, settings: Settings) -> dict[str, Any]:
    """Return what generation.json says about a site."""
    paths = [route.path for route in site.routes]
    return {
        "names": list(site.names),
        "served": site.served,
        "network": site.network,
        "http3": bool(site.http3),
        "ca": certificate_authority(site, settings),
        "containers": list(site.containers),
        "auth": list(site.auth),
        # The proof asks for each of these without a password, and each must be refused.
        "closed": list(dict.fromkeys(place.path for place in locations(site) if place.protected)),
        "path": "/" if "/" in paths else paths[0],
    }


def _sites(host: Host, draft: _Draft) -> Sites:
    return Sites(host, {domain: draft.files[manifest_file(domain)] for domain in draft.sites}, draft.sites)


def _edited(draft: _Draft, good: Mapping[str, str]) -> set[str]:
    """Return the sites whose manifest is another one than the live generation's."""
    return {domain for domain in draft.sites if draft.files[manifest_file(domain)] != good.get(domain)}


def _resolve_conflicts(
    host: Host, request: Request, renderer: Renderer, good: Mapping[str, str], draft: _Draft
) -> None:
    """Return sites to their last good version, or take them out, until no two sites are in conflict.

    Two sites are in conflict if both claim the same name, or if one would show without a password what the other
    protects. Of two sites the edited one loses. RefusedError unless a sync found the conflicting manifests.
    """
    requested = {change.domain for change in request.changes}
    while True:
        edited = _edited(draft, good)
        clash = _first_clash(draft.sites, edited) or first_new_door(_sites(host, draft), good, edited)
        if clash is None:
            return
        domain, error = clash
        if not request.sync or domain in requested or domain in draft.invalid:
            raise error
        kept = domain in host.index and domain in good
        consequence = _KEPT if kept else _LEFT_OUT
        draft.invalid.append(domain)
        draft.warnings.append(f"sites/{domain}.yml: {error.message}: {consequence}")
        if kept:
            draft.files[manifest_file(domain)] = good[domain]
            draft.files[site_file(domain)] = renderer.site(host.parse(domain, good[domain]))
            draft.sites[domain] = dict(host.index[domain])
        else:
            draft.remove(domain)


def _first_clash(sites: Mapping[str, Mapping[str, Any]], edited: set[str]) -> tuple[str, RefusedError] | None:
    """Return the first site that claims a name of another site, with the error; ``edited`` sites come last."""
    owners: dict[str, str] = {}
    for domain in sorted(sites, key=lambda name: (name in edited, name)):
        for name in sites[domain]["names"]:
            owner = owners.setdefault(name, domain)
            if owner != domain:
                return domain, RefusedError(
                    f"{name} already belongs to the site {owner}",
                    field="domain" if name == domain else "aliases",
                    value=name,
                    hint=Hint("site.show", {"domain": owner}),
                )
    return None


def _add_shared_files(host: Host, renderer: Renderer, draft: _Draft) -> None:
    """Add the files that all sites share, and the warnings about passwords."""
    entries = draft.sites.values()
    any_auth = any(entry.get("auth") for entry in entries)
    draft.files.update(renderer.pages)
    draft.files[MAIN] = renderer.main(
        any_http3=any(entry["http3"] for entry in entries),
        any_auth=any_auth,
        upstreams=sum(draft.files[site_file(domain)].count("\nupstream ") for domain in draft.sites),
    )
    if any_auth:
        draft.files[AUTH] = renderer.auth()
    for domain, entry in draft.sites.items():
        draft.warnings += [
            Advice(
                f"{domain}{path} has no password file, so nobody is let in. To add a user",
                Hint("auth.add", {"domain": domain, "route": path}),
            )
            for path in missing(host.paths, domain, entry.get("auth") or ())
        ]
    draft.warnings += no_longer_protected(host.index, draft.sites)


def no_longer_protected(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a line for each path that asks for a password in one index of sites and no longer in the next one."""
    lines = []
    for domain in sorted({*before} & {*after}):
        paths_after = after[domain].get("auth") or ()
        opened = [path for path in before[domain].get("auth") or () if path not in paths_after]
        lines += [f"{domain}{path} is no longer behind a password" for path in opened]
    return lines
