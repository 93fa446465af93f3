# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes with a stack that is taken down: which sites are its own, and which volumes.

Values in, values out; engine, manifests and generations are read elsewhere.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

__all__ = ("StackSites", "StackVolumes", "Volume", "choose_sites", "choose_volumes", "size_words")


@dataclass(frozen=True)
class StackSites:
    """The sites that need a stack: ``whole`` need nothing else, ``shared`` have containers of others too."""

    whole: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()


def choose_sites(sites: Mapping[str, Collection[str]], containers: Collection[str]) -> StackSites:
    """Return the sites that need one of the ``containers``. ``sites`` are the containers of each site by domain."""
    mine = set(containers)
    needing = sorted(domain for domain, needed in sites.items() if mine.intersection(needed))
    whole = tuple(domain for domain in needing if mine.issuperset(sites[domain]))
    return StackSites(whole, tuple(domain for domain in needing if domain not in whole))


@dataclass(frozen=True)
class Volume:
    """A volume of the engine.

    ``project`` is the Compose project that made it, "" if Compose did not. ``anonymous``: the engine made it for one
    container, and chose the name. ``size`` is in bytes, None if the engine does not say. ``directory`` has the data, ""
    if the data lie elsewhere.
    """

    name: str
    project: str = ""
    anonymous: bool = False
    size: int | None = None
    directory: str = ""


@dataclass(frozen=True)
class StackVolumes:
    """The volumes to delete, and the volumes of the stack that stay, each with the other containers that mount it."""

    own: tuple[Volume, ...] = ()
    in_use: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def choose_volumes(
    volumes: Iterable[Volume], *, project: str, mounts: Mapping[str, Collection[str]], own: Collection[str]
) -> StackVolumes:
    """Return the volumes that go with a stack.

    They are those that Compose made for its ``project``, and the anonymous ones that its ``own`` containers mount.
    ``mounts`` are the volumes of each container by name. A volume that another container mounts stays.
    """
    mine: list[Volume] = []
    in_use: dict[str, tuple[str, ...]] = {}
    for volume in volumes:
        users = {container for container, mounted in mounts.items() if volume.name in mounted}
        if volume.project != project and not (volume.anonymous and users.intersection(own)):
            continue
        others = tuple(sorted(users.difference(own)))
        if others:
            in_use[volume.name] = others
        else:
            mine.append(volume)
    return StackVolumes(tuple(sorted(mine, key=lambda volume: volume.name)), in_use)


def size_words(size: int | None) -> str:
    """Return a number of bytes for a reader: ``12 MiB``."""
    if size is None:
        return "size not known"
    units = ("B", "KiB", "MiB", "GiB", "TiB")
    power = min(max(size.bit_length() - 1, 0) // 10, len(units) - 1)
    return f"{size >> (10 * power)} {units[power]}"
