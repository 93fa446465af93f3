"""A beat that is taken: what is replaced, what stays, what is never touched."""

from __future__ import annotations

import gzip
import json
from typing import Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.beat import digest_of

from hubapp import Hub
from hubnode import container, domain, inflated_body, sections

ROWS = ("container", "domain", "node_facts", "node_figures", "certificate", "served_certificate", "stack")
EVERYTHING: dict[str, Any] = {
    "node": [{"id": "node", "hostname": "vps-01", "cpus": 2, "boot_at": "2026-11-01T00:00:00Z", "swarm": None}],
    "figures": [{"id": "node", "load1": 0.5, "disks": [{"mount": "/", "bytes": 100, "used_bytes": 40}]}],
    "containers": [container(1), container(2)],
    "usage": [{"id": container(1)["id"], "memory_bytes": 1 << 20, "cpu_seconds": 1.5}],
    "domains": [domain("shop.example.com"), domain("blog.example.com")],
    "certificates": [{"name": "shop.example.com", "state": "ok", "names": ["shop.example.com"]}],
    "served": [{"domain": "shop.example.com", "at": "2026-11-30T08:00:00Z", "fingerprint": "ab" * 32}],
    "stacks": [{"id": "platform/reverse-proxy", "name": "reverse-proxy", "tenant": "platform", "state": "healthy"}],
}


def keys(hub: Hub, section: str) -> list[str]:
    shown = hub.node()["sections"][section]
    return [row.get("name") or row.get("domain") or row["id"] for row in shown["rows"]]


def test_a_beat_with_all_sections_is_shown(hub: Hub) -> None:
    agent = hub.agent()
    answer = agent.accepted(hub.client, sections(hub.clock(), **EVERYTHING))
    assert answer["sequence"] == 1
    assert answer["interval"] == 30
    shown = hub.node()
    assert set(shown["sections"]) == set(EVERYTHING)
    assert shown["freshness"] == "fresh"
    assert shown["agent"] == "0.4.0"
    for name, rows in EVERYTHING.items():
        found = shown["sections"][name]
        assert (found["status"], found["error"], found["rows_age_seconds"]) == ("ok", None, 30)
        for row, said in zip(found["rows"], sorted(rows, key=lambda row: str(next(iter(row.values())))), strict=True):
            assert {field: row[field] for field in said} == said


def test_rows_are_inserted_changed_and_deleted(hub: Hub) -> None:
    agent = hub.agent()
    agent.accepted(hub.client, sections(hub.clock(), containers=[container(1), container(2), container(3)]))
    agent.accepted(hub.client, sections(hub.clock(), containers=[container(1), container(2, restarts=4), container(4)]))
    rows = {row["name"]: row for row in hub.node()["sections"]["containers"]["rows"]}
    assert set(rows) == {"web-1", "web-2", "web-4"}
    assert rows["web-2"]["restarts"] == 4


def test_nodes_do_not_touch_the_rows_of_others(hub: Hub) -> None:
    one, two = hub.agent("vps-01"), hub.agent("vps-02")
    one.accepted(hub.client, sections(hub.clock(), containers=[container(1)]))
    two.accepted(hub.client, sections(hub.clock(), containers=[container(1), container(2)]))
    one.accepted(hub.client, sections(hub.clock(), containers=[]))
    assert keys(hub, "containers") == []
    assert len(hub.node("vps-02")["sections"]["containers"]["rows"]) == 2


def test_an_equal_digest_touches_no_row(hub: Hub) -> None:
    agent = hub.agent()
    agent.accepted(hub.client, sections(hub.clock(), **EVERYTHING))
    before = hub.database.contents()
    agent.accepted(hub.client, sections(hub.clock(), **EVERYTHING))
    after = hub.database.contents()
    assert {name: after[name] for name in ROWS} == {name: before[name] for name in ROWS}
    assert after["section"] != before["section"], "but the hub knows that each source was read again"
    assert hub.node()["sections"]["containers"]["rows_age_seconds"] == 30


def test_an_equal_row_is_not_touched_if_another_one_changed(hub: Hub) -> None:
    agent = hub.agent()
    agent.accepted(hub.client, sections(hub.clock(), containers=[container(1), container(2)]))
    before = dict(hub.database.rows("select key, xmin::text from container"))
    agent.accepted(hub.client, sections(hub.clock(), containers=[container(1), container(2, restarts=1)]))
    after = dict(hub.database.rows("select key, xmin::text from container"))
    changed = {key for key in after if after[key] != before[key]}
    assert changed == {container(2)["id"]}


def test_since_is_when_the_state_began(hub: Hub) -> None:
    agent = hub.agent()
    began = hub.clock()
    agent.accepted(hub.client, sections(hub.clock(), containers=[container(1)]))
    agent.accepted(hub.client, sections(hub.clock(), containers=[container(1, restarts=1)]))
    [row] = hub.node()["sections"]["containers"]["rows"]
    assert row["since"] == began.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "another field changed"
    stopped = hub.clock()
    agent.accepted(hub.client, sections(hub.clock(), containers=[container(1, state="exited", restarts=1)]))
    [row] = hub.node()["sections"]["containers"]["rows"]
    assert row["since"] == stopped.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_a_source_that_failed_keeps_its_rows_with_their_age(hub: Hub) -> None:
    agent = hub.agent()
    agent.accepted(hub.client, sections(hub.clock(), containers=[container(1)], domains=[domain("a.example.com")]))
    failed = hub.clock()
    for _beat in range(3):
        said = sections(hub.clock(), containers="Docker does not answer", domains=[domain("a.example.com")])
        agent.accepted(hub.client, said)
    shown = hub.node()["sections"]
    assert keys(hub, "containers") == ["web-1"]
    assert shown["containers"]["status"] == "failed"
    assert shown["containers"]["error"] == "Docker does not answer"
    assert shown["containers"]["failed_since"] == failed.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert shown["containers"]["rows_age_seconds"] == 120
    assert shown["domains"]["rows_age_seconds"] == 30
    # The source works again.
    agent.accepted(hub.client, sections(hub.clock(), containers=[container(1)]))
    shown = hub.node()["sections"]["containers"]
    assert (shown["status"], shown["failed_since"], shown["rows_age_seconds"]) == ("ok", None, 30)


