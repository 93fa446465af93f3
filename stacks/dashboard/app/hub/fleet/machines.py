"""The page VPS: the nodes with versions, load, memory, disks, network and their last beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hub.core import SILENT, VERSION, is_older
from hub.fleet.growth import full_in_days
from hub.fleet.kinds import Shown, worst
from hub.fleet.snapshot import NodeState, Snapshot
from hub.moments import rfc3339

__all__ = (
    "DISK_BAD",
    "DISK_WARN",
    "MEMORY_BAD",
    "SKEW_WARN",
    "machine_row",
    "machine_rows",
    "sources_of",
    "with_sections",
)

DISK_WARN, DISK_BAD = 0.8, 0.9
"""The parts of a filesystem from which it is due, and wrong."""
MEMORY_BAD = 0.9
"""The part of the memory from which it is wrong."""
SKEW_WARN = 60
"""Seconds that a node's clock may be off."""

_FRESH = {
    "fresh": Shown("ok", "fresh"),
    "late": Shown("warn", "late"),
    SILENT: Shown("silent", "silent"),
    "never": Shown("silent", "never seen"),
}


def machine_rows(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return a row for each node, by name."""
    return [machine_row(state, snapshot.growth) for state in snapshot.nodes]


def machine_row(state: NodeState, growth: Mapping[tuple[str, str], float]) -> dict[str, Any]:
    """Return a node with its figures. Those of a silent node are the last that it sent."""
    facts, figures = state.one("node"), state.one("figures")
    fresh = _FRESH.get(state.freshness, Shown("silent", state.freshness))
    memory = _memory(facts, figures)
    disks = _disks(state.id, figures, growth)
    agent = state.row["agent"]
    return {
        "id": state.id,
        "name": state.id,
        "kind": fresh.kind,
        "word": fresh.word,
        "hostname": state.row["hostname"],
        "address": state.row["address"],
        "provider": state.row["provider"],
        "received_at": state.row["received_at"],
        "refused": state.row["refused"],
        "sites_answer": state.row["sites_answer"],
        "skew_seconds": state.row["skew_seconds"],
        "agent": {"version": agent, "is_old": bool(agent) and is_older(str(agent), VERSION)},
        "os": facts.get("os"),
        "kernel": facts.get("kernel"),
        "docker": facts.get("docker"),
        "nginx": facts.get("nginx"),
        "boot_at": facts.get("boot_at"),
        "cpus": facts.get("cpus"),
        "load": _load(facts, figures),
        "memory": memory,
        "disks": disks,
        "network": list(figures.get("network") or ()),
        "addresses": list(facts.get("addresses") or ()),
        "sites": _counted(state, "domains"),
        "containers": _counted(state, "containers"),
        "health": worst((fresh.kind, *(part["kind"] for part in (memory, *disks) if part))),
        "attention": list(state.attention),
        "trail_error": state.trail_error,
    }


def _counted(state: NodeState, name: str) -> int | None:
    """Return the number of rows of a section; None if nobody knows, as no beat ever had them."""
    found = state.sections.get(name)
    if found is None or (found.status == "failed" and found.rows_at is None):
        return None
    return len(found.rows)


def with_sections(row: Mapping[str, Any], state: NodeState) -> dict[str, Any]:
    """Return a node's row with what became of each source that its agent reads."""
    return {**row, "sections": {name: _section(state, name) for name in sorted(state.sections)}}


def _section(state: NodeState, name: str) -> dict[str, Any]:
    found = state.section(name)
    return {
        "status": found.status,
        "error": found.error,
        "failed_since": rfc3339(found.failed_since),
        "rows_at": rfc3339(found.rows_at),
    }


def _load(facts: Mapping[str, Any], figures: Mapping[str, Any]) -> dict[str, Any] | None:
    load, cpus = figures.get("load1"), facts.get("cpus")
    if load is None:
        return None
    return {"load1": load, "cpus": cpus, "part": round(min(1.0, load / cpus), 3) if cpus else None}


def _memory(facts: Mapping[str, Any], figures: Mapping[str, Any]) -> dict[str, Any] | None:
    total, free = facts.get("memory_bytes"), figures.get("memory_available_bytes")
    if not total or free is None:
        return None
    part = 1 - free / total
    kind = "bad" if part > MEMORY_BAD else "ok"
    return {"used_bytes": total - free, "bytes": total, "part": round(part, 3), "kind": kind}


def _disks(node: str, figures: Mapping[str, Any], growth: Mapping[tuple[str, str], float]) -> list[dict[str, Any]]:
    found = []
    for disk in figures.get("disks") or ():
        size, used = disk.get("bytes"), disk.get("used_bytes")
        if not size or used is None:
            continue
        part = used / size
        kind = "bad" if part > DISK_BAD else "warn" if part > DISK_WARN else "ok"
        found.append(
            {
                "mount": disk.get("mount"),
                "used_bytes": used,
                "bytes": size,
                "part": round(part, 3),
                "kind": kind,
                "full_in_days": full_in_days(disk, growth.get((node, str(disk.get("mount"))))),
            }
        )
    return found


def sources_of(states: Sequence[NodeState], sections: Sequence[str]) -> list[dict[str, Any]]:
    """Return each node whose rows of some sections are not of now, with the time of its rows and why."""
    found: list[dict[str, Any]] = []
    for state in states:
        fresh = state.freshness
        if fresh != "fresh":
            kind = _FRESH.get(fresh, Shown("silent", "")).kind
            text = "has never reported" if state.received_at is None else f"{fresh}, shown as it was then"
            found.append({"name": state.id, "state": kind, "at": state.row["received_at"], "text": text})
        for name in sections:
            section = state.section(name)
            if section.status == "failed":
                text = f"{name} could not be read since {rfc3339(section.failed_since)}: {section.error}"
                found.append({"name": state.id, "state": "bad", "at": rfc3339(section.rows_at), "text": text})
    return found
