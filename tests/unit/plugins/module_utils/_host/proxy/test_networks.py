"""Edge networks before a switch and after a commit, over the fake engine."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RolledBackError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.networks import (
    connect_networks,
    leave_networks,
    plan_networks,
    undo_networks,
    write_override,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.nginx import CONTAINER
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.generations import Journal, Record
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

from fakeproxy import FakeEngine, State

EDGE, ACME = "flowbiz_ext", "flowbiz_ext_acme"
SHOP = "shop.example"


def record(number: int, sites: dict[str, tuple[str, str]], *, joins: list[list[str]] | None = None) -> Record:
    """Return a record of sites, each with its network and its container."""
    index: dict[str, dict[str, Any]] = {
        domain: {"network": network, "containers": [container]} for domain, (network, container) in sites.items()
    }
    return Record(
        number=number,
        base=number - 1,
        time="2026-11-24T10:00:00Z",
        audit_id="",
        actor="",
        verb="",
        plan="",
        inputs="",
        marker="",
        files={},
        sites=index,
        networks=sorted({EDGE, *(network for network, _container in sites.values())}),
        joins=joins or [],
    )


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "fakes.json")


@pytest.fixture
def engine(state: State) -> FakeEngine:
    engine = FakeEngine(state)
    engine.run_container("web", "its-own")
    return engine


def networks(state: State, name: str) -> set[str]:
    return set(state.read()["containers"][name]["networks"])


NEW = record(2, {SHOP: (ACME, "web")}, joins=[[ACME, "web"]])


def test_what_a_commit_will_add(engine: FakeEngine) -> None:
    journal = plan_networks(engine, engine.container(CONTAINER), NEW)
    assert journal == Journal(base=1, to=2, networks=[ACME], attached=[ACME], joined=[[ACME, "web"]])


@pytest.mark.parametrize("there", ["stopped", "missing"])
def test_a_proxy_that_does_not_run_is_not_connected(engine: FakeEngine, there: str) -> None:
    """Compose connects it to the networks of the override when it starts."""
    engine.stop(CONTAINER)
    proxy = engine.container(CONTAINER) if there == "stopped" else None
    assert plan_networks(engine, proxy, NEW).attached == []


def test_what_is_connected_is_undone(state: State, engine: FakeEngine) -> None:
    before = state.read()
    journal = plan_networks(engine, engine.container(CONTAINER), NEW)
    connect_networks(engine, journal)
    assert networks(state, CONTAINER) == {EDGE, ACME}
    assert networks(state, "web") == {"its-own", ACME}
    undo_networks(engine, journal)
    undo_networks(engine, journal)
    assert state.read() == before


def test_what_was_there_before_is_not_undone(state: State, engine: FakeEngine) -> None:
    engine.run_container("other", ACME)
    journal = plan_networks(engine, engine.container(CONTAINER), NEW)
    assert journal.networks == []
    connect_networks(engine, journal)
    undo_networks(engine, journal)
    assert ACME in state.read()["networks"]
    assert networks(state, "other") == {ACME}


# -- after a commit ----------------------------------------------------------------------------------------------------


def commit(engine: FakeEngine, to: Record) -> None:
    connect_networks(engine, plan_networks(engine, engine.container(CONTAINER), to))


def test_a_site_that_moves_to_a_tenant_leaves_the_common_network(state: State, engine: FakeEngine) -> None:
    base = record(1, {SHOP: (EDGE, "web")}, joins=[[EDGE, "web"]])
    commit(engine, base)
    commit(engine, NEW)
    assert leave_networks(engine, NEW, base) == [f"web left {EDGE}"]
    assert networks(state, "web") == {"its-own", ACME}
    assert networks(state, CONTAINER) == {EDGE, ACME}, "the proxy stays on the common network"


def test_finding_10_what_vsa_joined_it_leaves(state: State, engine: FakeEngine) -> None:
    """A removed site, a container that no route names any more, and a network that was left over before."""
    base = record(1, {SHOP: (ACME, "web")}, joins=[[ACME, "web"]])
    commit(engine, base)
    engine.ensure_network("flowbiz_ext_old", subnet6=None, labels={})
    engine.connect("flowbiz_ext_old", "web")
    engine.run_container("other", EDGE)
    moved = record(2, {SHOP: (EDGE, "web"), "b.example": (EDGE, "other")}, joins=[[EDGE, "web"]])
    moved = dataclasses.replace(moved, changed=[SHOP])
    commit(engine, moved)
    notes = leave_networks(engine, moved, base)
    assert notes[:2] == [f"web left {ACME}", "web left flowbiz_ext_old"]
    assert networks(state, "web") == {"its-own", EDGE}
    gone = record(3, {})
    commit(engine, gone)
    assert leave_networks(engine, gone, moved)[:1] == [f"web left {EDGE}"]
    assert networks(state, "web") == {"its-own"}
    assert networks(state, "other") == {EDGE}, "its own Compose file says so"


def test_a_container_that_another_site_still_uses_leaves_the_network_of_the_removed_site(
    state: State, engine: FakeEngine
) -> None:
    base = record(2, {SHOP: (ACME, "web"), "b.example": (EDGE, "web")}, joins=[[ACME, "web"], [EDGE, "web"]])
    commit(engine, base)
    gone = dataclasses.replace(record(3, {"b.example": (EDGE, "web")}), verb="site.unprovision", removed=[SHOP])
    commit(engine, gone)
    assert leave_networks(engine, gone, base) == [f"web left {ACME}"]
    assert networks(state, "web") == {"its-own", EDGE}


def test_the_last_site_of_a_tenant_takes_the_network_with_it(state: State, engine: FakeEngine) -> None:
    commit(engine, NEW)
    to = record(3, {SHOP: (EDGE, "web")}, joins=[[EDGE, "web"]])
    commit(engine, to)
    assert leave_networks(engine, to, NEW) == [f"web left {ACME}"]
    assert ACME not in state.read()["networks"]
    assert networks(state, CONTAINER) == {EDGE}


def test_a_network_with_somebody_else_on_it_stays(state: State, engine: FakeEngine) -> None:
    commit(engine, NEW)
    engine.run_container("other", ACME)
    to = record(3, {})
    assert leave_networks(engine, to, NEW) == [
        f"web left {ACME}",
        f"the proxy left {ACME}, which stays: other on it",
    ]
    assert ACME in state.read()["networks"]


def test_what_vsa_did_not_connect_stays_connected(engine: FakeEngine) -> None:
    engine.run_container("composed", ACME)
    base = record(1, {SHOP: (ACME, "composed")})
    to = record(2, {SHOP: (EDGE, "composed"), "b.example": (ACME, "web")})
    note = f"composed is still on {ACME}, where VSA did not put it: its Compose file says so"
    assert leave_networks(engine, to, base) == [note]


def test_what_another_site_still_needs_stays_connected(state: State, engine: FakeEngine) -> None:
    commit(engine, NEW)
    to = record(3, {SHOP: (EDGE, "web"), "b.example": (ACME, "web")})
    assert leave_networks(engine, to, NEW) == []
    assert ACME in networks(state, "web")


@pytest.mark.parametrize(
    ("broken", "to", "note"),
    [
        ("disconnect", {SHOP: (EDGE, "web"), "b.example": (ACME, "x")}, f"web is still on {ACME}: Docker would not"),
        ("members", {}, f"the network {ACME} stays: Docker would not members"),
    ],
)
def test_a_failure_is_a_note(
    state: State, engine: FakeEngine, broken: str, to: dict[str, tuple[str, str]], note: str
) -> None:
    commit(engine, NEW)
    with state.change() as known:
        known["broken"] = [broken]
    notes = leave_networks(engine, record(3, to), NEW)
    assert notes[-1].startswith(note)


def test_without_the_record_of_the_base_nothing_is_left(state: State, engine: FakeEngine) -> None:
    before = state.read()
    assert leave_networks(engine, NEW, None) == []
    assert state.read() == before


def test_a_failure_before_the_switch_is_none_of_them(state: State, engine: FakeEngine) -> None:
    with state.change() as known:
        known["broken"] = ["connect"]
    with pytest.raises(RolledBackError):
        commit(engine, NEW)


@pytest.mark.parametrize(
    ("networks", "named"), [([EDGE], False), ([EDGE, ACME], True), ([], False)], ids=["common", "tenant", "none"]
)
def test_the_override_names_the_networks_of_tenants(tmp_path: Path, networks: list[str], named: bool) -> None:
    paths = Paths(str(tmp_path))
    paths.proxy.mkdir(parents=True)
    paths.override.write_text("of before")
    write_override(paths, networks)
    assert (f"      {ACME}: {{}}\n" in paths.override.read_text()) is named
    if not named:
        assert paths.override.read_text().endswith("\nservices: {}\n"), "Compose wants a file, and adds nothing"
