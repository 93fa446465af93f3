# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of a stack its services mount, and whether a changed one needs a new container or is read again.

A file is replaced by rename, so a mounted file keeps its old text in a container that runs; and where the new text is
visible nobody tells the process. So the hash of its mounted files is a label of a service, and Compose recreates the
container whose label differs. Mappings are as ``docker compose config --format json`` writes them.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import RefusedError
from .entries import no_such_service
from .files import File, sha256_of
from .manifest import Reload

__all__ = ("LABEL", "Part", "is_labelled", "label_services", "mounted_parts", "read_again", "refuse_reloads")

LABEL = "vsa.files"
"""The label of a container with the hash of the stack's files that it mounts."""

Config = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """A file, config or secret of a service with its hash. ``mount`` is the place in the folder that is mounted."""

    mount: str
    name: str
    hash: str


def mounted_parts(
    config: Config, files: Mapping[str, File], variables: Mapping[str, str], *, folder: str
) -> dict[str, list[Part]]:
    """Return what of the stack's files, configs and secrets each service has, by service."""
    return {name: list(_parts(config, entry, files, variables, folder)) for name, entry in _services(config).items()}


def read_again(entry: Reload, parts: Mapping[str, list[Part]]) -> set[Part]:
    """Return what the service of an entry reads again."""
    return {part for part in parts.get(entry.service, ()) if entry.covers(entry.service, part.mount)}


def label_services(
    config: dict[str, Any], parts: Mapping[str, list[Part]], *, reload: tuple[Reload, ...]
) -> dict[str, Any]:
    """Add a hash over its mounted files to each service that has any, without those that the service reads again."""
    for name, found in parts.items():
        left = [part for part in found if not any(entry.covers(name, part.mount) for entry in reload)]
        if left:
            service = config["services"][name]
            service["labels"] = {**(service.get("labels") or {}), LABEL: _hash_of(left)}
    return config


def _hash_of(parts: Collection[Part]) -> str:
    pairs = sorted((part.name, part.hash) for part in parts)
    return hashlib.sha256(json.dumps(pairs).encode()).hexdigest()


def is_labelled(config: Config) -> bool:
    """Say whether a service has the hash of its mounted files."""
    return any(LABEL in (service.get("labels") or {}) for service in _services(config).values())


def refuse_reloads(
    config: Config,
    files: Mapping[str, File],
    *,
    folder: str,
    reload: tuple[Reload, ...],
    where: str,
    profiled: Collection[str] = (),
) -> None:
    """Raise RefusedError if a service cannot read a change again: there is no such service or mount, or it is a file.

    A container goes on with the file that it mounted, whatever took the file's name since. ``profiled`` are services of
    profiles, which may be off.
    """
    services = _services(config)
    for number, entry in enumerate(reload):
        if entry.service not in services and entry.service in profiled:
            continue
        field = f"{where}/{number}/service"
        if entry.service not in services:
            raise no_such_service(entry.service, services, field=field)
        sources = list(_sources(config, services[entry.service], folder))
        if entry.mount is not None and entry.mount not in sources:
            raise RefusedError(
                f"{entry.service} does not mount {entry.mount}",
                field=f"{where}/{number}/mount",
                value=entry.mount,
                there_are=sorted(set(sources)),
            )
        for source in sources:
            if source in files and entry.covers(entry.service, source):
                raise RefusedError(
                    f"{entry.service} mounts the single file {source}, and cannot read it again",
                    field=field,
                    value=entry.service,
                    expected="a mount of the directory, or no reload: then the container is recreated",
                )


def _services(config: Config) -> dict[str, Mapping[str, Any]]:
    return {str(name): entry or {} for name, entry in (config.get("services") or {}).items()}


def _sources(config: Config, service: Mapping[str, Any], folder: str) -> Iterator[str]:
    """Yield what a service mounts of the stack's folder, as paths below the folder; "" is the folder itself."""
    places = [str(mount.get("source") or "") for mount in service.get("volumes") or () if mount.get("type") == "bind"]
    places += [str(entry.get("file") or "") for _kind, entry in _entries(config, service)]
    for place in places:
        if place == folder:
            yield ""
        elif place.startswith(f"{folder}/"):
            yield place[len(folder) + 1 :]


def _entries(config: Config, service: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the configs and secrets of a service, as the file defines them."""
    for kind in ("configs", "secrets"):
        known = config.get(kind) or {}
        for used in service.get(kind) or ():
            source = used.get("source") if isinstance(used, Mapping) else used
            yield kind, known.get(source) or {}


def _parts(
    config: Config, service: Mapping[str, Any], files: Mapping[str, File], variables: Mapping[str, str], folder: str
) -> Iterator[Part]:
    for source in _sources(config, service, folder):
        for name, file in files.items():
            if source == "" or name == source or name.startswith(f"{source}/"):
                yield Part(source, name, sha256_of(file))
    for kind, entry in _entries(config, service):
        if "content" in entry:
            yield Part("", kind, sha256_of(str(entry["content"])))
        elif entry.get("environment"):
            name = str(entry["environment"])
            yield Part("", f"{kind} {name}", sha256_of(variables.get(name, "")))
