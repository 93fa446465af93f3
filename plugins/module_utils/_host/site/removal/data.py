# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data of a removed site: volumes and directories that belong to its containers alone. All else is refused.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ...._core.site.removal import ContainerInfo, Mount, own_data
from ...machine.docker_site import SiteEngine

_STACK = ("compose.yml", "compose.yaml", "docker-compose.yml", "docker-compose.yaml", "stack.yml")

__all__ = ("Purge", "carry_out", "plan_purge")


@dataclass(frozen=True)
class Purge:
    """The volumes and directories (``places``) that go. ``refused`` says of each other mount why it stays."""

    volumes: tuple[str, ...]
    places: tuple[str, ...]
    refused: dict[str, str]

    @property
    def words(self) -> list[str]:
        """Return what goes, for the operator."""
        return [*(f"volume {name}" for name in self.volumes), *self.places]


def _mount_points(proc: Path) -> list[str]:
    """Return the mount points of this host. Source: proc_pid_mountinfo(5), field 5; a space is written as \\040."""
    lines = (proc / "self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    return [line.split()[4].replace("\\040", " ") for line in lines]


def _why_unsafe(place: str, mounted: list[str]) -> str | None:
    """Return why a directory must not be removed, or None."""
    path = Path(place)
    if not path.is_symlink() and not path.exists():
        return None
    if os.path.realpath(place) != os.path.normpath(place):
        return f"it leads to {os.path.realpath(place)}"
    if stack := [name for name in _STACK if (path / name).exists()]:
        return f"it holds the stack itself: {stack[0]}"
    inside = [point for point in mounted if point == place or point.startswith(f"{place}/")]
    if inside:
        return f"{inside[0]} is mounted there"
    return None if path.is_dir() or path.is_file() else "it is neither a directory nor a file"


def plan_purge(
    engine: SiteEngine, mounts: Iterable[Mount], others: Iterable[ContainerInfo], *, proc: Path = Path("/proc")
) -> Purge:
    """Return which mounts of removed containers go. ``others`` are the containers that stay."""
    decided = own_data(mounts, tuple(others))
    refused = dict(decided.refused)
    volumes, places = [], []
    for name in decided.volumes:
        options = engine.volume(name)
        if options is None:
            continue
        if "device" in options:
            refused[name] = f"its data lie elsewhere: {options['device']}"
        else:
            volumes.append(name)
    mounted = _mount_points(proc) if decided.places else []
    for place in decided.places:
        why = _why_unsafe(place, mounted)
        if why:
            refused[place] = why
        elif Path(place).exists():
            places.append(place)
    return Purge(tuple(volumes), tuple(places), refused)


def carry_out(engine: SiteEngine, purge: Purge) -> None:
    """Remove the data, then the directories of the app and of the tenant if they are empty. VsaError or OSError."""
    for name in purge.volumes:
        engine.remove_volume(name)
    for place in purge.places:
        path = Path(place)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        for parent in path.parents:
            # /srv/<tenant> is the last that may go.
            if len(parent.parts) < 3 or os.listdir(parent):
                break
            parent.rmdir()
