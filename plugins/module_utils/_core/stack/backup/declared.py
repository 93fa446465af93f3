# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The field ``backup`` of stack.yml: what of a stack a backup holds, and what is stopped meanwhile.

A value in, a frozen value out. Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import RefusedError

__all__ = ("Backup", "parse_backup")

_SERVICE = re.compile(r"[A-Za-z0-9._-]{1,100}")
# The key of a volume in a Compose file. Source: the schema of the Compose specification, volumes.
_VOLUME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_FIELDS = ("databases", "volumes", "stop")


@dataclass(frozen=True)
class Backup:
    """What a backup of a stack holds besides its files.

    * ``databases``: services of PostgreSQL, each of which is saved as a dump by its own client.
    * ``volumes``: volumes of the Compose file by key. None means every volume that no service in ``databases`` mounts.
    * ``stop``: services that are stopped while the volumes are read, so that their files belong together.
    """

    databases: tuple[str, ...] = ()
    volumes: tuple[str, ...] | None = None
    stop: tuple[str, ...] = ()


def parse_backup(value: object, field: str) -> Backup:
    """Return the field ``backup`` of a stack.yml. RefusedError if a key is unknown, or a name has not its form."""
    if not isinstance(value, Mapping):
        raise RefusedError("this is not a mapping", field=field, value=value, expected=", ".join(_FIELDS))
    for key in value:
        if key not in _FIELDS:
            raise RefusedError("there is no such field", field=f"{field}/{key}", value=key, expected=", ".join(_FIELDS))
    volumes = value.get("volumes")
    return Backup(
        databases=_names(value.get("databases"), f"{field}/databases", _SERVICE, "services"),
        volumes=None if volumes is None else _names(volumes, f"{field}/volumes", _VOLUME, "volumes"),
        stop=_names(value.get("stop"), f"{field}/stop", _SERVICE, "services"),
    )


def _names(value: object, field: str, form: re.Pattern[str], what: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise RefusedError("this is not a list", field=field, value=value, expected=f"a list of {what}")
    for number, entry in enumerate(value):
        if not isinstance(entry, str) or not form.fullmatch(entry):
            raise RefusedError("this is not a name", field=f"{field}/{number}", value=entry, expected=f"one of {what}")
    return tuple(value)
