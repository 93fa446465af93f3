# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data of a removed site: volumes and directories that belong to its containers alone. All else is refused.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...._core.errors import RefusedError
from ...._core.site.removal import ContainerInfo, Mount, own_data
from ...machine.docker_site import SiteEngine
from ...machine.trash import discard, empty_trash
from ...machine.walk import Directory, Identity, identity_of, walk
from ...store.layout import Paths
from .claims import Claims, mount_points, read_claims

__all__ = ("Purge", "carry_out", "plan_purge")

_STACK = ("compose.yml", "compose.yaml", "docker-compose.yml", "docker-compose.yaml", "stack.yml")


@dataclass(frozen=True)
class Purge:
    """The volumes and directories (``places``) that go. ``refused`` says of each other mount why it stays.

    ``identities`` says what each place was when it was looked at; ``sizes`` are the bytes on disk of each of ``words``,
    if they were asked for.
    """

    volumes: tuple[str, ...]
    places: tuple[str, ...]
    refused: dict[str, str]
    identities: Mapping[str, Identity] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def words(self) -> list[str]:
        """Return what goes, for the operator."""
        return [*(f"volume {name}" for name in self.volumes), *self.places]


def plan_purge(
    engine: SiteEngine,
    mounts: Iterable[Mount],
    others: Iterable[ContainerInfo],
    *,
    paths: Paths,
    own: Iterable[str] = (),
    sizes: bool = False,
    proc: Path = Path("/proc"),
) -> Purge:
    """Return which mounts of removed containers go.

    ``others`` are the containers that stay, ``own`` the Compose projects of those that go. With ``sizes`` everything is
    measured, which takes as long as du(1).
    """
    mounts, others = tuple(mounts), tuple(others)
    srv = Path(paths.root, "srv")
    decided = own_data(mounts, others, srv=str(srv))
    if not decided.volumes and not decided.places:
        return Purge((), (), dict(decided.refused))
    claims = read_claims(
        engine, others, paths=paths, own_volumes={mount.name for mount in mounts}, own_projects=own, proc=proc
    )
    refused = dict(decided.refused)
    volumes = [name for name in decided.volumes if _volume_goes(engine, name, claims, refused)]
    identities: dict[str, Identity] = {}
    found_sizes = {f"volume {name}": _volume_size(engine, name) for name in volumes} if sizes else {}
    mounted = mount_points(proc) if decided.places else []
    for place in decided.places:
        name = str(Path(place).relative_to(srv))
        with walk(srv, make=0o755) as top:
            identity, why = _look(top, name, place, mounted)
            why = why or claims.on(place)
            if why:
                refused[place] = why
            elif identity is not None:
                identities[place] = identity
                if sizes:
                    found_sizes[place] = top.size(name)
    return Purge(tuple(volumes), tuple(identities), refused, identities, found_sizes)


def _volume_size(engine: SiteEngine, name: str) -> int:
    """Return the bytes on disk of a local volume, which lies where only root enters."""
    directory = engine.volume_directory(name)
    if directory is None:
        return 0
    try:
        with walk(Path(directory).parent) as parent:
            return parent.size(Path(directory).name)
    except FileNotFoundError:
        return 0


def _volume_goes(engine: SiteEngine, name: str, claims: Claims, refused: dict[str, str]) -> bool:
    """Say whether a volume goes; if it is there and stays, ``refused`` gets the reason."""
    options = engine.volume(name)
    if options is None:
        return False
    if "device" in options:
        refused[name] = f"its data lie elsewhere: {options['device']}"
    elif name in claims.volumes:
        refused[name] = claims.volumes[name]
    return name not in refused


def _look(top: Directory, name: str, place: str, mounted: list[str]) -> tuple[Identity | None, str | None]:
    """Return what lies at a place, None if nothing does, and why it must not be removed, None if it may."""
    try:
        state = top.state(name)
        stack = [each for each in _STACK if state is not None and _has(top, name, each)]
    except RefusedError as error:
        return None, error.message
    if state is None:
        return None, None
    inside = [point for point in mounted if point == place or point.startswith(f"{place}/")]
    why = None
    if stat.S_ISLNK(state.st_mode):
        why = "it is a link"
    elif not stat.S_ISDIR(state.st_mode) and not stat.S_ISREG(state.st_mode):
        why = "it is neither a directory nor a file"
    elif stack:
        why = f"it holds the stack itself: {stack[0]}"
    elif inside:
        why = f"{inside[0]} is mounted there"
    return identity_of(state), why


def _has(top: Directory, name: str, file: str) -> bool:
    return top.is_directory(name) and top.state(f"{name}/{file}") is not None


def carry_out(engine: SiteEngine, purge: Purge, paths: Paths) -> None:
    """Remove the data, then the directories of the app and of the tenant if they are empty. VsaError or OSError."""
    for name in purge.volumes:
        engine.remove_volume(name)
    srv = Path(paths.root, "srv")
    with walk(srv, make=0o755) as top:
        for place in purge.places:
            path = Path(place).relative_to(srv)
            discard(top, str(path), purge.identities[place])
            # /srv/<tenant> is the last that may go, and only what is empty goes.
            for parent in path.parents[:-1]:
                if not top.rmdir(str(parent)):
                    break
        empty_trash(top)
