# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stacks of the host as a beat shows them: what `vsa stack list` knows.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from ...._core.errors import RefusedError, VsaError
from ...machine.docker import FOLDER_LABEL
from ...machine.docker_reading import ReadingEngine
from ...store.layout import Paths
from ...store.stacks import known_stacks
from ..kept import Kept
from .containers import Inspection

__all__ = ("stack_rows",)


def stack_rows(engine: ReadingEngine, found: Sequence[Inspection], paths: Paths, kept: Kept) -> list[Mapping[str, Any]]:
    """Return the rows of the section ``stacks``. A stack that is not valid has its problem in its row."""
    stacks = {f"{tenant}/{name}": (tenant, name) for tenant, name in known_stacks(paths)}
    states = _states(found)
    stamps = {
        key: [_files(paths, tenant, name), states.get(f"/srv/{tenant}/{name}")]
        for key, (tenant, name) in stacks.items()
    }

    def read(keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        return {key: _row(engine, paths, *stacks[key]) for key in keys}

    return kept.rows("stacks", stamps, read)


def _states(found: Sequence[Inspection]) -> dict[str, list[object]]:
    """Return what is known of the containers of each folder."""
    states: dict[str, list[object]] = {}
    for entry in found:
        folder = str(((entry.get("Config") or {}).get("Labels") or {}).get(FOLDER_LABEL))
        state = entry.get("State") or {}
        health = (state.get("Health") or {}).get("Status")
        states.setdefault(folder, []).append([entry["Id"], state.get("Status"), health, state.get("ExitCode")])
    return states


def _files(paths: Paths, tenant: str, name: str) -> Sequence[object]:
    try:
        with os.scandir(paths.stack_state(tenant, name)) as entries:
            return sorted([entry.name, entry.stat().st_ctime_ns, entry.stat().st_size] for entry in entries)
    except OSError:
        return []


def _no_compose(*_words: object, **_named: object) -> NoReturn:
    raise RefusedError("an earlier release brought it up: its services are known after it is brought up again")


def _row(engine: ReadingEngine, paths: Paths, tenant: str, name: str) -> dict[str, Any]:
    # Imported here: in most beats no stack changed.
    from ...stack.folder import find_stack
    from ...stack.listing import stack_view

    key = {"id": f"{tenant}/{name}", "name": name, "tenant": tenant}
    try:
        folder, stack = find_stack(paths, name, tenant=tenant)
        view = stack_view(engine, paths, folder, stack, compose=_no_compose)
        version = folder.verified()
    except VsaError as error:
        return {**key, "version": None, "state": "unhealthy", "services": [], "problems": [error.message]}
    return {
        **key,
        "version": version[:12] if version else None,
        "state": view["state"],
        "services": [
            {"name": entry["service"], "state": entry["state"], "health": entry["health"]}
            for entry in view["containers"]
        ],
        "source": view["source"],
        "problems": [view["problem"]] if view["problem"] else [],
    }
