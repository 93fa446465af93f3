# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`stack up` and PostgreSQL: refuse a major version that does not read the data that are there.

The containers can write the data, so nothing follows a link there: a volume is read by the engine, which looks at it
from inside a container that never starts, and a directory of the stack's folder by descriptors.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path

from ..._core.stack.postgres import VERSION_FILE, Cluster, clusters, refuse_other_major, written_major
from ..machine.docker_stack import StackEngine
from .folder import Folder

__all__ = ("refuse_other_postgres",)


def refuse_other_postgres(said: str, *, folder: Folder, engine: StackEngine) -> list[str]:
    """Return notes about data that could not be looked at. ``said`` is what Compose says of the new version.

    RefusedError if an image of PostgreSQL is of another major version than the data that it would get.
    """
    notes = []
    for cluster in clusters(said):
        files = _in_folder(cluster, folder) if cluster.bound else _in_volume(cluster, engine)
        if files is None:
            notes.append(f"the data of {cluster.service} could not be looked at: no image of it is on this host")
            continue
        written = (written_major(files.get(_version_file(place))) for place in cluster.places)
        found = next((major for major in written if major is not None), None)
        if found is not None:
            refuse_other_major(cluster, found)
    return notes


def _version_file(place: str) -> str:
    return posixpath.join(place, VERSION_FILE)


def _in_folder(cluster: Cluster, folder: Folder) -> Mapping[str, bytes]:
    """Return the version files below a directory of the stack's folder. A directory elsewhere is not looked at."""
    inside = posixpath.relpath(cluster.source, folder.path)
    if inside.startswith(".."):
        return {}
    found = {}
    for place in cluster.places:
        content = folder.content(str(Path(inside, place, VERSION_FILE)))
        if content is not None:
            found[_version_file(place)] = content
    return found


def _in_volume(cluster: Cluster, engine: StackEngine) -> Mapping[str, bytes] | None:
    """Return the version files in a volume; None if no image to look from is on the host. A new volume has no files."""
    if cluster.source not in engine.volume_projects():
        return {}
    mounting = [found.image_id for found in engine.containers() if cluster.source in found.volumes]
    for image in (cluster.image, *mounting):
        if engine.image_id(image) is not None:
            return engine.files_in_volume(cluster.source, map(_version_file, cluster.places), image=image)
    return None
