# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which containers and which data go with a removed site. Containers and data that others use always stay.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ("ContainerInfo", "Decision", "Mount", "OwnData", "decide", "mentions", "origin", "own_data")

# The proxy is on every edge network, so no container shares anything with it.
_PROXY = "vsa-nginx"
_IN_USE = ("running", "restarting", "paused")
_NAME = r"[A-Za-z0-9_.-]"
_MOST_LISTED = 3


@dataclass(frozen=True)
class Mount:
    """A mount at ``target`` in a container.

    A volume has ``name`` and ``driver``. A directory of the host has its path in ``source`` and no name.
    """

    source: str
    name: str = ""
    driver: str = ""
    target: str = ""


@dataclass(frozen=True)
class ContainerInfo:
    """What matters about a container here. ``shares_with`` is the container whose network namespace it lives in.

    ``project`` is its Compose project, and ``folder`` the directory from which Compose started that project.
    """

    name: str
    id: str
    image: str = ""
    status: str = "running"
    created: int = 0
    networks: tuple[str, ...] = ()
    shares_with: str = ""
    project: str = ""
    folder: str = ""
    mounts: tuple[Mount, ...] = ()


def origin(info: ContainerInfo) -> str:
    """Return what started a container, in words: its Compose project and the project's folder, or ``docker run``."""
    if not info.project:
        return "docker run"
    place = f" in {info.folder}" if info.folder else ""
    return f"Compose project {info.project}{place}"


@dataclass(frozen=True)
class Decision:
    """The containers that go, and for each container that stays the reasons why it is shared."""

    going: tuple[ContainerInfo, ...] = ()
    shared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def decide(
    names: Iterable[str], containers: Sequence[ContainerInfo], *, routed: Mapping[str, Sequence[str]], edge: str
) -> Decision:
    """Decide which containers of a site may go. ``containers`` are all of the host, ``edge`` is the site's network.

    A container stays in three cases:

    * another manifest routes to it (``routed`` maps its name to those manifests);
    * another container is on one of its networks other than ``edge``, or in its network namespace;
    * other services of its Compose project are in use.

    Two containers that go together do not keep each other. One that stays keeps the other, so the decision is made
    again until nothing changes.
    """
    candidates = set(names)
    shared: dict[str, tuple[str, ...]] = {}
    while True:
        going = [info for info in containers if info.name in candidates and info.name not in shared]
        leaving = {info.name for info in going}
        others = [info for info in containers if info.name not in leaving and info.name != _PROXY]
        staying = {}
        for info in going:
            reasons = tuple(_reasons(info, others, routed, edge))
            if reasons:
                staying[info.name] = reasons
        if not staying:
            return Decision(tuple(sorted(going, key=lambda info: info.name)), dict(sorted(shared.items())))
        shared.update(staying)


def _reasons(
    info: ContainerInfo, others: Sequence[ContainerInfo], routed: Mapping[str, Sequence[str]], edge: str
) -> Iterator[str]:
    """Yield each reason why a container is shared."""
    for manifest in routed.get(info.name, ()):
        yield f"{manifest} routes to it"
    for network in info.networks:
        if network in (edge, "none"):
            continue
        if peers := _names(other for other in others if network in other.networks):
            yield f"{_listed(peers)} on its network {network}"
    if inside := _names(other for other in others if _same_namespace(info, other)):
        yield f"{_listed(inside)} in the same network namespace"
    if project := _names(other for other in others if _same_project(info, other)):
        yield f"{_listed(project)} of its Compose project {info.project}"


def _same_namespace(one: ContainerInfo, other: ContainerInfo) -> bool:
    return other.shares_with in (one.id, one.name) or one.shares_with in (other.id, other.name)


def _same_project(one: ContainerInfo, other: ContainerInfo) -> bool:
    return bool(one.project) and other.project == one.project and other.status in _IN_USE


def _names(containers: Iterable[ContainerInfo]) -> list[str]:
    return sorted(info.name for info in containers)


def _listed(names: Sequence[str]) -> str:
    text = ", ".join(names[:_MOST_LISTED])
    if len(names) > _MOST_LISTED:
        text += f" and {len(names) - _MOST_LISTED} more"
    return f"{text} is" if len(names) == 1 else f"{text} are"


def mentions(name: str, text: str, data: Any = None) -> bool:
    """Say whether an invalid manifest may route to a container: its text or one of its values contains the name.

    ``data`` is the parsed YAML, if it could be parsed: there an escaped letter is a letter.
    """
    word = re.compile(rf"(?<!{_NAME}){re.escape(name)}(?!{_NAME})")
    # In UTF-16 each ASCII letter has a zero byte beside it.
    if word.search(text.replace("\0", "")):
        return True
    return any(word.search(value) for value in _texts(data))


def _texts(data: Any, depth: int = 8) -> Iterator[str]:
    """Yield every text in parsed YAML."""
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
class OwnData:
    """``volumes`` and ``places`` belong to the removed site alone. ``refused`` says why each other mount stays."""

    volumes: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)


def own_data(mounts: Iterable[Mount], others: Sequence[ContainerInfo], *, srv: str = "/srv") -> OwnData:
    """Decide which mounts of removed containers belong to them alone. ``others`` are all other containers.

    A volume does if no other container mounts it and its driver is local. A directory does if it is below
    /srv/<tenant>/<app> (``srv`` is /srv), its tenant is not ``platform``, and no other container mounts it, a part of
    it, or a directory above it. This compares paths; _host compares what the paths lead to as well.
    """
    volumes, places, refused = set(), set(), {}
    for mount in mounts:
        key = mount.name or mount.source
        why = _why_not_own(mount, others, srv)
        if why:
            refused[key] = why
        elif mount.name:
            volumes.add(mount.name)
        else:
            places.add(mount.source)
    return OwnData(tuple(sorted(volumes)), tuple(sorted(places)), dict(sorted(refused.items())))


def _why_not_own(mount: Mount, others: Sequence[ContainerInfo], srv: str) -> str | None:
    """Return why a mount stays, or None if it belongs to the removed containers alone."""
    users = _names(info for info in others if any(_overlap(mount, other) for other in info.mounts))
    if users:
        return f"{_listed(users).rpartition(' ')[0]} mounts it too"
    if mount.name:
        return None if mount.driver == "local" else f"its driver is {mount.driver or 'not known'}, not local"
    return _why_not_ours(mount.source, srv)


def _overlap(one: Mount, other: Mount) -> bool:
    """Say whether two mounts are the same volume, or directories of which one contains the other."""
    if one.name or other.name:
        return one.name == other.name
    first, second = _parts(one.source), _parts(other.source)
    return first == second[: len(first)] or second == first[: len(second)]


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _why_not_ours(source: str, srv: str) -> str | None:
    """Return why a directory is not one of an app's, or None."""
    parts, top = _parts(source), _parts(srv)
    below = parts[len(top) :]
    if ".." in parts or not source.startswith("/") or parts[: len(top)] != top or len(below) < 2:
        return "it is no directory below /srv/<tenant>/<app>"
    return "it is VSA's own" if below[0] == "platform" else None