def test_a_source_that_is_absent_has_no_rows(hub: Hub) -> None:
    agent = hub.agent()
    agent.accepted(hub.client, sections(hub.clock(), stacks=EVERYTHING["stacks"]))
    absent = {"stacks": {"status": "absent", "at": "2026-11-30T08:00:00Z", "error": None}}
    agent.accepted(hub.client, absent)
    shown = hub.node()["sections"]["stacks"]
    assert (shown["status"], shown["rows"]) == ("absent", [])
    # And back, with the digest of before.
    agent.accepted(hub.client, sections(hub.clock(), stacks=EVERYTHING["stacks"]))
    assert keys(hub, "stacks") == ["reverse-proxy"]


def test_a_section_that_a_beat_does_not_have_stays(hub: Hub) -> None:
    agent = hub.agent()
    agent.accepted(hub.client, sections(hub.clock(), containers=[container(1)]))
    agent.accepted(hub.client, sections(hub.clock(), domains=[domain("a.example.com")]))
    assert keys(hub, "containers") == ["web-1"]


def test_a_replay_changes_nothing(hub: Hub) -> None:
    agent = hub.agent()
    agent.accepted(hub.client)
    body = agent.body(sections(hub.clock(), containers=[container(1)]))
    assert agent.post(hub.client, body).json()["result"] == "accepted"
    before = hub.database.contents()
    hub.clock.forward(100)
    answer = agent.post(hub.client, body).json()
    assert (answer["result"], answer["sequence"], answer["more"]) == ("repeated", 2, False)
    assert hub.database.contents() == before
    assert hub.node()["age_seconds"] == 100, "a replay keeps nobody fresh"


def test_an_older_number_of_the_same_epoch_changes_nothing(hub: Hub) -> None:
    agent = hub.agent()
    old = agent.body(sections(hub.clock(), containers=[]))
    agent.accepted(hub.client, sections(hub.clock(), containers=[container(1)]))
    before = hub.database.contents()
    answer = agent.post(hub.client, old).json()
    assert (answer["result"], answer["sequence"]) == ("stale", 2)
    assert hub.database.contents() == before


def test_a_new_epoch_begins_with_any_number(hub: Hub) -> None:
    agent = hub.agent()
    for _beat in range(3):
        agent.accepted(hub.client, sections(hub.clock(), containers=[container(1)]))
    agent.epoch, agent.sequence = "0" * 32, 0
    answer = agent.accepted(hub.client, sections(hub.clock(), containers=[container(2)]))
    assert answer["sequence"] == 1
    assert keys(hub, "containers") == ["web-2"]


def test_no_field_outside_of_the_list_is_stored(hub: Hub) -> None:
    agent = hub.agent()
    said = inflated_body(agent.body(sections(hub.clock(), containers=[container(1)])))
    [row] = said["sections"]["containers"]["rows"]
    row |= {"Env": ["PASSWORD=hunter2-of-env"], "Labels": {"x": "hunter2-of-label"}, "Cmd": ["--key=hunter2-of-cmd"]}
    said["sections"]["secrets"] = {"status": "ok", "rows": [{"id": "hunter2-of-section"}]}
    response = agent.post(hub.client, _packed_as_it_is(said))
    assert response.json()["result"] == "accepted", response.text
    assert "hunter2" not in hub.database.dump()
    assert "web-1" in hub.database.dump()


def _packed_as_it_is(said: dict[str, Any]) -> bytes:
    """Return a body whose digests fit, whatever its rows have."""
    for section in said["sections"].values():
        if section.get("rows"):
            section["digest"] = digest_of(section["rows"])
    return gzip.compress(json.dumps(said).encode())


def test_two_hundred_containers_and_five_hundred_domains(hub: Hub) -> None:
    agent = hub.agent()
    many = {
        "containers": [container(number) for number in range(200)],
        "domains": [domain(f"shop-{number}.example.com") for number in range(500)],
    }
    agent.accepted(hub.client, sections(hub.clock(), **many))
    assert hub.database.value("select count(*) from container") == 200
    assert hub.database.value("select count(*) from domain") == 500


def test_a_clock_that_is_a_day_off_decides_nothing(hub: Hub) -> None:
    agent = hub.agent()
    for skew, said in ((86400, "2026-12-01T09:00:00.5Z"), (-86400, "2026-11-29T09:00:00Z")):
        hub.clock.at = hub.clock.at.replace(year=2026, month=11, day=30, hour=9, minute=0, second=0)
        agent.accepted(hub.client, sections(hub.clock(), containers=[container(1)]), taken_at=said)
        shown = hub.node()
        assert shown["freshness"] == "fresh"
        assert abs(shown["skew_seconds"] - skew) <= 1
