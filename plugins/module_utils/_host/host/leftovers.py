# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies on a host and belongs to no site: certificates, logs, password files, edge networks.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re
from pathlib import Path

from ..._core.finding import WARNING, Finding
from ..._core.hints import Advice, Hint
from ..._core.networks import EDGE, edge_network, is_edge_network
from ..machine.docker import Engine
from ..store.access_logs import log_names
from ..store.host import Host
from ..store.lineages import read_lineages
from ..store.passwords import protected_on_disk

__all__ = ("leftover_files", "leftover_networks")

_LOG = re.compile(r"(?P<domain>.+\..+)\.(?:access|error)\.log(?:\.\d+)?(?:\.gz)?")


def leftover_files(host: Host) -> list[Finding]:
    """Return a finding for each domain without a site that still has a certificate, logs or password files."""
    known = {*host.manifests, *host.live.domains}
    logs = {match["domain"] for name in log_names(host.paths) if (match := _LOG.fullmatch(name))}
    options = {path.stem for path in host.paths.certs.glob("*.yml")}
    kinds = (
        ("orphan-lineage", read_lineages(host.paths).domains, "its certificate is renewed, and no site uses it"),
        ("orphan-cert-options", options, f"the options of its certificate are kept in {host.paths.certs}"),
        ("orphan-log", logs, f"its logs are kept in {host.paths.logs}, without a site"),
        (
            "orphan-passwords",
            set(protected_on_disk(host.paths)),
            f"its password files are kept in {host.paths.htpasswd}",
        ),
    )
    return [_leftover(name, domain, text) for name, domains, text in kinds for domain in sorted(domains - known)]


def _leftover(name: str, domain: str, text: str) -> Finding:
    """Return a finding whose remedy removes everything that the host still has of a domain."""
    return Finding(name, WARNING, domain, text, Advice("", Hint("site.unprovision", {"domain": domain})))


def leftover_networks(host: Host, engine: Engine) -> list[Finding]:
    """Return a finding for each edge network that no site, no tenant with a stack and no container uses."""
    used = {EDGE, *_stack_networks(host), *(str(entry.get("network")) for entry in host.index.values())}
    findings = []
    for name in sorted(engine.network_projects()):
        if not is_edge_network(name) or name in used:
            continue
        members = [member for member in engine.members(name) if member != "vsa-nginx"]
        if not members:
            text = "no site, no tenant with a stack and no container uses this network"
            findings.append(Finding("orphan-network", WARNING, name, text, f"docker network rm {name}, on the host"))
    return findings


def _stack_networks(host: Host) -> set[str]:
    """Return the edge networks of the tenants that have a folder below /srv: a stack that is down keeps its network."""
    try:
        return {edge_network(entry.name) for entry in Path(host.paths.root, "srv").iterdir()}
    except FileNotFoundError:
        return set()
