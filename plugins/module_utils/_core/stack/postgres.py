# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PostgreSQL services of a stack: where their data lie, and which major version an image is.

A server of one major version does not read the data of another one. Values in, values out; files are read elsewhere.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import RefusedError
from .policy import said_by_compose

__all__ = ("VERSION_FILE", "Cluster", "clusters", "major_of", "refuse_other_major", "written_major")

VERSION_FILE = "PG_VERSION"
"""The file in which PostgreSQL writes the major version of its data."""

# pgvector/pgvector:0.8.6-pg17, timescale/timescaledb:2.21.0-pg17
_IN_TAG = re.compile(r"(?:^|[-_.])pg(\d{1,2})(?!\d)")
_LEADING = re.compile(r"(\d{1,2})(?!\d)")
# Repositories whose tags begin with the version of PostgreSQL.
_NAMES = ("postgres", "postgresql", "postgis")
_WRITTEN = re.compile(r"(\d{1,2})(?:\.\d+)?\s*")
# Where the images keep their data. From this version on, the directory has the version in its name.
# Source: https://github.com/docker-library/postgres/pull/1259
_HOME = "/var/lib/postgresql"
_FIRST_WITH_VERSION = 18


@dataclass(frozen=True)
class Cluster:
    """The data of a PostgreSQL service, in a volume or in a directory of the host.

    ``source`` is the name of the volume, or the directory if it is ``bound``. ``places`` are the paths below it where
    the data may lie, those of this version first.
    """

    service: str
    image: str
    major: int
    source: str
    bound: bool
    places: tuple[str, ...]


def major_of(image: str) -> int | None:
    """Return the major version of PostgreSQL that an image has by its name and tag, None if they do not say."""
    name, _colon, tag = image.partition("@")[0].rpartition("/")[2].partition(":")
    found = _LEADING.match(tag) if name in _NAMES else _IN_TAG.search(tag)
    return int(found[1]) if found else None


def clusters(text: str) -> list[Cluster]:
    """Return the data of the PostgreSQL services. ``text`` is what Compose says of the stack."""
    config = said_by_compose(text)
    volumes = config.get("volumes") or {}
    services = config.get("services") or {}
    return [cluster for name in sorted(services) for cluster in _clusters_of(name, services[name] or {}, volumes)]


def _clusters_of(name: str, entry: Mapping[str, Any], volumes: Mapping[str, Any]) -> Iterator[Cluster]:
    image = str(entry.get("image") or "")
    major = None if entry.get("build") else major_of(image)
    if major is None:
        return
    environment = entry.get("environment") or {}
    data = str(environment.get("PGDATA") or _usual_place(major))
    for mount in entry.get("volumes") or ():
        target, source = str(mount.get("target") or ""), str(mount.get("source") or "")
        places = tuple(dict.fromkeys(_places(target, data, major)))
        if mount.get("type") not in ("volume", "bind") or not source or not places:
            continue
        bound = mount["type"] == "bind"
        named = source if bound else str((volumes.get(source) or {}).get("name") or source)
        yield Cluster(name, image, major, named, bound, places)


def _usual_place(major: int) -> str:
    return f"{_HOME}/data" if major < _FIRST_WITH_VERSION else f"{_HOME}/{major}/docker"


def _places(target: str, data: str, major: int) -> Iterator[str]:
    """Yield the paths below a mount where data of PostgreSQL may lie; nothing if it is no place for them."""
    versions = range(max(major, _FIRST_WITH_VERSION), _FIRST_WITH_VERSION - 1, -1)
    usual = [f"{_HOME}/data", f"{_HOME}/data/pgdata", *(f"{_HOME}/{number}/docker" for number in versions)]
    for place in (data, *usual):
        relative = posixpath.relpath(place, target) if target.startswith("/") else ".."
        if relative == ".." or relative.startswith("../"):
            continue
        yield "" if relative == "." else relative


def written_major(content: bytes | None) -> int | None:
    """Return the major version in the file PG_VERSION. None if there is no file, or something else in it."""
    found = _WRITTEN.fullmatch((content or b"")[:16].decode("ascii", "replace"))
    return int(found[1]) if found else None


def refuse_other_major(cluster: Cluster, found: int) -> None:
    """Raise RefusedError if the data are of another major version than the image."""
    if found == cluster.major:
        return
    where = f"the directory {cluster.source}" if cluster.bound else f"the volume {cluster.source}"
    raise RefusedError(
        f"{where} has data of PostgreSQL {found}, which the image {cluster.image} cannot read",
        field=f"compose.yml/services/{cluster.service}/image",
        value=cluster.image,
        expected=f"an image of PostgreSQL {found}",
        hint="a new major version is a dump and a restore: back up with the old image, and restore into a new volume",
    )
