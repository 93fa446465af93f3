# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks before a CA is asked or anything is changed: containers answer, names lead to this host.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..._core import forms
from ..._core.errors import RefusedError, VsaError
from ..._core.hints import Hint
from ..._core.networks import EDGE, is_edge_network
from ..._core.result import OK, WARNING, Step
from ..._core.site.declared import WHERE, in_one
from ..._core.site.detect import Publication, detect
from ..._core.site.manifest import Site
from ..machine.docker import Container, Engine
from ..store.layout import Paths

if TYPE_CHECKING:
    from ..proxy.protocols import ProxyNginx

__all__ = (
    "MOST_LISTED",
    "Checked",
    "Report",
    "check_containers",
    "check_names",
    "check_sites",
    "detect_container",
    "listed",
    "listening_ports",
    "preflight_step",
    "refuse_stopped_proxy",
    "within",
)

MOST_LISTED = 20
"""So many notes or domains are listed; the rest is counted."""

_OWN_CONTAINERS = ("vsa-nginx", "vsa-auth", "vsa-certbot")
_LOOPBACK_6 = "0" * 24 + "01000000"
_IPV4_MAPPED = "0000000000000000FFFF0000"
_CONNECT_SECONDS = 3.0
_CHECKED_AT_ONCE = 8
_FACTS_SHOWN = 4


@dataclass
class Report:
    """What a check found: ``facts`` go into one line, each warning gets its own."""

    facts: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Checked:
    """The step of the checks, None without a site to check. ``answering``: the sites whose containers answer."""

    answering: frozenset[str] = frozenset()
    step: Step | None = None


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
    engine: Engine, paths: Paths, nginx: ProxyNginx, sites: Sequence[Site], *, of: int, write: bool
) -> Checked:
    """Check the containers and names of declared sites. VsaError names every site that does not fit.

    ``of`` is the number of all declared sites. Without ``write`` no challenge is placed, see ``check_names``.
    """
    if not sites:
        return Checked()
    refuse_stopped_proxy(nginx)
    reports: dict[str, Report] = {}
    wrong: list[VsaError] = []
    for site in sites:
        try:
            reports[site.domain] = check_containers(engine, site)
        except VsaError as error:
            error.field = f"{WHERE}/{site.domain}/{error.field or 'routes'}"
            wrong.append(error)
    if wrong:
        raise in_one(wrong, of=of)
    with ThreadPoolExecutor(max_workers=_CHECKED_AT_ONCE) as pool:
        checked = pool.map(lambda site: check_names(paths, site, strict=False, write=write), sites)
        names = dict(zip(reports, checked, strict=True))
    return Checked(frozenset(reports), _step_of_all(reports, names))


def _step_of_all(containers: Mapping[str, Report], names: Mapping[str, Report]) -> Step:
    """Return the one step of the checks of several sites."""
    facts = list(dict.fromkeys(fact for report in containers.values() for fact in report.facts))
    notes = []
    for domain, report in containers.items():
        notes += [f"{domain}: {warning}" for warning in (*report.warnings, *names[domain].warnings)]
    text = " · ".join(facts[:_FACTS_SHOWN])
    if len(facts) > _FACTS_SHOWN:
        text += f" · and {len(facts) - _FACTS_SHOWN} more"
    state = WARNING if any(report.warnings for report in names.values()) else OK
    return Step("preflight", state, text, tuple(listed(notes)))


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


def check_containers(engine: Engine, site: Site) -> Report:
    """Check every container that a site routes to. RefusedError names the first problem, and what there is instead."""
    report = Report()
    for name in site.containers:
        container = _running(engine, name)
        _refuse_unreachable(container, site)
        _refuse_edge_alias(container)
        for port in sorted({route.port for route in site.routes if route.container == name}):
            _refuse_silent(container, port)
            report.facts.append(f"{name}:{port} answers")
        if site.network not in container.networks:
            report.warnings.append(
                f"{name} will be joined to {site.network}: its Compose file must say so too, or a recreation undoes it"
            )
    return report


def _running(engine: Engine, name: str) -> Container:
    container = engine.container(name)
    if container is not None and container.running:
        return container
    problem = f"no container is named {name}"
    hint = "docker ps"
    if container is not None:
        problem = f"the container is {container.status}: {name}"
        hint = f"docker start {name}"
    raise RefusedError(problem, field="container", value=name, there_are=_candidates(engine), hint=hint)


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


def _refuse_edge_alias(container: Container) -> None:
    """Raise RefusedError if an alias of a container could be taken for another tenant's qualified name."""
    claimed = [alias for end in container.networks.values() for alias in end.aliases if EDGE in alias]
    if claimed:
        raise RefusedError(
            f"{container.name} has an alias that looks like a qualified name of an edge network",
            field="container",
            value=claimed[0],
            expected=f"aliases without {EDGE}",
        )


