# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a stack a backup holds: its databases, its volumes, and the services that are stopped meanwhile.

What Compose says of the stack in, a frozen value out. Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import RefusedError
from ..policy import said_by_compose
from .declared import Backup

__all__ = ("BackupPlan", "plan_backup", "volume_names")

# Programs whose files are worth nothing if they are copied while the program writes them.
_DATABASES = ("postgres", "pgvector", "timescaledb", "mysql", "mariadb", "mongo")
_WHERE = "stack.yml/backup"


@dataclass(frozen=True)
class BackupPlan:
    """What a backup saves: ``volumes`` are names of volumes of the engine by their key in the Compose file.

    ``of_databases`` are the volumes that a restore leaves empty for the dumps. ``notes`` name what is left out,
    ``warnings`` what may be worth nothing.
    """

    databases: tuple[str, ...]
    volumes: Mapping[str, str]
    of_databases: Mapping[str, str]
    stop: tuple[str, ...]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def plan_backup(backup: Backup | None, config_text: str, *, profiled: Collection[str] = ()) -> BackupPlan:
    """Return what a backup of a stack saves. ``config_text`` is what Compose says of the stack, as it writes it.

    ``profiled`` are services of profiles: if its profile is off, a service has nothing to save. RefusedError if the
    stack has no such service or volume.
    """
    config = said_by_compose(config_text)
    services: Mapping[str, Any] = config.get("services") or {}
    wanted = _without(backup or Backup(), {name for name in profiled if name not in services})
    known = volume_names(config_text)
    _refuse_missing("databases", wanted.databases, services)
    _refuse_missing("stop", wanted.stop, services)
    _refuse_missing("volumes", wanted.volumes or (), known)
    of_databases = {key for name in wanted.databases for key in _mounted(services[name])}
    chosen = wanted.volumes
    if chosen is None:
        chosen = tuple(key for key in known if key not in of_databases)
    left_out = [key for key in known if key not in chosen and key not in of_databases]
    return BackupPlan(
        databases=wanted.databases,
        volumes={key: known[key] for key in chosen},
        of_databases={key: known[key] for key in known if key in of_databases},
        stop=wanted.stop,
        notes=tuple(f"the volume {key} is left out: stack.yml does not name it" for key in left_out),
        warnings=tuple(_warnings(wanted, services, chosen)),
    )


def _without(backup: Backup, off: Collection[str]) -> Backup:
    """Return the field without the services whose profile is off."""
    databases = tuple(name for name in backup.databases if name not in off)
    stop = tuple(name for name in backup.stop if name not in off)
    return dataclasses.replace(backup, databases=databases, stop=stop)


def volume_names(config_text: str) -> dict[str, str]:
    """Return the names of the stack's volumes by their key in the Compose file. Volumes of others are left out."""
    config = said_by_compose(config_text)
    volumes = config.get("volumes") or {}
    return {
        str(key): str((entry or {}).get("name") or key)
        for key, entry in volumes.items()
        if not (entry or {}).get("external")
    }


def _mounted(service: Mapping[str, Any] | None) -> list[str]:
    """Return the keys of the volumes that a service mounts."""
    mounts = (service or {}).get("volumes") or ()
    return [
        str(entry.get("source")) for entry in mounts if isinstance(entry, Mapping) and entry.get("type") == "volume"
    ]


def _refuse_missing(field: str, names: Collection[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise RefusedError(
                "the Compose file has no such name", field=f"{_WHERE}/{field}", value=name, there_are=sorted(known)
            )


def _warnings(wanted: Backup, services: Mapping[str, Any], volumes: Collection[str]) -> list[str]:
    found = []
    for name, entry in services.items():
        image = str((entry or {}).get("image") or "").rpartition("/")[2].partition(":")[0]
        safe = name in wanted.databases or name in wanted.stop
        if image in _DATABASES and not safe and set(_mounted(entry)) & set(volumes):
            found.append(
                f"{name} looks like a database, and its files are copied while it writes them: "
                "name it in databases or stop in stack.yml/backup"
            )
    return found
