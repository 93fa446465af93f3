"""What needs attention, worst first: each with since when, why, where, and the verb that would mend it or shows more.

Everything here follows from the last state of the nodes, so an item is gone with the state that it is made of.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.fleet.kinds import order
from hub.fleet.machines import SKEW_WARN
from hub.fleet.snapshot import NodeState, Snapshot
from hub.moments import rfc3339

__all__ = ("Item", "attention_of", "counted_by_page", "of_certificates", "of_containers", "of_sites")

# A silent node is worse than something that is due.
_URGENT = {"bad": 0, "silent": 1, "warn": 2}
# So many names are told of things that are wrong in one way on one node.
_NAMED = 3


@dataclass(frozen=True)
class Item:
    """One thing to look at. ``page`` and ``query`` lead to its rows, ``command`` is the verb to copy."""

    kind: str
    what: str
    why: str
    where: str
    since: datetime | str | None
    command: str
    page: str
    query: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """Return the item as the API gives it."""
        since = self.since if isinstance(self.since, str) or self.since is None else rfc3339(self.since)
        return {
            "kind": self.kind,
            "what": self.what,
            "why": self.why,
            "where": self.where,
            "since": since,
            "command": self.command,
            "page": self.page,
            "query": dict(self.query),
        }


def attention_of(snapshot: Snapshot, machines: Sequence[Mapping[str, Any]], items: Iterable[Item]) -> list[Item]:
    """Return what needs attention, the worst and the oldest first. ``items`` are those of the rows of the pages.

    ``machines`` are the rows of the nodes, in the order of the snapshot.
    """
    found: list[Item] = [*snapshot.more, *items]
    for state, row in zip(snapshot.nodes, machines, strict=True):
        found += _of_node(state, row)
    return sorted(found, key=lambda item: (_URGENT[item.kind], str(item.as_json()["since"] or "9"), item.what))


def counted_by_page(items: Iterable[Item]) -> dict[str, dict[str, Any]]:
    """Return how many items each page has, with the worst kind."""
    found: dict[str, dict[str, Any]] = {}
    for item in items:
        entry = found.setdefault(item.page, {"number": 0, "kind": item.kind})
        entry["number"] += 1
        if order(item.kind) < order(entry["kind"]):
            entry["kind"] = item.kind
    return found


def _verb(words: str, *more: str, node: str) -> str:
    """Return a command of VSA. Names of a fleet may be anything, so each is quoted for a shell."""
    return " ".join(("vsa", words, *map(shlex.quote, more), "--limit", shlex.quote(node)))


def _of_node(state: NodeState, row: Mapping[str, Any]) -> Iterator[Item]:
    here, query = state.id, {"node": state.id}
    status = _verb("agent status", node=here)
    if row["kind"] == "silent":
        word = "has been silent" if row["received_at"] else "has never reported"
        yield Item("silent", f"{here} {word}", _silent_why(row), here, row["received_at"], status, "vps", query)
    if row["refused"]:
        refused = row["refused"]
        why = f"the hub refused its beat: {refused['message']}"
        yield Item("bad", f"the beats of {here} are refused", why, here, refused["at"], status, "vps", query)
    for note in state.attention:
        command = _rotate(here)
        why = f"{note['text']}, {note['times']} times"
        yield Item("bad", f"two machines report as {here}", why, here, note["since"], command, "vps", query)
    for name, section in state.sections.items():
        if section.status == "failed":
            what = f"{here} cannot read its {name}"
            yield Item("warn", what, str(section.error), here, section.failed_since, status, "vps", query)
    skew = row["skew_seconds"]
    if skew is not None and abs(skew) > SKEW_WARN:
        why = f"{abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'} of the hub"
        yield Item("warn", f"the clock of {here} is wrong", why, here, row["received_at"], status, "vps", query)
    yield from _of_resources(state, row)


def _rotate(node: str) -> str:
    return f"vsa agent rotate --id {shlex.quote(node)}"


def _silent_why(row: Mapping[str, Any]) -> str:
    if row["received_at"] is None:
        return "no beat has come since it was registered"
    answer = row["sites_answer"]
    if answer is None:
        return f"{row['sites']} sites on it; whether they answer is not known yet"
    return f"{answer['answer']} of {answer['asked']} sites that the hub asked answer"


def _of_resources(state: NodeState, row: Mapping[str, Any]) -> Iterator[Item]:
    if row["kind"] == "silent":
        return
    here, query = state.id, {"node": state.id}
    command = _verb("status", node=here)
    for disk in row["disks"]:
        if disk["kind"] != "ok":
            name = f"{disk['mount']} on {here} is"
            what = f"{name} nearly full" if disk["kind"] == "bad" else f"{name} filling up"
            yield Item(
                disk["kind"],
                what,
                _joined(f"{disk['part']:.0%} full".replace("%", " %"), _full_in(disk)),
                here,
                None,
                command,
                "vps",
                query,
            )
    memory = row["memory"]
    if memory and memory["kind"] != "ok":
        what = f"{here} has little memory left"
        why = f"{memory['part']:.0%} used".replace("%", " %")
        yield Item(memory["kind"], what, why, here, None, command, "vps", query)


def _full_in(disk: Mapping[str, Any]) -> str | None:
    days = disk["full_in_days"]
    return None if days is None else f"full in about {days} days if it grows on as in the last 30 days"


def _joined(*parts: str | None) -> str:
    return " · ".join(part for part in parts if part)


def _grouped(rows: Sequence[Mapping[str, Any]], kinds: Sequence[str]) -> Iterator[list[Mapping[str, Any]]]:
    """Yield the rows of a kind that are alike: one word on one node, those of the longest time first."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["kind"] in kinds:
            found.setdefault((row["node"], row["word"]), []).append(row)
    for group in found.values():
        yield sorted(group, key=lambda row: (row["since"] or "9", row["name"]))


