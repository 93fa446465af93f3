# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only the removal of a site needs of the engine: container info, what a container wrote, and removals.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..._core.site.removal import ContainerInfo, Mount
from .docker import FOLDER_LABEL, PROJECT_LABEL, Engine

__all__ = ("SiteEngine", "Written")

_LONGEST_FOLDER = 200  # letters; the label may say anything


@dataclass(frozen=True)
class Written:
    """The writable layer of a container: its bytes, the number of its paths, and the first of these paths."""

    bytes: int
    count: int
    paths: tuple[str, ...]


def _container_info(entry: Mapping[str, Any]) -> ContainerInfo:
    mode = str((entry.get("HostConfig") or {}).get("NetworkMode") or "")
    labels = entry.get("Labels") or {}
    # A container has one name of its own. The names with a second slash are old links to it.
    own = [name.lstrip("/") for name in entry.get("Names") or () if name.count("/") == 1]
    return ContainerInfo(
        name=own[0] if own else entry["Id"],
        id=entry["Id"],
        image=str(entry.get("Image") or ""),
        status=str(entry.get("State") or ""),
        created=int(entry.get("Created") or 0),
        networks=tuple(sorted((entry.get("NetworkSettings") or {}).get("Networks") or {})),
        shares_with=mode.partition("container:")[2],
        project=str(labels.get(PROJECT_LABEL) or ""),
        folder=str(labels.get(FOLDER_LABEL) or "")[:_LONGEST_FOLDER],
        mounts=tuple(
            Mount(
                source=str(mount.get("Source") or ""),
                name=str(mount.get("Name") or "") if mount.get("Type") == "volume" else "",
                driver=str(mount.get("Driver") or ""),
                target=str(mount.get("Destination") or ""),
            )
            for mount in entry.get("Mounts") or ()
            if mount.get("Type") in ("volume", "bind")
        ),
    )


class SiteEngine(Engine):
    """The engine with the calls that only the removal of a site needs."""

    def container_infos(self) -> list[ContainerInfo]:
        """Return every container of the host, also the stopped ones, in one call."""
        with self._translated("list containers"):
            return [_container_info(entry) for entry in self._api.containers(all=True)]

    def written(self, container: ContainerInfo, *, most: int = 3) -> Written:
        """Return what a container wrote outside of its volumes. It is lost with the container."""
        with self._translated(f"look into the container {container.name}"):
            try:
                found = self._api.containers(all=True, size=True, filters={"id": container.id})
                changes = self._api.diff(container.id) or []
            except self._errors.NotFound:
                return Written(0, 0, ())
        # Kind 2 is a deleted path. A directory above a changed path is listed too, and so is the target of a mount;
        # both are left out.
        paths = sorted(entry["Path"] for entry in changes if entry.get("Kind") != 2)
        parents = {posixpath.dirname(path) for path in paths}
        parents |= {mount.target.rstrip("/") for mount in container.mounts}
        leaves = [path for path in paths if path not in parents]
        return Written(int(found[0].get("SizeRw") or 0) if found else 0, len(leaves), tuple(leaves[:most]))

    def remove_container(self, identity: str) -> None:
        """Stop a container, with the time that it asks for, and remove it. Its volumes stay. No error if it is gone."""
        with self._translated(f"remove the container {identity[:12]}"), self._patient(900):
            try:
                self._api.stop(identity)
                self._api.remove_container(identity, v=False, force=True)
            except self._errors.NotFound:
                return

    def volume(self, name: str) -> dict[str, str] | None:
        """Return the options of a volume, None if there is no such volume. ``device`` names data that are elsewhere."""
        with self._translated(f"inspect the volume {name}"):
            try:
                return dict(self._api.inspect_volume(name).get("Options") or {})
            except self._errors.NotFound:
                return None

    def volume_directory(self, name: str) -> str | None:
        """Return the directory of a local volume, None if there is no such volume."""
        with self._translated(f"inspect the volume {name}"):
            try:
                return str(self._api.inspect_volume(name).get("Mountpoint") or "") or None
            except self._errors.NotFound:
                return None

    def volumes(self) -> dict[str, dict[str, str]]:
        """Return the options of every volume of the host, by name."""
        with self._translated("list volumes"):
            entries = self._api.volumes().get("Volumes") or []
        return {str(entry["Name"]): dict(entry.get("Options") or {}) for entry in entries}

    def remove_volume(self, name: str) -> None:
        """Remove a volume that no container mounts. No error if it is gone."""
        with self._translated(f"remove the volume {name}"), self._patient(900):
            try:
                self._api.remove_volume(name)
            except self._errors.NotFound:
                return

    def project_networks(self, project: str) -> list[str]:
        """Return the networks that Compose made for a project."""
        with self._translated("list networks"):
            found = self._api.networks(filters={"label": [f"{PROJECT_LABEL}={project}"]})
        return sorted(entry["Name"] for entry in found)
