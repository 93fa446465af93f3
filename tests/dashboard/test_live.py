"""What the engine of the hub's host says now, in the rows that its agent sent before."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hub.fleet.kinds import order
from hub.fleet.live import hub_node, with_live

AT = datetime(2026, 11, 30, 12, 0, 30, tzinfo=UTC)


def row(node: str, identity: str, **fields: Any) -> dict[str, Any]:
    shown = {"kind": "ok", "word": "healthy", "why": None, "is_old": False, "since": "2026-11-30T08:00:00.000Z"}
    made = {"node": node, "container": identity, "name": identity, "restarts": 3, **shown, **fields}
    return {**made, "place": (order(made["kind"]), identity, node)}


def entry(identity: str, state: str = "running", health: str | None = "healthy", **fields: Any) -> dict[str, Any]:
    return {"id": identity, "name": identity, "image": "nginx:1.30.7", "state": state, "health": health, **fields}


def test_the_hubs_node_is_the_one_with_the_same_containers() -> None:
    rows = [row("vps-01", "a"), row("vps-01", "b"), row("vps-02", "c")]
    assert hub_node(rows, [entry("a"), entry("new")]) == "vps-01"
    assert hub_node(rows, [entry("new")]) is None
    assert hub_node([], [entry("a")]) is None


def test_a_container_that_stopped_is_shown_so_before_the_next_beat() -> None:
    rows = [row("vps-01", "a"), row("vps-01", "b"), row("vps-02", "c")]
    found = {str(made["container"]): made for made in with_live(rows, [entry("a"), entry("b", "exited", None)], at=AT)}
    assert found["a"] == rows[0], "what did not change stays as it is"
    assert (found["b"]["kind"], found["b"]["word"], found["b"]["restarts"]) == ("old", "stopped", 3)
    assert found["c"] == rows[2], "other hosts are as their agents said"


def test_new_containers_come_and_removed_ones_go() -> None:
    rows = [row("vps-01", "a"), row("vps-01", "b")]
    found = {
        str(made["container"]): made for made in with_live(rows, [entry("a"), entry("new", health="starting")], at=AT)
    }
    assert set(found) == {"a", "new"}
    assert (found["new"]["node"], found["new"]["word"], found["new"]["restarts"]) == ("vps-01", "starting", None)


def test_a_silent_agent_on_the_hub_hides_no_container() -> None:
    rows = [row("vps-01", "a", is_old=True, kind="silent")]
    [found] = with_live(rows, [entry("a")], at=AT)
    assert (found["is_old"], found["kind"], found["word"]) == (False, "ok", "healthy")


def test_a_list_of_another_engine_changes_nothing() -> None:
    rows = [row("vps-02", "c")]
    assert with_live(rows, [entry("a")], at=AT) == rows
    assert with_live(rows, [], at=AT) == rows
