# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find containers that claim the name of an upstream, before the proxy is switched to the upstream.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..._core.errors import RefusedError
from ..._core.finding import DOWN, Finding
from ..._core.proxy.claims import Claim, Member, Upstream, claims_among, claims_by_address, upstream_name
from ..machine.docker import FOLDER_LABEL, PROJECT_LABEL

if TYPE_CHECKING:
    from ..machine.docker import Container
    from .protocols import ProxyEngine, ProxyNginx

__all__ = ("claim_findings", "claimed_error", "find_claims", "member_of", "upstreams_of")


def upstreams_of(sites: Mapping[str, Mapping[str, Any]]) -> list[Upstream]:
    """Return the upstreams of sites, as the index of a generation has them."""
    return [
        Upstream(domain, container, str(entry["network"]))
        for domain, entry in sites.items()
        for container in entry["containers"]
    ]


def find_claims(engine: ProxyEngine, nginx: ProxyNginx, sites: Mapping[str, Mapping[str, Any]]) -> list[Claim]:
    """Return which upstreams of these sites a foreign container claims.

    Asks for the containers on the edge networks of these sites, and asks the DNS of the proxy for each name: a
    container of another network that the proxy joined may have the whole name as its alias.
    """
    upstreams = upstreams_of(sites)
    networks = sorted({upstream.network for upstream in upstreams})
    on: dict[str, list[Container]] = {network: engine.on_network(network) for network in networks}
    members = {network: [member_of(found, network) for found in containers] for network, containers in on.items()}
    claims = claims_among(upstreams, members)
    asked = nginx.addresses([upstream_name(upstream) for upstream in upstreams])
    answers = {upstream: asked.get(upstream_name(upstream), frozenset()) for upstream in upstreams}
    own = {upstream: _own(upstream, members[upstream.network]) for upstream in upstreams}
    strange = {upstream: found - own[upstream] for upstream, found in answers.items() if found - own[upstream]}
    if strange:
        claims += claims_by_address(strange, {}, _everybody(engine))
    return list(dict.fromkeys(claims))


def claim_findings(sites: Mapping[str, Mapping[str, Any]], containers: list[Container]) -> list[Finding]:
    """Return the live sites whose upstream has a name that a foreign container has too."""
    running = [container for container in containers if container.running]
    networks = {name for container in running for name in container.networks}
    members = {name: [member_of(entry, name) for entry in running if name in entry.networks] for name in networks}
    everybody: list[Member] = [member for there in members.values() for member in there]
    claims = claims_among(upstreams_of(sites), members, everybody=everybody)
    return [
        Finding("claimed-name", DOWN, claim.upstream.domain, str(claim), f"docker inspect {claim.by}, on the host")
        for claim in claims
    ]


def claimed_error(claims: list[Claim]) -> RefusedError:
    """Return the error that names each foreign container."""
    first = claims[0]
    return RefusedError(
        f"another container answers for the upstream of {first.upstream.domain}: {first.by}",
        field="container",
        value=first.upstream.container,
        expected=f"no other container with the name {upstream_name(first.upstream)} or {first.upstream.container}",
        details=[str(claim) for claim in claims],
        hint=f"docker inspect {first.by}",
    )


def member_of(container: Container, network: str) -> Member:
    """Return a container as the DNS of a network knows it."""
    end = container.networks.get(network)
    names = {container.name, container.hostname, *(end.aliases if end else ())} - {""}
    addresses = {end.address, end.address6} - {""} if end else set()
    project = container.labels.get(PROJECT_LABEL, "")
    origin = f"{project} {container.labels.get(FOLDER_LABEL, '')}" if project else ""
    return Member(container.name, frozenset(names), frozenset(addresses), origin)


def _own(upstream: Upstream, members: list[Member]) -> frozenset[str]:
    found: frozenset[str] = frozenset()
    for member in members:
        if member.name == upstream.container:
            found |= member.addresses
    return found


def _everybody(engine: ProxyEngine) -> list[Member]:
    """Return every running container once for each of its networks, to find the owner of an address."""
    running = engine.containers(everything=False)
    return [member_of(entry, network) for entry in running for network in entry.networks]
