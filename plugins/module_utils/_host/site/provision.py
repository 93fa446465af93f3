# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``vsa site provision``: check a site, ensure its certificate, and change the proxy in one transaction.

The certificate comes before the transaction and outside of the host's lock, because a CA may take minutes to answer.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..._core.errors import VsaError
from ..._core.result import Result, Step, joined
from ..._core.run_context import RunContext
from ..._core.site.manifest import Site, refuse_double_names, to_manifest
from ..._core.site.requested import requested_site
from ..machine.docker import Engine
from ..proxy.doors import refuse_new_doors
from ..proxy.module import VhostRequest
from ..proxy.module import run as change_proxy
from ..proxy.tenancy import refuse_shared
from ..proxy.transaction import Proxy
from ..proxy.values import Change
from ..store.host import Host, read_host
from ..store.layout import Paths
from .certificates import add_steps, ensure_before_switch, issue_request, validation_of
from .names import check_names
from .preflight import check_containers, detect_container, preflight_step, refuse_stopped_proxy
from .view import site_view

__all__ = ("ProvisionRequest", "provision_site")


@dataclass(frozen=True)
class ProvisionRequest:
    """What ``vsa site provision`` asks for.

    * ``fields``: the requested fields of the manifest, with ``container``, ``port`` and ``strip_prefix``, which stand
      for routes. All other fields stay as the manifest has them. ``unset``: fields that return to their default.
    * ``external_port``: take the container that publishes this port of the host. None: ``fields`` name the container.
    * ``dns_check``: refuse the site if a CA would be asked and could not validate one of its names.
    * ``force``: keep the change if the site answered before and does not afterwards.
    * ``templates``: the text of each template and page of the role ``vhost``.
    """

    run: RunContext
    domain: str
    templates: Mapping[str, str]
    fields: Mapping[str, object] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    external_port: int | None = None
    dns_check: bool = True
    force: bool = False


def provision_site(
    request: ProvisionRequest,
    *,
    check: bool,
    diff: bool,
    paths: Paths | None = None,
    engine: Engine | None = None,
    proxy: Proxy | None = None,
) -> Result:
    """Bring a site live, or return what would change if ``check``. An error has the steps that were done before it."""
    paths = paths or Paths()
    engine = engine or Engine()
    proxy = proxy or Proxy(engine, paths)
    request, detected = _with_detected(engine, request)
    host = read_host(paths)
    existing = host.site(request.domain) or host.live_site(request.domain)
    site = requested_site(existing, request.domain, request.fields, unset=request.unset)
    step = _check(host, engine, proxy, site, request, check=check)
    done = Result(steps=(step,), data=_data(host, site, request, detected))
    vhost = VhostRequest(
        run=request.run,
        templates=request.templates,
        change=Change(site.domain, request.fields, request.unset),
        answering=True,
        force=request.force,
    )
    plan = functools.partial(change_proxy, vhost, check=True, diff=False, proxy=proxy, host=host)
    try:
        done = joined(done, ensure_before_switch(host, issue_request(site, host.settings), plan, check=check))
        changed = change_proxy(vhost, check=check, diff=diff, proxy=proxy, host=host)
    except VsaError as error:
        add_steps(error, done)
        raise
    return joined(done, changed)


def _with_detected(engine: Engine, request: ProvisionRequest) -> tuple[ProvisionRequest, dict[str, Any] | None]:
    """Return the request with the container that publishes the external port, and that container for the result."""
    if request.external_port is None:
        return request, None
    port = request.fields.get("port")
    name, inner = detect_container(engine, external_port=request.external_port, port=port)
    fields = {**request.fields, "container": name, "port": inner}
    detected = {"container": name, "port": inner, "external_port": request.external_port}
    return dataclasses.replace(request, fields=fields), detected


def _check(host: Host, engine: Engine, proxy: Proxy, site: Site, request: ProvisionRequest, *, check: bool) -> Step:
    """Check a site before anything is changed. RefusedError if this host cannot serve it."""
    refuse_stopped_proxy(proxy.nginx)
    owners = {name: owner for owner, entry in host.index.items() for name in entry["names"]}
    refuse_double_names(site, owners)
    refuse_new_doors(host, (site,))
    refuse_shared(engine, host, (site,))
    containers = check_containers(engine, host.paths, site)
    validation = validation_of(host, site, host.settings)
    names = check_names(host.paths, site, validation=validation, strict=request.dns_check, write=not check)
    first = []
    if request.external_port is not None:
        route = site.routes[0]
        first.append(f"port {request.external_port} is {route.container}:{route.port}")
    return preflight_step(containers, names, first=first)


def _data(host: Host, site: Site, request: ProvisionRequest, detected: dict[str, Any] | None) -> dict[str, Any]:
    view = {
        **site_view(site, host.settings),
        "manifest": to_manifest(site),
        "new": site.domain not in host.manifests,
    }
    data = {"audit_id": request.run.audit_id, "site": view}
    return {**data, "detected": detected} if detected else data
