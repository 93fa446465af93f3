# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One site's live NGINX text, and where each line of it comes from.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._core.proxy.annotate import annotate
from ..._core.proxy.plan import Generation, manifest_file, site_file
from ..._core.proxy.render import Layout, Renderer
from ..._core.settings import Settings, parse_settings
from ..._core.site.manifest import Site
from ..machine.files import load_yaml, read_text
from ..store.layout import CONTAINER_CERTS, CONTAINER_NGINX, CONTAINER_SELFSIGNED, Paths
from ..store.manifests import parse_manifest

__all__ = ("explain",)


def explain(paths: Paths, live: Generation, domain: str, templates: Mapping[str, str] | None) -> dict[str, Any]:
    """Return the ``text`` of a site's file in the live generation, its ``lines`` with their sources, and its origin.

    Without templates, or where the live manifest cannot be read, there is the text alone.
    """
    text = live.files.get(site_file(domain), "")
    manifest = live.files.get(manifest_file(domain))
    if not templates or manifest is None:
        return {"text": text}
    site = parse_manifest(domain, manifest)
    there = load_yaml(read_text(paths.vsa_yml) or "", where=str(paths.vsa_yml)) or {}
    layout = Layout(root=CONTAINER_NGINX, letsencrypt=CONTAINER_CERTS, selfsigned=CONTAINER_SELFSIGNED)
    renderers: dict[Settings, Renderer] = {}

    def render(site: Site, settings: Settings) -> str:
        if settings not in renderers:
            renderers[settings] = Renderer(templates=templates, settings=settings, layout=layout, marker=live.marker)
        return renderers[settings].site(site)

    lines = annotate(text, site=site, settings=parse_settings(there), said=frozenset(there), render=render)
    return {
        "text": text,
        "lines": [{"text": line.text, "source": line.source} for line in lines],
        "origin": site.origin or "typed",
    }
