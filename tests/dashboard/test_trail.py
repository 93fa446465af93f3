"""Audit records as they arrive: each once and in order, and every break of their chain is kept and shown."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import GENESIS, content_of

from hubapp import Hub
from hubnode import NodeAgent, container, sections, trail


def lines(hub: Hub) -> list[str]:
    """Return the lines that the hub has, in the order in which they came."""
    return [line for (line,) in hub.database.rows("select line from audit order by number")]


def breaks(hub: Hub) -> list[str]:
    return [found["kind"] for found in hub.node()["audit_breaks"]]


def hash_of(line: str) -> str:
    return content_of(line)[1]


def sent(agent: NodeAgent, hub: Hub, records: Sequence[str]) -> None:
    answer = agent.accepted(hub.client, records=records)
    assert answer["audit_after"] == hash_of(records[-1])


def edited(line: str) -> str:
    """Return a record with another target and the hash of before."""
    return line.replace("shop.example.com", "evil.example.com")


def test_each_record_arrives_once_and_in_order(hub: Hub) -> None:
    agent, made = hub.agent(), trail(1200)
    rest = list(made)
    beats = 0
    while rest:
        answer = agent.accepted(hub.client, records=rest)
        beats += 1
        arrived = next(number for number, line in enumerate(made) if hash_of(line) == answer["audit_after"]) + 1
        rest = made[arrived:]
        assert answer["more"] is bool(rest), "the hub asks for more as long as there is more"
        assert hub.node()["audit"] == {"after": answer["audit_after"], "left": len(rest), "error": None}
    assert beats == 3
    assert lines(hub) == made
    assert breaks(hub) == []
    [row] = hub.database.rows("select verb, actor, target, status, whole, at::text from audit order by number limit 1")
    assert row == ("site.provision", "ops", "shop.example.com", "ok", True, "2026-11-30 08:00:00+00")


def test_an_agent_that_lost_the_cursor_asks_for_it(hub: Hub) -> None:
    agent, made = hub.agent(), trail(20)
    sent(agent, hub, made[:10])
    agent.epoch, agent.sequence, agent.after = "cd" * 16, 0, None
    answer = agent.accepted(hub.client, left=20)
    assert (answer["audit_after"], answer["more"]) == (hash_of(made[9]), True)
    sent(agent, hub, made[10:])
    assert lines(hub) == made
    assert breaks(hub) == []


def test_a_trail_that_cannot_be_read_is_told(hub: Hub) -> None:
    agent, made = hub.agent(), trail(2)
    sent(agent, hub, made)
    agent.accepted(hub.client, audit_error="Permission denied")
    assert hub.node()["audit"] == {"after": hash_of(made[-1]), "left": 0, "error": "Permission denied"}


def test_records_whose_answer_was_lost_come_again_and_are_kept_once(hub: Hub) -> None:
    agent, made = hub.agent(), trail(10)
    sent(agent, hub, made[:6])
    sent(agent, hub, made[3:])
    assert lines(hub) == made
    assert breaks(hub) == []


def test_a_beat_without_records_keeps_the_cursor(hub: Hub) -> None:
    agent, made = hub.agent(), trail(2)
    sent(agent, hub, made)
    assert agent.accepted(hub.client)["audit_after"] == hash_of(made[-1])


def test_a_gap_is_kept_and_the_beat_is_taken(hub: Hub) -> None:
    agent, made = hub.agent(), trail(10)
    sent(agent, hub, made[:3])
    answer = agent.accepted(hub.client, sections(hub.clock(), containers=[container(1)]), records=made[5:])
    assert answer["audit_after"] == hash_of(made[-1])
    [found] = hub.node()["audit_breaks"]
    assert (found["kind"], found["after"]) == ("gap", hash_of(made[2]))
    assert lines(hub) == made[:3] + made[5:]
    assert len(hub.node()["sections"]["containers"]["rows"]) == 1


def test_an_edited_record_is_kept_as_a_break(hub: Hub) -> None:
    agent, made = hub.agent(), trail(5)
    made[2] = edited(made[2])
    sent(agent, hub, made)
    assert breaks(hub) == ["edited"]
    assert lines(hub) == made
    assert hub.database.rows("select target from audit where not whole") == [("evil.example.com",)]
    # The trail goes on behind it without a further break.
    more = trail(2, after=hash_of(made[-1]), first=6)
    sent(agent, hub, more)
    assert breaks(hub) == ["edited"]


def test_a_record_that_is_edited_later_is_sent_again_as_another_one(hub: Hub) -> None:
    """A trail that was restored sends everything again; what the hub has stays, and the edit is seen."""
    agent, made = hub.agent(), trail(5)
    sent(agent, hub, made)
    again = [*made[:1], edited(made[1]), *made[2:]]
    sent(agent, hub, again)
    assert "edited" in breaks(hub)
    assert [line for line in lines(hub) if line in made] == made


def test_a_restored_trail_arrives_and_leaves_a_gap(hub: Hub) -> None:
    """The image has the first 600 records, and goes on in another way than the trail that the hub knows."""
    agent, made = hub.agent(), trail(700)
    for start in range(0, 700, 500):
        sent(agent, hub, made[start : start + 500])
    restored = [*made[:600], *trail(50, after=hash_of(made[599]), first=5000)]
    # The agent does not know the hub's last record any more, and begins with its oldest one.
    done: list[str] = []
    while len(done) < len(restored):
        answer = agent.accepted(hub.client, records=restored[len(done) : len(done) + 500])
        place = next(number for number, line in enumerate(restored) if hash_of(line) == answer["audit_after"])
        assert place >= len(done), "the cursor moves on, although all of these records are known"
        done = restored[: place + 1]
    assert lines(hub) == made + restored[600:]
    [found] = hub.node()["audit_breaks"]
    assert (found["kind"], found["after"]) == ("gap", hash_of(made[-1]))


def test_a_trail_that_begins_late_says_so(hub: Hub) -> None:
    agent, made = hub.agent(), trail(5)
    sent(agent, hub, made[2:])
    assert breaks(hub) == ["begins_late"]


def test_a_trail_that_begins_anew_is_a_gap(hub: Hub) -> None:
    agent = hub.agent()
    sent(agent, hub, trail(3))
    sent(agent, hub, trail(2, after=GENESIS, first=900))
    assert breaks(hub) == ["gap"]


def test_hostile_records_are_data(hub: Hub) -> None:
    agent = hub.agent()
    [plain] = trail(1)
    head, tail = plain[: plain.index('"schema"')], plain[-75:]
    odd = [
        *trail(1, target="<script>alert(1)</script>\0\x1b[31m", verb="x" * 5000, status="'; drop table node; --"),
        head + '"schema":"\\ud800\\u0000","id":7,"actor":["a"],"time":{"a":1},"verb":null' + tail,
        head + "no JSON at all {" + tail,
        head + '"time":"9999-12-31T23:59:59-14:00","id":"y"' + tail,
    ]
    sent(agent, hub, odd)
    assert len(lines(hub)) == len(odd)
    assert breaks(hub).count("edited") == 3
    assert json.loads(lines(hub)[0])["target"].startswith("<script>")
    for (target,) in hub.database.rows("select target from audit where target is not null"):
        assert target.isprintable()
    assert hub.database.value("select max(length(verb)) from audit") == 300


def test_two_nodes_may_have_the_same_record(hub: Hub) -> None:
    one, two, made = hub.agent("vps-01"), hub.agent("vps-02"), trail(3)
    sent(one, hub, made)
    sent(two, hub, made)
    assert hub.database.value("select count(*) from audit") == 6
    assert breaks(hub) == []
