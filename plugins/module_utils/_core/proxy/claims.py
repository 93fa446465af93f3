# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose container answers for the name of an upstream, ``<container>.<edge network>``.

Docker's DNS answers with any container that has the whole name as an alias, on any network that the proxy joined, and
with any container that has the first part as a name on the edge network itself.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..reserved import is_reserved

__all__ = ("Claim", "Member", "Upstream", "claims_among", "claims_by_address", "upstream_name")


@dataclass(frozen=True)
class Upstream:
    """A container of a site, and the edge network on which the proxy asks for it."""

    domain: str
    container: str
    network: str


@dataclass(frozen=True)
class Member:
    """A container on a network: the ``names`` by which the DNS answers with it there, and its ``addresses``.

    ``origin`` is its Compose project with the folder of that project; "" without Compose.
    """

    name: str
    names: frozenset[str]
    addresses: frozenset[str] = frozenset()
    origin: str = ""


@dataclass(frozen=True)
class Claim:
    """A foreign container, ``by``, that the proxy would reach instead of the upstream's own one."""

    upstream: Upstream
    by: str

    def __str__(self) -> str:
        return f"the name {upstream_name(self.upstream)} is also the one of the container {self.by}"


def upstream_name(upstream: Upstream) -> str:
    """Return the name for which NGINX asks."""
    return f"{upstream.container}.{upstream.network}"


def claims_among(
    upstreams: Iterable[Upstream], members: Mapping[str, Sequence[Member]], *, everybody: Sequence[Member] = ()
) -> list[Claim]:
    """Return the claims of containers on the edge networks of the upstreams; ``members`` are by network.

    ``everybody`` are containers of all networks: they claim an upstream by its whole name only. Containers of one
    Compose project are not foreign to each other.
    """
    found = []
    for upstream in upstreams:
        there = members.get(upstream.network, ())
        origins = {member.origin for member in there if member.name == upstream.container} - {""}
        # Docker's DNS ignores case.
        whole = upstream_name(upstream).lower()
        wanted = {upstream.container.lower(), whole}
        for member in there:
            foreign = member.name != upstream.container and member.origin not in origins
            if foreign and not is_reserved(member.name) and wanted & _lower(member.names):
                found.append(Claim(upstream, member.name))
        found += [Claim(upstream, member.name) for member in everybody if whole in _lower(member.names)]
    return list(dict.fromkeys(found))


def _lower(names: Iterable[str]) -> set[str]:
    return {name.lower() for name in names}


def claims_by_address(
    answers: Mapping[Upstream, frozenset[str]], own: Mapping[Upstream, frozenset[str]], members: Sequence[Member]
) -> list[Claim]:
    """Return the claims that the DNS of the proxy itself reveals: ``answers`` with addresses that are not the ``own``.

    ``members`` are all containers. An address that no container has is no claim: it came from the host's own DNS.
    """
    found = []
    for upstream, addresses in answers.items():
        for address in sorted(addresses - own.get(upstream, frozenset())):
            found += [Claim(upstream, member.name) for member in members if address in member.addresses]
    return found
