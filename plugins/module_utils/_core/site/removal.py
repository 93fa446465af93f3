# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes with a site that is removed, and what never does: containers that others use, data that others mount.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ("Data", "Held", "Mount", "Verdict", "judge", "mentions", "own_data")

# The proxy is on every edge network, so it is nobody's peer.
_PROXY = "vsa-nginx"
_IN_USE = ("running", "restarting", "paused")
_NAME = r"[A-Za-z0-9_.-]"


@dataclass(frozen=True)
class Mount:
    """A volume (``name``, ``driver``) or a directory of the host (``source`` alone) at ``target`` in a container."""

    source: str
    name: str = ""
    driver: str = ""
    target: str = ""


@dataclass(frozen=True)
class Held:
    """A container as far as it matters here. ``shares_with`` is the container whose network it lives in."""

    name: str
    id: str
    image: str = ""
    status: str = "running"
    created: int = 0
    networks: tuple[str, ...] = ()
    shares_with: str = ""
    project: str = ""
    mounts: tuple[Mount, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """``going`` are the containers that may go; ``shared`` says of the others who shares them."""

    going: tuple[Held, ...] = ()
    shared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def judge(
    wanted: Iterable[str], containers: Sequence[Held], *, routed: Mapping[str, Sequence[str]], edge: str
) -> Verdict:
    """Decide which of the site's containers (``wanted``) may go.

    One stays that another manifest routes to (``routed``: its name to those manifests), that has a peer on a network
    other than ``edge`` or inside its own, or whose Compose project has other services in use. Containers that go
    together are no peers; one that stays is everybody's again.
    """
    names = set(wanted)
    shared: dict[str, tuple[str, ...]] = {}
    while True:
        going = [held for held in containers if held.name in names and held.name not in shared]
        leaving = {held.name for held in going}
        others = [held for held in containers if held.name not in leaving and held.name != _PROXY]
        found = {held.name: tuple(_reasons(held, others, routed, edge)) for held in going}
        stay = {name: reasons for name, reasons in found.items() if reasons}
        if not stay:
            return Verdict(tuple(sorted(going, key=lambda held: held.name)), dict(sorted(shared.items())))
        shared.update(stay)


def _reasons(held: Held, others: Sequence[Held], routed: Mapping[str, Sequence[str]], edge: str) -> Iterator[str]:
    yield from (f"{manifest} routes to it" for manifest in routed.get(held.name, ()))
    for network in held.networks:
        peers = sorted(other.name for other in others if network in other.networks)
        if peers and network not in (edge, "none"):
            yield f"{_listed(peers)} on its network {network}"
    inside = sorted(
        other.name
        for other in others
        if other.shares_with in (held.id, held.name) or held.shares_with in (other.id, other.name)
    )
    if inside:
        yield f"{_listed(inside)} in the same network namespace"
    project = sorted(
        other.name for other in others if held.project and other.project == held.project and other.status in _IN_USE
    )
    if project:
        yield f"{_listed(project)} of its Compose project {held.project}"


def _listed(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more} {'is' if len(names) == 1 else 'are'}"


def mentions(name: str, text: str, data: Any = None) -> bool:
    """Say whether a manifest that cannot be read as one may route to a container: its text or a value says the name.

    ``data`` is what YAML makes of it, where it makes something: there an escaped letter is a letter.
    """
    word = re.compile(rf"(?<!{_NAME}){re.escape(name)}(?!{_NAME})")
    # A text of two bytes a letter has a zero byte after each.
    return bool(word.search(text.replace("\0", ""))) or any(word.search(value) for value in _texts(data))


def _texts(data: Any, depth: int = 8) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping) and depth:
        for key, value in data.items():
            yield from _texts(key, depth - 1)
            yield from _texts(value, depth - 1)
    elif isinstance(data, (list, tuple, set)) and depth:
        for value in data:
            yield from _texts(value, depth - 1)


@dataclass(frozen=True)
class Data:
    """``volumes`` and ``places`` are a site's alone; ``refused`` says why what its containers mount besides stays."""

    volumes: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)


def own_data(mounts: Iterable[Mount], others: Sequence[Held]) -> Data:
    """Decide which of the mounts of containers that go are theirs alone; ``others`` are all other containers.

    A volume is, where no other container mounts it and it lies on this host. A directory is, where it lies below
    /srv/<tenant>/<app>, not of the tenant ``platform``, and no other container mounts it, a part of it or what it is a
    part of.
    """
    volumes, places, refused = set(), set(), {}
    for mount in mounts:
        key = mount.name or mount.source
        users = sorted({held.name for held in others if any(_overlap(mount, other) for other in held.mounts)})
        if users:
            refused[key] = f"{_listed(users).rpartition(' ')[0]} mounts it too"
        elif mount.name:
            if mount.driver == "local":
                volumes.add(mount.name)
            else:
                refused[key] = f"its driver is {mount.driver or 'not known'}, not local"
        elif why := _not_ours(mount.source):
            refused[key] = why
        else:
            places.add(mount.source)
    return Data(tuple(sorted(volumes)), tuple(sorted(places)), dict(sorted(refused.items())))


def _overlap(one: Mount, other: Mount) -> bool:
    if one.name or other.name:
        return one.name == other.name
    first, second = _parts(one.source), _parts(other.source)
    return first == second[: len(first)] or second == first[: len(second)]


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _not_ours(source: str) -> str | None:
    parts = _parts(source)
    if ".." in parts or not source.startswith("/") or parts[:1] != ["srv"] or len(parts) < 3:
        return "it is no directory below /srv/<tenant>/<app>"
    return "it is VSA's own" if parts[1] == "platform" else None
