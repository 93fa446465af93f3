# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks before a CA is asked or anything is changed: containers answer, names lead to this host.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ..._core import forms
from ..._core.errors import RefusedError, VsaError
from ..._core.hints import Advice, Hint
from ..._core.nearest import nearest
from ..._core.networks import EDGE, contains_edge, is_edge_network, is_loopback
from ..._core.result import OK, WARNING, Step
from ..._core.site.declared import WHERE, in_one
from ..._core.site.detect import Publication, detect
from ..._core.site.manifest import Route, Site
from ..machine.docker import Container, Engine
from ..store.layout import Paths
from .backend import ask_backend
from .names import Report, Validation, check_names
from .replicas import refuse_replica
from .silence import refuse_restarting, silence_error, state_error

if TYPE_CHECKING:
    from ..proxy.protocols import ProxyNginx

__all__ = (
    "MOST_LISTED",
    "check_containers",
    "check_sites",
    "detect_container",
    "listed",
    "preflight_step",
    "refuse_stopped_proxy",
)

MOST_LISTED = 20
"""So many notes or domains are listed; the rest is counted."""

_OWN_CONTAINERS = ("vsa-nginx", "vsa-auth", "vsa-certbot")
_CHECKED_AT_ONCE = 8
_FACTS_SHOWN = 4
_BUFFERED, _STREAM = "web", "sse"  # profiles
# A further path of a port only tells whether it is a stream.
_OTHER_SECONDS = 1.0
# Source: https://docs.docker.com/engine/containers/start-containers-automatically/
_NOT_AFTER_A_REBOOT = ("no", "on-failure")


def listed(lines: Sequence[str]) -> list[str]:
    """Return the first lines, and how many more there are."""
    if len(lines) <= MOST_LISTED:
        return list(lines)
    return [*lines[:MOST_LISTED], f"and {len(lines) - MOST_LISTED} more"]


def refuse_stopped_proxy(nginx: ProxyNginx) -> None:
    """Raise RefusedError if NGINX does not run."""
    if nginx.master() is None:
        raise RefusedError(
            "the reverse proxy of this host does not run", hint=Hint("stack.up", {"name": "reverse-proxy"})
        )


def preflight_step(containers: Report, names: Report, *, first: Sequence[str] = ()) -> Step:
    """Return the step of one site's checks. ``first`` are facts that stand before all others."""
    text = " · ".join([*first, *containers.facts, *names.facts])
    state = WARNING if names.warnings else OK
    return Step("preflight", state, text, (*containers.warnings, *names.warnings))


def check_sites(
    engine: Engine,
    paths: Paths,
    nginx: ProxyNginx,
    sites: Sequence[Site],
    *,
    validations: Mapping[str, Validation | None],
    strict: bool,
    of: int,
    write: bool,
) -> Step | None:
    """Check the containers and names of declared sites, and return the step; None without a site to check.

    VsaError names every site that does not fit. ``of`` is the number of all declared sites. ``validations`` (by
    domain), ``strict`` and ``write`` are as for ``check_names``.
    """
    if not sites:
        return None
    refuse_stopped_proxy(nginx)
    reports: dict[str, Report] = {}
    wrong: list[VsaError] = []
    for site in sites:
        try:
            reports[site.domain] = check_containers(engine, paths, site, inventory=True)
        except VsaError as error:
            error.field = f"{WHERE}/{site.domain}/{error.field or 'routes'}"
            wrong.append(error)

    def check(site: Site) -> Report | VsaError:
        try:
            return check_names(paths, site, validation=validations.get(site.domain), strict=strict, write=write)
        except VsaError as error:
            error.field = f"{WHERE}/{site.domain}/{error.field or 'domain'}"
            return error

    with ThreadPoolExecutor(max_workers=_CHECKED_AT_ONCE) as pool:
        checked = dict(zip((site.domain for site in sites), pool.map(check, sites), strict=True))
    wrong += [found for found in checked.values() if isinstance(found, VsaError)]
    if wrong:
        raise in_one(wrong, of=of)
    names = {domain: found for domain, found in checked.items() if isinstance(found, Report)}
    return _step_of_all(reports, names)


def _step_of_all(containers: Mapping[str, Report], names: Mapping[str, Report]) -> Step:
    """Return the one step of the checks of several sites."""
    facts = list(dict.fromkeys(fact for report in containers.values() for fact in report.facts))
    notes = []
    for domain, report in containers.items():
        notes += [_of_site(domain, warning) for warning in (*report.warnings, *names[domain].warnings)]
    text = " · ".join(facts[:_FACTS_SHOWN])
    if len(facts) > _FACTS_SHOWN:
        text += f" · and {len(facts) - _FACTS_SHOWN} more"
    state = WARNING if any(report.warnings for report in names.values()) else OK
    return Step("preflight", state, text, tuple(listed(notes)))


def _of_site(domain: str, note: str) -> str:
    if isinstance(note, Advice):
        return Advice(f"{domain}: {note.sentence}", note.hint)
    return f"{domain}: {note}"


# -- containers --------------------------------------------------------------------------------------------------------


def detect_container(engine: Engine, *, external_port: int, port: object) -> tuple[str, int]:
    """Return name and inner port of the container that publishes a port of the host. The proxy's own do not count."""
    publications = [
        Publication(info.name, entry.port, entry.host_port)
        for info in engine.containers(everything=False)
        if info.name not in _OWN_CONTAINERS
        for entry in info.published
        if entry.protocol == "tcp"
    ]
    inner = None if port is None else forms.port(port)
    name, found = detect(publications, external_port=external_port, port=inner)
    return forms.container(name), found


