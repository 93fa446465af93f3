# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``vhost_info``: the live NGINX files of a host, where each line comes from, and the generations kept.

The history must be readable if somebody broke a manifest or the settings. So this reads the generations only, and the
settings only to explain one site.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..._core.errors import RefusedError
from ..._core.proxy.plan import Generation, manifest_file, site_file, site_of
from ..._core.result import Result
from ..._core.settings import Settings, parse_settings
from ..._core.site.manifest import Site
from ..machine.files import load_yaml, read_text
from ..store.generations import Generations
from ..store.layout import Paths
from ..store.manifests import parse_manifest

__all__ = ("VhostListRequest", "list_vhosts")


@dataclass(frozen=True)
class VhostListRequest:
    """What a task of ``vhost_info`` requests: all sites, or one with its NGINX text.

    Without ``templates`` the lines of the text are not explained. With ``history`` the result has the generations that
    are kept.
    """

    domain: str | None = None
    templates: Mapping[str, str] = field(default_factory=dict)
    history: bool = False


def list_vhosts(request: VhostListRequest, *, paths: Paths | None = None) -> Result:
    """Return the live sites, the drift and the generations. RefusedError if the requested site is not live."""
    paths = paths or Paths()
    generations = Generations(paths)
    number = generations.live_number()
    record = generations.record(number)
    live = generations.read_with(number, record)
    domains: tuple[str, ...] = live.domains
    if request.domain is not None:
        if request.domain not in domains:
            raise RefusedError(
                "no site of this name is live", field="domain", value=request.domain, there_are=list(domains)[:20]
            )
        domains = (request.domain,)
    index = record.sites if record else {}
    drift = live.drifted
    drifted_sites = set(map(site_of, drift))
    vhosts = [_vhost(domain, index.get(domain, {}), drift=domain in drifted_sites) for domain in domains]
    if request.domain is not None:
        vhosts[0] |= _explain(paths, live, request.domain, request.templates)
    data = {"generation": number, "vhosts": vhosts, "drift": list(drift)}
    if request.history:
        data["generations"] = [_generation(generations, kept, number) for kept in reversed(generations.numbers())]
    return Result(data=data)


def _vhost(domain: str, entry: Mapping[str, Any], *, drift: bool) -> dict[str, Any]:
    return {
        "domain": domain,
        "names": entry.get("names", [domain]),
        "network": entry.get("network"),
        "ca": entry.get("ca"),
        "containers": entry.get("containers", []),
        "drift": drift,
        "last_change": entry.get("last_change"),
    }


def _generation(generations: Generations, number: int, live: int) -> dict[str, Any]:
    heading = generations.heading(number)
    known = {} if heading is None else asdict(heading)
    return {"number": number, "live": number == live, **known}


def _explain(paths: Paths, live: Generation, domain: str, templates: Mapping[str, str]) -> dict[str, Any]:
    """Return the text of a site's live NGINX file, its lines with their sources, and the origin of its manifest.

    Without templates, or without a live manifest, return the text alone.
    """
    text = live.files.get(site_file(domain), "")
    manifest = live.files.get(manifest_file(domain))
    if not templates or manifest is None:
        return {"text": text}
    # Imported here: a list renders nothing.
    from ..._core.proxy.annotate import annotate
    from ..._core.proxy.render import Renderer
    from .desired import LAYOUT

    site = parse_manifest(domain, manifest)
    settings = load_yaml(read_text(paths.vsa_yml) or "", where=str(paths.vsa_yml)) or {}
    renderers: dict[Settings, Renderer] = {}

    def render(site: Site, settings: Settings) -> str:
        if settings not in renderers:
            renderers[settings] = Renderer(templates=templates, settings=settings, layout=LAYOUT, marker=live.marker)
        return renderers[settings].site(site)

    lines = annotate(text, site=site, settings=parse_settings(settings), given=frozenset(settings), render=render)
    return {
        "text": text,
        "lines": [{"text": line.text, "source": line.source} for line in lines],
        "origin": site.origin or "typed",
    }
