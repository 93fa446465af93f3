# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the processes of a container use, from the files of its control group: without a question to the engine.

Sources: https://docs.kernel.org/admin-guide/cgroup-v2.html, https://docs.kernel.org/admin-guide/cgroup-v1/
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ("GroupUsage", "usage_of")

_TOP = "/sys/fs/cgroup"


@dataclass(frozen=True)
class GroupUsage:
    """Memory in bytes without the page cache that can go, and processor time in seconds; None if unknown."""

    memory: int | None = None
    cpu_seconds: float | None = None


def usage_of(pid: int, *, proc: str = "/proc", top: str = _TOP) -> GroupUsage:
    """Return what the control group of a process uses. All is unknown if the process has ended."""
    groups = _groups(f"{proc}/{pid}/cgroup")
    if "" in groups:
        return _unified(f"{top}{groups['']}")
    memory = f"{top}/memory{groups.get('memory', '')}"
    used = _number(f"{memory}/memory.usage_in_bytes") if "memory" in groups else None
    cache = _fields(f"{memory}/memory.stat").get("total_inactive_file", 0)
    spent = None
    for name in ("cpuacct", "cpu,cpuacct"):
        if spent is None and "cpuacct" in groups:
            spent = _number(f"{top}/{name}{groups['cpuacct']}/cpuacct.usage")
    return GroupUsage(
        memory=None if used is None else max(0, used - cache),
        cpu_seconds=None if spent is None else round(spent / 1e9, 3),
    )


def _unified(group: str) -> GroupUsage:
    used = _number(f"{group}/memory.current")
    cache = _fields(f"{group}/memory.stat").get("inactive_file", 0)
    spent = _fields(f"{group}/cpu.stat").get("usage_usec")
    return GroupUsage(
        memory=None if used is None else max(0, used - cache),
        cpu_seconds=None if spent is None else round(spent / 1e6, 3),
    )


def _groups(path: str) -> dict[str, str]:
    """Return the path of the group in each hierarchy, by controller; the unified one has no name."""
    groups = {}
    for line in _text(path).splitlines():
        _number_of, _colon, rest = line.partition(":")
        names, _colon, group = rest.partition(":")
        for name in names.split(","):
            groups[name] = group
    # A host with the older hierarchies may have an empty unified one beside them.
    if "memory" in groups:
        groups.pop("", None)
    return groups


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def _number(path: str) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _fields(path: str) -> dict[str, int]:
    pairs = (line.split() for line in _text(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
