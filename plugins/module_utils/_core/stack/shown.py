# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How stacks and their containers are shown.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..listing import Listing
from ..times import to_the_second

__all__ = ("CONTAINERS", "STACKS", "log_lines", "with_containers")


def _mebibytes(memory: object) -> str | None:
    return f"{memory >> 20} MiB" if isinstance(memory, int) else None


STACKS = Listing(
    "stacks",
    (
        ("STACK", lambda stack: stack.get("name")),
        ("STATE", lambda stack: stack.get("state")),
        ("TENANT", lambda stack: stack.get("tenant")),
        ("SOURCE", lambda stack: stack.get("source")),
        ("CONTAINERS", lambda stack: [container.get("name") for container in stack.get("containers") or ()]),
    ),
)

CONTAINERS = Listing(
    "containers",
    (
        ("STACK", lambda entry: entry.get("stack")),
        ("CONTAINER", lambda entry: entry.get("name")),
        ("STATE", lambda entry: entry.get("state")),
        ("HEALTH", lambda entry: entry.get("health")),
        ("IMAGE", lambda entry: entry.get("image")),
        ("MEMORY", lambda entry: _mebibytes(entry.get("memory"))),
        ("RESTARTS", lambda entry: entry.get("restarts")),
        ("STARTED", lambda entry: to_the_second(str(entry.get("started_at") or ""))),
    ),
)


def with_containers(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result of stacks with the containers of all of them in one list."""
    rows = [
        {"stack": stack.get("name"), **container}
        for stack in payload.get("stacks") or ()
        for container in stack.get("containers") or ()
    ]
    return {**payload, "containers": rows}


def log_lines(payload: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Yield the container and the text of each line of a log. The time of a line has no parts of a second."""
    for entry in payload.get("logs") or ():
        for line in entry.get("lines") or ():
            moment, space, text = str(line).partition(" ")
            yield str(entry.get("container") or ""), f"{to_the_second(moment)}{space}{text}"