def _names(group: Sequence[Mapping[str, Any]]) -> str:
    names = ", ".join(str(row["name"]) for row in group[:_NAMED])
    return f"{names} and {len(group) - _NAMED} more" if len(group) > _NAMED else names


def of_containers(rows: Sequence[Mapping[str, Any]]) -> Iterator[Item]:
    """Yield what needs attention among the containers of a node."""
    for group in _grouped(rows, ("bad", "warn")):
        first = group[0]
        what = f"{first['name']}: {first['word']}" if len(group) == 1 else f"{len(group)} containers: {first['word']}"
        sites = sorted({site for row in group for site in row["sites"]})
        use = f"used by {', '.join(sites[:_NAMED])}" if sites else "no site uses it"
        why = _joined(_names(group) if len(group) > 1 else None, first["why"], use)
        command = _verb("status", node=first["node"])
        if first["stack"]:
            command = _verb("stack logs", str(first["stack"]), node=first["node"])
        query = {"node": first["node"], "state": first["kind"]}
        yield Item(first["kind"], what, why, first["node"], first["since"], command, "containers", query)


def of_sites(rows: Sequence[Mapping[str, Any]]) -> Iterator[Item]:
    """Yield what needs attention among the sites of a node."""
    for group in _grouped(rows, ("bad", "warn")):
        first = group[0]
        what = f"{first['name']}: {first['word']}" if len(group) == 1 else f"{len(group)} sites: {first['word']}"
        why = _joined(_names(group) if len(group) > 1 else None, first["why"])
        command = _verb("site show", first["name"], node=first["node"])
        query = {"node": first["node"], "state": first["kind"]}
        yield Item(first["kind"], what, why, first["node"], first["since"], command, "domains", query)


def of_certificates(rows: Sequence[Mapping[str, Any]]) -> Iterator[Item]:
    """Yield what needs attention among the certificates of a node."""
    for group in _grouped(rows, ("bad", "warn")):
        first = group[0]
        alone = f"the certificate of {first['name']}: {first['word']}"
        what = alone if len(group) == 1 else f"{len(group)} certificates: {first['word']}"
        why = _joined(_names(group) if len(group) > 1 else None, first["why"])
        # A file that is good and not served needs the proxy; every other one needs a renewal.
        stale = first["served"]["kind"] == "bad" and first["word"] == "wrong"
        command = _verb("cert renew --domain", first["name"], node=first["node"])
        if stale:
            command = _verb("vhost sync", node=first["node"])
        query = {"node": first["node"], "state": first["kind"]}
        yield Item(first["kind"], what, why, first["node"], first["since"], command, "certificates", query)
