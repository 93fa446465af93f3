# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be so before anything is asked of a CA or changed: containers that answer, names that lead here.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path

from ..._core import forms
from ..._core.errors import RefusedError
from ..._core.networks import EDGE, is_edge_network
from ..._core.site.detect import Publication, detect
from ..._core.site.manifest import Site
from ..machine.docker import Container, Engine
from ..store.layout import Paths

__all__ = ("Report", "check_containers", "check_names", "detect_container", "listening_ports", "within")


_OWN = ("vsa-nginx", "vsa-auth", "vsa-certbot")
_LOOPBACK_6 = "0" * 24 + "01000000"


@dataclass
class Report:
    """What was found: ``facts`` go into one line, ``warnings`` each into its own."""

    facts: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    answering: bool = True


def listening_ports(pid: int, *, proc: Path = Path("/proc")) -> dict[int, bool]:
    """Return the TCP ports that a process's network namespace listens on; True where not on loopback alone.

    Source: proc_pid_net(5); state 0A is LISTEN, addresses are hexadecimal in host order.
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
            mapped = address.startswith("0000000000000000FFFF0000")
            loopback = ((len(address) == 8 or mapped) and address.endswith("7F")) or address == _LOOPBACK_6
            found[int(port, 16)] = found.get(int(port, 16), False) or not loopback
    return found


def _answers(container: Container, port: int, *, timeout: float = 3.0) -> bool:
    for end in container.networks.values():
        if not end.address:
            continue
        try:
            with socket.create_connection((end.address, port), timeout=timeout):
                return True
        except OSError:
            continue
    return False


def _candidates(engine: Engine) -> list[str]:
    found = [item for item in engine.containers(everything=False) if item.name not in _OWN]
    return [
        f"{item.name} (on {', '.join(name for name in item.networks if is_edge_network(name))})"
        if any(is_edge_network(name) for name in item.networks)
        else item.name
        for item in found
    ]


def detect_container(engine: Engine, *, external_port: object, port: object) -> tuple[str, int]:
    """Return name and inner port of the container that publishes a port of the host; never one of the proxy's own."""
    publications = [
        Publication(item.name, entry.port, entry.host_port)
        for item in engine.containers(everything=False)
        if item.name not in _OWN
        for entry in item.published
        if entry.protocol == "tcp"
    ]
    name, inner = detect(
        publications,
        external_port=forms.port(external_port, field="external_port"),
        port=None if port is None else forms.port(port),
    )
    return forms.container(name), inner


def check_containers(engine: Engine, site: Site) -> Report:
    """Look at every container that the site routes to. RefusedError names what is missing and what there is."""
    report = Report()
    for name in site.containers:
        ports = sorted({route.port for route in site.routes if route.container == name})
        container = engine.container(name)
        if container is None or not container.running:
            what = "no container is named" if container is None else f"the container is {container.status}:"
            raise RefusedError(
                f"{what} {name}",
                field="container",
                value=name,
                there_are=_candidates(engine),
                hint=f"docker start {name}" if container else "docker ps",
            )
        if not any(end.address for end in container.networks.values()):
            raise RefusedError(
                f"{name} has no network of its own (mode {container.network_mode})",
                field="container",
                value=name,
                expected=f"a container that can be joined to {site.network}",
            )
        claimed = [alias for end in container.networks.values() for alias in end.aliases if EDGE in alias]
        if claimed:
            raise RefusedError(
                f"{name} has an alias that looks like a qualified name of an edge network",
                field="container",
                value=claimed[0],
                expected=f"aliases without {EDGE}",
            )
        for port in ports:
            if not _answers(container, port):
                listening = listening_ports(container.pid)
                there = [
                    f"it listens on {number}" + ("" if open_to_all else " (on loopback alone)")
                    for number, open_to_all in sorted(listening.items())
                ]
                raise RefusedError(
                    f"{name} does not answer on port {port}",
                    field="port",
                    value=port,
                    there_are=there or ["it listens on no TCP port yet"],
                )
            report.facts.append(f"{name}:{port} answers")
        if site.network not in container.networks:
            report.warnings.append(
                f"{name} will be joined to {site.network}: its Compose file must say so too, or a recreation undoes it"
            )
    return report


def _lookup(name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"A": [], "AAAA": []}
    for family, kind in ((socket.AF_INET, "A"), (socket.AF_INET6, "AAAA")):
        try:
            answers = socket.getaddrinfo(name, 80, family, socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError):
            continue
        found[kind] = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
    return found


def within(address: str, networks: tuple[str, ...]) -> bool:
    """Say whether an address is in one of the networks."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return any(found in ipaddress.ip_network(network) for network in networks)


def _leads_here(address: str, name: str, token: str, *, timeout: float = 3.0) -> bool:
    """Ask an address for a challenge that only this host's proxy can answer; so address translation does not matter."""
    request = f"GET /.well-known/acme-challenge/{token} HTTP/1.0\r\nHost: {name}\r\n\r\n"
    try:
        with socket.create_connection((address, 80), timeout=timeout) as client:
            client.sendall(request.encode("ascii"))
            answer = b""
            while len(answer) < 65536 and (part := client.recv(4096)):
                answer += part
    except OSError:
        return False
    return token.encode() in answer.partition(b"\r\n\r\n")[2]


def check_names(paths: Paths, site: Site, *, strict: bool, write: bool = True) -> Report:
    """Look whether every address of every name of the site leads to this host's proxy.

    One that a trusted proxy has leads here by way of it. What does not is a warning, or RefusedError where ``strict``.
    Without ``write`` (check mode) no token can be placed, and the names are only looked up.
    """
    report = Report()
    token = f"vsa-{secrets.token_hex(16)}"
    folder = paths.acme / ".well-known" / "acme-challenge"
    place = folder / token
    if write:
        folder.mkdir(parents=True, exist_ok=True)
        place.write_text(token, encoding="ascii")
    try:
        for name in site.names:
            found = _lookup(name)
            addresses = [(kind, address) for kind, those in found.items() for address in those]
            behind = [pair for pair in addresses if within(pair[1], site.trusted_proxies)]
            wrong = [
                f"{kind} {address}"
                for kind, address in addresses
                if write and (kind, address) not in behind and not _leads_here(address, name, token)
            ]
            good = [f"{kind} {address}" for kind, address in addresses if f"{kind} {address}" not in wrong]
            if not addresses:
                problem = f"{name} has no address in DNS"
            elif wrong:
                problem = f"{name}: {' and '.join(wrong)} {'do' if len(wrong) > 1 else 'does'} not lead to this host"
            else:
                words = f"{' and '.join(good)} {'lead' if len(good) > 1 else 'leads'} here"
                words += ", by a trusted proxy" if behind else ""
                report.facts.append(words if name == site.domain else f"{name}: {words}")
                continue
            if strict:
                raise RefusedError(
                    problem,
                    field="domain",
                    value=name,
                    expected="addresses of this host",
                    hint="correct the DNS records",
                )
            report.warnings.append(problem)
    finally:
        if write:
            place.unlink(missing_ok=True)
    return report
