"""Helpers of many tests: the collection's templates, a renderer, and sites made of a few values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.plan import AUTH, MAIN, manifest_file, site_file
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.render import PAGES, TEMPLATES, Layout, Renderer
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.settings import Settings
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.manifest import Site, parse, to_manifest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.files import dump_yaml

__all__ = ("LAYOUT", "MARKER", "ROOT", "TEMPLATE_TEXTS", "generation_files", "make_renderer", "make_site")

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE_TEXTS = {name: (ROOT / "roles/vhost/templates" / name).read_text(encoding="utf-8") for name in TEMPLATES}
TEMPLATE_TEXTS.update({name: (ROOT / "roles/vhost/files" / name).read_text(encoding="utf-8") for name in PAGES})
LAYOUT = Layout(root="/etc/nginx/vsa", letsencrypt="/etc/letsencrypt/live", selfsigned="/etc/nginx/selfsigned")
MARKER = "0123456789abcdef0123456789abcdef"


def make_renderer(
    *,
    templates: Mapping[str, str] | None = None,
    settings: Settings | None = None,
    layout: Layout = LAYOUT,
    marker: str = MARKER,
) -> Renderer:
    """Return a renderer with the collection's own templates, the built-in settings and the container's layout."""
    texts = TEMPLATE_TEXTS if templates is None else templates
    return Renderer(templates=texts, settings=settings or Settings(), layout=layout, marker=marker)


def make_site(domain: str = "shop.example.com", upstream: str = "web-1:3000", **fields: Any) -> Site:
    """Return a site; ``upstream`` is the container and port of its route ``/`` unless ``routes`` says others."""
    container, _colon, port = upstream.partition(":")
    fields.setdefault("routes", [{"path": "/", "container": container, "port": int(port)}])
    return parse({"domain": domain, **fields})


def generation_files(sites: Iterable[Site], renderer: Renderer | None = None) -> dict[str, str]:
    """Return the files of a generation with these sites, without its number."""
    renderer = renderer or make_renderer()
    sites = list(sites)
    any_auth = any(site.auth for site in sites)
    files = {MAIN: renderer.main(any_http3=any(site.http3 for site in sites), any_auth=any_auth), **renderer.pages}
    if any_auth:
        files[AUTH] = renderer.auth()
    for site in sites:
        files[site_file(site.domain)] = renderer.site(site)
        files[manifest_file(site.domain)] = dump_yaml(to_manifest(site))
    return files
