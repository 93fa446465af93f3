# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lists of mappings in a stack.yml, and the names of services in them.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import RefusedError

__all__ = ("entries", "no_such_service", "refuse_unknown", "service_name")

_SERVICE = re.compile(r"[A-Za-z0-9._-]{1,100}")


def entries(value: object, field: str, keys: tuple[str, ...]) -> list[tuple[Mapping[str, Any], str]]:
    """Return the mappings of a list, each with its place for an error. RefusedError if a mapping has another key."""
    if not isinstance(value, list):
        raise RefusedError("this is not a list", field=field, value=value, expected="a list")
    found = []
    for number, entry in enumerate(value):
        place = f"{field}/{number}"
        if not isinstance(entry, Mapping):
            raise RefusedError("this is not a mapping", field=place, value=entry, expected=", ".join(keys))
        refuse_unknown(entry, place, keys)
        found.append((entry, place))
    return found


def refuse_unknown(data: Mapping[str, object], field: str, keys: tuple[str, ...]) -> None:
    """Raise RefusedError if a mapping has a key that is not among ``keys``."""
    for key in data:
        if key not in keys:
            raise RefusedError(
                "there is no such field",
                field=f"{field}/{key}" if field else str(key),
                value=key,
                expected=", ".join(keys),
            )


def service_name(value: object, field: str) -> str:
    """Return the name of a service of the Compose file. Source: the Compose specification, services."""
    if not isinstance(value, str) or not _SERVICE.fullmatch(value):
        raise RefusedError("this is not the name of a service", field=field, value=value, expected="web")
    return value


def no_such_service(name: str, services: Iterable[str], *, field: str) -> RefusedError:
    """Return the error of a field of stack.yml that names a service which the Compose file does not have."""
    return RefusedError("the Compose file has no such service", field=field, value=name, there_are=sorted(services))
