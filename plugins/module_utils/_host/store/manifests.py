# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifests in /etc/vsa/sites: the desired state of each site, one YAML file per domain.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..._core.errors import RefusedError
from ..._core.site.manifest import Site, parse
from ..machine.files import load_yaml, read_text
from .layout import Paths

__all__ = ("manifest_domains", "manifest_files", "parse_manifest", "read_manifest", "read_manifests")

_SUFFIX = ".yml"
# A file that cannot be read is no YAML either: it is reported as invalid when its text is parsed.
_UNREADABLE = "\x00"


def read_manifests(paths: Paths) -> dict[str, str]:
    """Return the text of every manifest, by the domain in its file name."""
    directory = str(paths.sites)
    return {domain: _read(f"{directory}/{domain}{_SUFFIX}") for domain in manifest_domains(paths)}


def read_manifest(paths: Paths, domain: str) -> str | None:
    """Return the text of a site's manifest, None if there is none. The domain must be validated already."""
    return _read(f"{paths.sites}/{domain}{_SUFFIX}") or None


def manifest_domains(paths: Paths) -> list[str]:
    """Return the domains in the names of all manifests, sorted. Hidden files are left out."""
    try:
        names = sorted(os.listdir(paths.sites))
    except FileNotFoundError:
        return []
    return [name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX) and not name.startswith(".")]


def _read(path: str) -> str:
    try:
        return read_text(path) or ""
    except (UnicodeDecodeError, OSError):
        return _UNREADABLE


def manifest_files(paths: Paths, domain: str) -> list[Path]:
    """Return the file of a site's manifest if it exists, and temporary copies that an interrupted write left."""
    form = re.compile(rf"{re.escape(domain)}\.yml|\.{re.escape(domain)}\.yml\.[A-Za-z0-9_]{{8}}")
    try:
        names = sorted(os.listdir(paths.sites))
    except FileNotFoundError:
        return []
    return [paths.sites / name for name in names if form.fullmatch(name)]


def parse_manifest(domain: str, text: str) -> Site:
    """Return the site that the text of ``<domain>.yml`` describes.

    RefusedError if the text is no valid manifest, or if it is the manifest of another domain.
    """
    where = f"sites/{domain}.yml"
    site = parse(load_yaml(text, where=where), where=f"sites/{domain}/")
    if site.domain != domain:
        raise RefusedError(
            f"{where} is about another domain", field=f"sites/{domain}/domain", value=site.domain, expected=domain
        )
    return site
