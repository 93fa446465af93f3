# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuse the sites of a stack before its containers exist, as far as this can be known without them.

The provision of each site checks all of this again, and its containers too. Note that this module is **private** to the
collection.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ..._core.errors import VsaError
from ..._core.hints import Hint
from ..._core.site.manifest import Site, refuse_double_names
from ..._core.site.requested import requested_fields, requested_site
from ..machine.docker import Engine
from ..proxy.doors import refuse_new_doors
from ..proxy.transaction import Proxy
from ..store.host import Host, read_host
from ..store.layout import Paths
from .certificates import validation_of
from .names import check_names
from .preflight import refuse_stopped_proxy

__all__ = ("foresee_sites",)


def foresee_sites(
    sites: Sequence[Mapping[str, Any]],
    *,
    strict: bool,
    write: bool,
    paths: Paths | None = None,
    engine: Engine | None = None,
    proxy: Proxy | None = None,
) -> list[str]:
    """Return what is to be said about the sites that a stack provisions after its start.

    ``sites`` are the options of the module ``site`` for each of them. RefusedError names what this host cannot serve:
    NGINX does not run, another site has the name, another site shows without a password what this one protects, or the
    CA could not validate a name (``strict``). ``write`` is as for ``check_names``.
    """
    if not sites:
        return []
    paths, engine = paths or Paths(), engine or Engine()
    proxy = proxy or Proxy(engine, paths)
    refuse_stopped_proxy(proxy.nginx)
    host = read_host(paths)
    owners = {name: owner for owner, entry in host.index.items() for name in entry["names"]}
    wanted = [_site(host, options) for options in sites]
    notes: list[str] = []
    for site in wanted:
        refuse_double_names(site, owners)
        notes += _names(host, site, strict=strict, write=write)
    refuse_new_doors(host, wanted)
    return notes


def _site(host: Host, options: Mapping[str, Any]) -> Site:
    """Return a site as its provision will request it."""
    domain = str(options["domain"])
    existing = host.site(domain) or host.live_site(domain)
    return requested_site(existing, domain, requested_fields(options))


def _names(host: Host, site: Site, *, strict: bool, write: bool) -> list[str]:
    """Look the names of a site up if a CA will be asked for a certificate, and return the warnings."""
    validation = validation_of(host, site, host.settings)
    if validation is None:
        return []
    try:
        return check_names(host.paths, site, validation=validation, strict=strict, write=write).warnings
    except VsaError as error:
        if isinstance(error.hint, Hint) and error.hint.same:
            error.hint = dataclasses.replace(error.hint, verb="stack.up")
        raise
