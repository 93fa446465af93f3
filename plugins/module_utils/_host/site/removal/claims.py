# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who else uses a directory, under whatever name: compared by device and inode, not by path.

Asked are the containers (running or not), the volumes that lead to a directory of the host, and the stacks of the host
(also those that are down). It only looks: what is deleted is compared again after it was moved (machine/trash.py).
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ...._core.errors import RefusedError
from ...._core.site.removal import ContainerInfo
from ...._core.stack.compose import COMPOSE, Sources, sources
from ...._core.stack.env import parse_env
from ...machine.docker_site import SiteEngine
from ...machine.files import load_yaml
from ...machine.walk import Identity, identity_of
from ...store.layout import Paths
from ...store.stacks import StackState, known_stacks

__all__ = ("Claims", "chain_of", "mount_points", "read_claims")

_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass
class Claims:
    """Who uses which directory, and which stack uses which volume.

    A directory is known by a chain: its own identity first, then those of the directories above it.
    """

    directories: list[tuple[str, tuple[Identity, ...]]] = field(default_factory=list)
    volumes: dict[str, str] = field(default_factory=dict)

    def add(self, words: str, chain: tuple[Identity, ...]) -> None:
        """Add a user of a directory; ``words`` are why the directory stays."""
        if chain:
            self.directories.append((words, chain))

    def on(self, place: str) -> str | None:
        """Return why a directory stays: somebody uses it, a directory in it, or one that it is in. None if nobody."""
        chain = chain_of(place)
        for words, other in self.directories:
            if chain and (chain[0] in other or other[0] in chain):
                return words
        return None


def chain_of(path: str | Path) -> tuple[Identity, ...]:
    """Return the identities of what a path leads to and of the directories above it; empty if nothing is there."""
    real = Path(os.path.realpath(path))
    found = []
    for each in (real, *real.parents):
        try:
            identity = identity_of(each.stat())
        except OSError:
            return ()
        if identity is not None:
            found.append(identity)
    # The root is above everything.
    return tuple(found[:-1])


def mount_points(proc: Path) -> list[str]:
    """Return the mount points of this host. Source: proc_pid_mountinfo(5), field 5.

    The owner of a directory above a mount can give the directory any name. The kernel writes a blank, a newline and a
    backslash as three octal digits, and nothing else ends a line or a field.
    """
    lines = (proc / "self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    places = [line.split(" ")[4] for line in lines if line]
    return [_OCTAL.sub(lambda found: chr(int(found[1], 8)), place) for place in places]


def read_claims(
    engine: SiteEngine,
    others: Iterable[ContainerInfo],
    *,
    paths: Paths,
    own_volumes: set[str],
    own_projects: Iterable[str],
    proc: Path,
) -> Claims:
    """Return what the containers that stay, the volumes, and the stacks that stay use."""
    claims = Claims()
    for info in others:
        for chain in _container_chains(engine, info, proc):
            claims.add(f"the container {info.name} mounts it too", chain)
    for name, options in sorted(engine.volumes().items()):
        device = options.get("device", "")
        if device.startswith("/") and name not in own_volumes:
            claims.add(f"the volume {name} leads to it", chain_of(device))
    own = set(own_projects)
    for tenant, name in known_stacks(paths):
        if StackState(paths, tenant, name).project() not in own:
            _add_stack(claims, paths, tenant, name)
    return claims


def _container_chains(engine: SiteEngine, info: ContainerInfo, proc: Path) -> Iterator[tuple[Identity, ...]]:
    """Yield the directories that a container mounts: by their paths, and of a running one also what is really mounted.

    Both differ if somebody renamed the directory since the container started.
    """
    binds = [mount for mount in info.mounts if not mount.name]
    for mount in binds:
        yield chain_of(mount.source)
    if not binds or info.status != "running":
        return
    found = engine.container(info.name)
    if found is None or not found.pid:
        return
    for mount in binds:
        with suppress(OSError):
            state = os.stat(f"{proc}/{found.pid}/root{mount.target}")
            yield tuple(filter(None, [identity_of(state)]))


def _add_stack(claims: Claims, paths: Paths, tenant: str, name: str) -> None:
    words = f"the stack {tenant}/{name} uses it"
    folder = Path(paths.root, "srv", tenant, name)
    state = StackState(paths, tenant, name)
    found = _stack_sources(state, folder, state.project())
    for place in (str(folder), *found.places):
        claims.add(words, chain_of(place))
    claims.volumes.update(dict.fromkeys(found.volumes, words))


def _stack_sources(state: StackState, folder: Path, project: str) -> Sources:
    """Return what the containers of a stack mount. Its Compose file may be damaged: then only its folder is known."""
    version = state.version()
    if version is None:
        return Sources()
    text = version.config or version.text(COMPOSE)
    try:
        data = load_yaml(text, where=COMPOSE)
    except RefusedError:
        return Sources()
    return sources(data, parse_env(version.env), folder=str(folder), project=project)
