# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose the host of a verb about a domain, from what each host of the play says about the domain.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import EXIT_UNREACHABLE, RefusedError, UsageError, VsaError
from ..hints import Hint

__all__ = ("Place", "choose_host")

_MOST_NAMED = 20


@dataclass(frozen=True)
class Place:
    """What one host says about a domain.

    * ``site``: the domain, or another name of a site, has a manifest or is live there.
    * ``remains``: what is left there of a domain without a site: a certificate, users, a removal that was cut off.
    * ``near``: domains of the host that are spelled nearly the same.
    """

    site: bool = False
    remains: tuple[str, ...] = ()
    near: tuple[str, ...] = ()

    def as_mapping(self) -> dict[str, object]:
        """Return the place as a module returns it."""
        return {"site": self.site, "remains": list(self.remains), "near": list(self.near)}

    @classmethod
    def from_mapping(cls, data: object) -> Place | None:
        """Return the place that a module returned; None if the data is anything else."""
        if not isinstance(data, Mapping) or "site" not in data:
            return None
        remains, near = (tuple(map(str, data.get(key) or ())) for key in ("remains", "near"))
        return cls(bool(data["site"]), remains, near)


def choose_host(domain: str, places: Mapping[str, Place | None], *, makes: bool) -> str:
    """Return the one host that has a domain. ``places`` has None for a host that could not be asked.

    ``makes`` says that the verb makes a site that no host has: such a verb is not guessed a host by what remains.
    VsaError if a host could not be asked, UsageError if several hosts have the domain or a new site needs a host,
    RefusedError if no host has the domain.
    """
    having = [host for host, place in places.items() if place is not None and place.site]
    if not having and not makes:
        having = [host for host, place in places.items() if place is not None and place.remains]
    silent = [host for host, place in places.items() if place is None]
    if silent:
        raise _silent_hosts(domain, silent, having)
    if len(having) > 1:
        raise UsageError(
            f"{domain} is on several hosts: {', '.join(having[:_MOST_NAMED])}",
            field="limit",
            value="(not given)",
            expected="the host to act on",
            there_are=having[:_MOST_NAMED],
            hint=_same_with(having),
        )
    if having:
        return having[0]
    if makes:
        hosts = list(places)
        raise UsageError(
            f"no host of the inventory has {domain} yet, so a new site needs a host",
            field="limit",
            value="(not given)",
            expected="one host",
            there_are=hosts[:_MOST_NAMED],
            hint=_same_with(hosts),
        )
    raise _nowhere(domain, places)


def _silent_hosts(domain: str, silent: list[str], having: list[str]) -> VsaError:
    """Return the error for hosts that may have the domain and could not be asked."""
    names = ", ".join(silent[:_MOST_NAMED])
    found = f"{', '.join(having)} has it" if having else "no other host has it"
    return VsaError(
        f"{names} could not be asked whether {domain} is there; {found}",
        field="limit",
        value="(not given)",
        expected="the host to act on",
        there_are=having,
        hint=_same_with(having or silent),
        exit_code=EXIT_UNREACHABLE,
    )


def _nowhere(domain: str, places: Mapping[str, Place | None]) -> RefusedError:
    near = [f"{name} on {host}" for host, place in places.items() if place is not None for name in place.near]
    return RefusedError(
        f"no host of the inventory has {domain}",
        field="domain",
        value=domain,
        expected="a domain that one of the hosts has",
        there_are=near[:_MOST_NAMED],
        hint=Hint("site.list"),
    )


def _same_with(hosts: list[str]) -> str:
    return "the same with " + ", or ".join(f"--limit {host}" for host in hosts[:3])
