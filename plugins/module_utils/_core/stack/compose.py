# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Compose file of a stack: fill in its variables, and name what its containers mount.

What runs is decided from what Compose itself says (config.py). Mappings and texts in, values out; YAML and files are
read elsewhere.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ("COMPOSE", "Sources", "interpolate", "sources")

COMPOSE = "compose.yml"

# $$, ${NAME}, ${NAME:-default}, ${NAME-default}, ${NAME:?error}, ${NAME:+other}, $NAME
_INTERPOLATION = re.compile(
    r"\$(?:(?P<escaped>\$)|\{(?P<braced>[A-Za-z_]\w*)(?:(?P<operator>:?[-?+])(?P<default>[^}]*))?\}|(?P<bare>[A-Za-z_]\w*))",
    re.ASCII,
)


def interpolate(text: str, env: Mapping[str, str]) -> str:
    """Return a value of a Compose file with its variables filled in, as Compose does.

    Knows ``$NAME``, ``${NAME}``, ``$$``, and the operators ``-``, ``?`` and ``+``, also with ``:``; nothing nested.
    Source: https://docs.docker.com/reference/compose-file/interpolation/
    """

    def value(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        found = env.get(match["braced"] or match["bare"])
        default, operator = match["default"] or "", match["operator"] or "-"
        # With a colon an empty variable counts as one that is not set.
        is_set = bool(found) if operator.startswith(":") else found is not None
        if operator.endswith("+"):
            return default if is_set else ""
        if operator.endswith("?"):
            return found or ""
        return found if is_set and found is not None else default

    return _INTERPOLATION.sub(value, text)


@dataclass(frozen=True)
class Sources:
    """What the containers of a Compose file mount of the host: ``places`` are paths, ``volumes`` names of volumes."""

    places: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()


def sources(compose: object, env: Mapping[str, str], *, folder: str, project: str) -> Sources:
    """Return what a Compose file mounts. Parts of another form are skipped: this asks, and refuses nothing."""
    places, volumes = set(), set()
    for service in _mappings(_part(compose, "services")).values():
        entries = service.get("volumes")
        for entry in entries if isinstance(entries, list) else ():
            source = _source(entry)
            if source:
                places.add(posixpath.normpath(posixpath.join(folder, interpolate(source, env))))
    for key, volume in _part(compose, "volumes").items():
        options = volume if isinstance(volume, Mapping) else {}
        default = str(key) if options.get("external") else f"{project}_{key}"
        volumes.add(interpolate(str(options.get("name") or default), env))
        device = _part(options, "driver_opts").get("device")
        if isinstance(device, str):
            places.add(interpolate(device, env))
    for part in ("configs", "secrets"):
        for entry in _mappings(_part(compose, part)).values():
            if isinstance(entry.get("file"), str):
                places.add(posixpath.normpath(posixpath.join(folder, interpolate(entry["file"], env))))
    return Sources(tuple(sorted(places)), tuple(sorted(volumes)))


def _part(value: object, key: str) -> Mapping[str, Any]:
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _mappings(values: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {key: value for key, value in values.items() if isinstance(value, Mapping)}


def _source(entry: object) -> str | None:
    """Return the path that an entry of a service's volumes mounts; None if it is a named volume or a tmpfs."""
    if isinstance(entry, Mapping):
        found = entry.get("source")
        return found if entry.get("type") == "bind" and isinstance(found, str) else None
    if not isinstance(entry, str):
        return None
    first, separator, _rest = entry.partition(":") if not entry.startswith("${") else _after_variable(entry)
    return first if separator and first.startswith((".", "/", "~", "$")) else None


def _after_variable(entry: str) -> tuple[str, str, str]:
    """Split an entry that begins with ${…}, whose default may contain a colon."""
    variable, closed, rest = entry.partition("}")
    first, separator, last = rest.partition(":")
    return variable + closed + first, separator, last