def _refuse_silent(container: Container, port: int) -> None:
    """Raise RefusedError if a container accepts no connection on a port. The error lists the ports that it uses."""
    if _answers(container, port):
        return
    listening = []
    for number, open_to_all in sorted(listening_ports(container.pid).items()):
        listening.append(f"it listens on {number}{'' if open_to_all else ' (on loopback alone)'}")
    raise RefusedError(
        f"{container.name} does not answer on port {port}",
        field="port",
        value=port,
        there_are=listening or ["it listens on no TCP port yet"],
    )


def _answers(container: Container, port: int) -> bool:
    """Say whether a container accepts a connection on one of its addresses."""
    for end in container.networks.values():
        if not end.address:
            continue
        try:
            with socket.create_connection((end.address, port), timeout=_CONNECT_SECONDS):
                return True
        except OSError:
            continue
    return False


def listening_ports(pid: int, *, proc: Path = Path("/proc")) -> dict[int, bool]:
    """Return the TCP ports on which a process's network namespace listens; False for a port on loopback alone.

    Source: proc_pid_net(5). State 0A is LISTEN; addresses are hexadecimal in the host's byte order.
    """
    found: dict[int, bool] = {}
    for name in ("tcp", "tcp6"):
        try:
            lines = (proc / str(pid) / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            parts = line.split()
            if len(parts) < 4 or parts[3] != "0A":
                continue
            address, _colon, port = parts[1].rpartition(":")
            number = int(port, 16)
            found[number] = found.get(number, False) or not _is_loopback(address)
    return found


def _is_loopback(address: str) -> bool:
    ipv4 = len(address) == 8 or address.startswith(_IPV4_MAPPED)
    return (ipv4 and address.endswith("7F")) or address == _LOOPBACK_6


# -- names -------------------------------------------------------------------------------------------------------------


def check_names(paths: Paths, site: Site, *, strict: bool, write: bool = True) -> Report:
    """Check whether every address of every name of a site leads to this host's proxy.

    An address of a trusted proxy counts as leading here. An address that does not lead here is a warning, or
    RefusedError if ``strict``. Without ``write`` (check mode) no challenge may be placed, and the names are only
    looked up.
    """
    report = Report()
    with _challenge(paths, write=write) as token:
        for name in site.names:
            problem, fact = _check_name(site, name, token)
            if problem is None:
                report.facts.append(fact)
            elif strict:
                raise RefusedError(
                    problem,
                    field="domain",
                    value=name,
                    expected="addresses of this host",
                    hint="correct the DNS records",
                )
            else:
                report.warnings.append(problem)
    return report


@contextmanager
def _challenge(paths: Paths, *, write: bool) -> Iterator[str | None]:
    """Place a challenge that only this host's proxy can answer, and yield its token; None if nothing may be written."""
    if not write:
        yield None
        return
    token = f"vsa-{secrets.token_hex(16)}"
    place = paths.acme / ".well-known" / "acme-challenge" / token
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(token, encoding="ascii")
    try:
        yield token
    finally:
        place.unlink(missing_ok=True)


def _check_name(site: Site, name: str, token: str | None) -> tuple[str | None, str]:
    """Return the problem of a name, or None with the fact that it leads here."""
    addresses = _lookup(name)
    behind = [address for _kind, address in addresses if within(address, site.trusted_proxies)]
    wrong = []
    for kind, address in addresses:
        if token is not None and address not in behind and not _leads_here(address, name, token):
            wrong.append(f"{kind} {address}")
    if not addresses:
        return f"{name} has no address in DNS", ""
    if wrong:
        return f"{name}: {' and '.join(wrong)} {'do' if len(wrong) > 1 else 'does'} not lead to this host", ""
    all_texts = [f"{kind} {address}" for kind, address in addresses]
    fact = f"{' and '.join(all_texts)} {'lead' if len(all_texts) > 1 else 'leads'} here"
    if behind:
        fact += ", by a trusted proxy"
    return None, fact if name == site.domain else f"{name}: {fact}"


def _lookup(name: str) -> list[tuple[str, str]]:
    """Return the kind (A or AAAA) and the text of each address of a name."""
    found = []
    for family, kind in ((socket.AF_INET, "A"), (socket.AF_INET6, "AAAA")):
        try:
            answers = socket.getaddrinfo(name, 80, family, socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError):
            continue
        found += [(kind, str(answer[4][0])) for answer in answers]
    return list(dict.fromkeys(found))


def within(address: str, networks: tuple[str, ...]) -> bool:
    """Say whether an address is in one of the networks."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return any(found in ipaddress.ip_network(network) for network in networks)


def _leads_here(address: str, name: str, token: str) -> bool:
    """Ask an address for the challenge. This works behind address translation too."""
    request = f"GET /.well-known/acme-challenge/{token} HTTP/1.0\r\nHost: {name}\r\n\r\n"
    answer = b""
    try:
        with socket.create_connection((address, 80), timeout=_CONNECT_SECONDS) as client:
            client.sendall(request.encode("ascii"))
            while len(answer) < 65536 and (part := client.recv(4096)):
                answer += part
    except OSError:
        return False
    return token.encode() in answer.partition(b"\r\n\r\n")[2]