def check_containers(engine: Engine, paths: Paths, site: Site, *, inventory: bool = False) -> Report:
    """Check every container that a site routes to. RefusedError names the first problem, and what there is instead.

    ``inventory``: the site is declared in an inventory.
    """
    report = Report()
    for name in site.containers:
        container = _running(engine, name)
        _refuse_own(container)
        refuse_replica(paths, container, site, inventory=inventory)
        _refuse_unreachable(container, site)
        _refuse_edge_alias(container)
        _ask_ports(engine, container, site, report)
        report.warnings += _weaknesses(container)
        if site.network not in container.networks:
            report.warnings.append(
                f"{name} will be joined to {site.network}: its Compose file must say so too, or a recreation undoes it"
            )
    return report


def _weaknesses(container: Container) -> list[str]:
    """Return what is no error of a container, and hurts its site later."""
    name = container.name
    found = []
    if container.restart in _NOT_AFTER_A_REBOOT:
        found.append(
            f"{name} has no restart policy that survives a reboot ({container.restart}): say unless-stopped in its "
            "Compose file, or docker update --restart unless-stopped"
        )
    if container.health is None:
        found.append(f"{name} has no health check, so nobody sees that it hangs: add a healthcheck to its Compose file")
    open_ports = {entry.host_port: entry for entry in container.published if not is_loopback(entry.host)}
    for port, entry in sorted(open_ports.items()):
        found.append(
            f"{name} publishes {port} → {entry.port} to everybody, past the proxy with its passwords and limits: "
            f"publish 127.0.0.1:{port}:{entry.port}, or no port"
        )
    return found


def _running(engine: Engine, name: str) -> Container:
    container = engine.container(name)
    if container is not None and container.running:
        return container
    candidates = _candidates(engine)
    meant = nearest(name, [entry.partition(" ")[0] for entry in candidates])
    raise state_error(name, container, there_are=candidates, meant=meant)


def _candidates(engine: Engine) -> list[str]:
    """Return the running containers, each with its edge networks."""
    candidates = []
    for container in engine.containers(everything=False):
        if container.name in _OWN_CONTAINERS:
            continue
        edges = [name for name in container.networks if is_edge_network(name)]
        candidates.append(f"{container.name} (on {', '.join(edges)})" if edges else container.name)
    return candidates


def _refuse_unreachable(container: Container, site: Site) -> None:
    """Raise RefusedError if a container has no network of its own, as with the host's network."""
    if any(end.address for end in container.networks.values()):
        return
    raise RefusedError(
        f"{container.name} has no network of its own (mode {container.network_mode})",
        field="container",
        value=container.name,
        expected=f"a container that can be joined to {site.network}",
    )


def _refuse_own(container: Container) -> None:
    """Raise RefusedError for a container of the proxy: a request to it would come to the same site again and again."""
    if container.name in _OWN_CONTAINERS:
        raise RefusedError(
            f"{container.name} belongs to the proxy of this host: a site that leads there would be a loop",
            field="container",
            value=container.name,
            expected="the container of an application",
        )


def _refuse_edge_alias(container: Container) -> None:
    """Raise RefusedError if an alias of a container could be taken for another tenant's qualified name."""
    claimed = [alias for end in container.networks.values() for alias in end.aliases if contains_edge(alias)]
    if claimed:
        raise RefusedError(
            f"{container.name} has an alias that looks like a qualified name of an edge network",
            field="container",
            value=claimed[0],
            expected=f"aliases without {EDGE}",
        )


def _ask_ports(engine: Engine, container: Container, site: Site, report: Report) -> None:
    """Ask each port of a container that a site routes to. RefusedError if the first path of a port is not answered."""
    addresses = [end.address for end in container.networks.values() if end.address]
    routes = [route for route in site.routes if route.container == container.name]
    for port in sorted({route.port for route in routes}):
        first, *others = (route for route in routes if route.port == port)
        answer = ask_backend(addresses, port, path=_path_inside(first), host=site.served)
        if answer.problem is not None:
            refuse_restarting(lambda: engine.container(container.name), container)
            raise silence_error(container, port, answer.problem)
        report.facts.append(f"{container.name}:{port} answers")
        if answer.streams:
            report.warnings += _stream_notes(site, first)
        for route in others:
            found = ask_backend(addresses, port, path=_path_inside(route), host=site.served, seconds=_OTHER_SECONDS)
            if found.streams:
                report.warnings += _stream_notes(site, route)


def _path_inside(route: Route) -> str:
    return "/" if route.strip_prefix else route.path


def _stream_notes(site: Site, route: Route) -> list[str]:
    """Return a note if a route that answers with a stream has a profile that is not made for one."""
    profile = route.profile or site.profile
    if profile not in (None, _BUFFERED):
        return []
    text = f"{route.container}:{route.port} answers {route.path} with a stream of events"
    if len(site.routes) > 1:
        return [f"{text}: its route wants the profile {_STREAM}"]
    hint = Hint("site.provision", {"domain": site.domain, "profile": _STREAM})
    return [Advice(f"{text}; the profile that is made for streams", hint)]
