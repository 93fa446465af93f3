"""One record with all that it says, the chains, how long records are kept, and what needs attention."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.generations import GenerationChange
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import (
    Counts,
    TaskChange,
    content_of,
)

from hostile import PAYLOADS
from hub.moments import rfc3339
from hub.trails.cleaning import clean
from hub.trails.recent import attention_of_trails, last_operations
from hubapp import Hub, started
from hubdatabase import Database, Postgres
from hubnode import trail

PATH = "/api/v1/audit"
DIFF = (
    "--- before: sites/a.conf\n+++ after: sites/a.conf\n@@ -1,2 +1,2 @@\n server {\n-  old <b>\n+\tnew &amp;\x1b[31m\n"
)


def hash_of(line: str) -> str:
    return content_of(line)[1]


def record(hub: Hub, found: str) -> dict[str, Any]:
    response = hub.client.get(f"{PATH}/{found}")
    assert response.status_code == 200, response.text
    return dict(response.json())


def items(hub: Hub) -> list[tuple[str, str, str]]:
    with hub.state.engine.connect() as connection:
        return [(item.kind, item.what, item.where) for item in attention_of_trails(connection, at=hub.clock())]


def stamps(at: datetime, **ago: float) -> str:
    return (at - timedelta(**ago)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_a_record_shows_all_that_it_says(hub: Hub) -> None:
    one, two = hub.agent("vps-01"), hub.agent("vps-02")
    run = "01936f00-0000-7000-8000-0000000000aa"
    change = GenerationChange(
        before=7, after=8, changed=("a.test",), host="vps-02", diffs={"a.test": DIFF}, outcome="put_back", cut_bytes=12
    )
    said = {
        "id": run,
        "arguments": {"site_domain": "a.test", "secret": "***", "number": 3},
        "counts": {"vps-02": Counts(3, 1, 1, 0)},
        "changes": (TaskChange("vps-02", "Write the site", "flowbiz.vsa.site", DIFF),),
        "generations": (change,),
        "hosts": ("vps-02",),
        "error": "nginx says no",
        "status": "failed",
        "playbook": "flowbiz.vsa.site.provision",
    }
    [began] = trail(1, id=run, kind="started", status="started", duration=None)
    [ended] = trail(1, after=hash_of(began), first=3, kind="finished", **said)
    one.accepted(hub.client, records=[began, ended])
    [changed] = trail(1, first=2, **said)
    two.accepted(hub.client, records=[changed])

    view = record(hub, hash_of(ended))
    assert [(row["kind"], row["writer"]) for row in view["records"]] == [
        ("started", "vps-01"),
        ("change", "vps-02"),
        ("finished", "vps-01"),
    ]
    assert view["run"]["status"] == "failed"
    assert view["run"]["nodes"] == ["vps-01", "vps-02"]
    full = view["record"]
    assert full["arguments"] == [
        {"name": "site_domain", "value": "a.test"},
        {"name": "secret", "value": "***"},
        {"name": "number", "value": "3"},
    ]
    assert full["counts"] == [{"host": "vps-02", "ok": 3, "changed": 1, "failed": 1, "unreachable": 0}]
    assert (full["controller"], full["version"], full["user"], full["whole"]) == ("desk", "0.4.0", "ops", True)
    [generation] = full["generations"]
    assert (generation["before"], generation["after"], generation["outcome"]) == (7, 8, "put_back")
    expected = [
        ("#", "--- before: sites/a.conf"),
        ("#", "+++ after: sites/a.conf"),
        ("@", "@@ -1,2 +1,2 @@"),
        ("", "server {"),
        ("-", "  old <b>"),
        ("+", " new &amp;\\x1b[31m"),
    ]
    for diff in (generation["diffs"][0]["diff"], full["changes"][0]["diff"]):
        assert [(line["sign"], line["text"]) for line in diff][: len(expected)] == expected
    # Each of the three leads to the same run.
    assert record(hub, hash_of(began))["run"]["status"] == "failed"
    assert record(hub, hash_of(changed))["record"]["writer"] == "vps-02"


def test_records_of_a_foreign_form_are_shown_as_they_are(hub: Hub) -> None:
    agent = hub.agent()
    [plain] = trail(1)
    head, tail = plain[: plain.index('"schema"')], plain[-75:]
    odd = [
        head + "no JSON at all {" + tail,
        head + '"schema":"\\ud800","id":7,"actor":["a"],"changes":{"a":1},"counts":[1],"generations":[7]' + tail,
        head + '"hosts":[1,{}],"arguments":{"a":{"b":[1]}},"changes":[{"diff":7}],"generations":[{"diffs":[]}]' + tail,
    ]
    agent.accepted(hub.client, records=odd)
    rows = hub.client.get(PATH).json()["rows"]
    assert len(rows) == 3
    assert [row["whole"] for row in rows] == [False] * 3
    shown = [record(hub, row["hash"])["record"] for row in rows]
    assert [entry["line"] is not None for entry in shown].count(True) == 1


def test_hostile_words_are_words(hub: Hub) -> None:
    agent = hub.agent()
    words = [word for word in PAYLOADS if "\ud800" not in word]
    made = [
        line
        for number, word in enumerate(words)
        for line in trail(1, id=f"run-{number}", verb=word, target=word, error=word, status=word or "x")
    ]
    for start in range(0, len(made), 500):
        agent.accepted(hub.client, records=made[start : start + 500])
    before = hub.database.value("select count(*) from audit")
    for word in words:
        for name in ("actor", "node", "verb", "target", "run"):
            response = hub.client.get(PATH, params={name: word})
            assert response.status_code == (400 if "\0" in word.strip() else 200), (name, word, response.text)
            for row in response.json().get("rows", ()):
                assert not re.search(r"[\x00-\x1f\x7f]", row["verb"])
    assert hub.database.value("select count(*) from audit") == before
    assert hub.client.get(PATH, params={"before": "x'; drop table audit; --"}).status_code == 400


def test_chains_say_where_they_break_and_since_when(hub: Hub) -> None:
    whole, broken, quiet = hub.agent("vps-01"), hub.agent("vps-02"), hub.agent("vps-03")
    made = trail(20)
    whole.accepted(hub.client, records=made)
    broken.accepted(hub.client, records=made[:2])
    at = hub.clock()
    for number in range(4, 18, 2):
        broken.accepted(hub.client, records=made[number : number + 1])
    quiet.accepted(hub.client, audit_error="Permission denied")
    hub.agent("vps-04")
    chains = {entry["writer"]: entry for entry in hub.client.get(PATH).json()["chains"]}
    assert {name: entry["state"] for name, entry in chains.items()} == {
        "vps-01": "whole",
        "vps-02": "broken",
        "vps-03": "unread",
        "vps-04": "none",
    }
    assert chains["vps-03"]["error"] == "Permission denied"
    found = chains["vps-02"]
    assert found["since"] == rfc3339(at)
    assert (len(found["breaks"]), found["more"]) == (5, True)
    assert {entry["kind"] for entry in found["breaks"]} == {"gap"}
    assert found["breaks"][0]["hash"] == hash_of(made[16])
    assert [item for item in items(hub) if item[0] == "bad"] == [
        ("bad", "the audit trail of vps-02 is not whole", "vps-02")
    ]
    hub.clock.forward(31 * 86400)
    assert items(hub) == []


def test_records_go_after_their_time_and_leave_no_break(own_database: Database) -> None:
    with started(own_database) as hub:
        agent, at = hub.agent(), hub.clock()
        old = trail(1500, time=stamps(at, days=401))
        new = trail(10, after=hash_of(old[-1]), first=2000, time=stamps(at, days=399))
        for start in range(0, 1500, 500):
            agent.accepted(hub.client, records=old[start : start + 500])
        agent.accepted(hub.client, records=new)
        # They came just now: a clock that goes wrong lets nothing vanish.
        assert clean(own_database.engine, before=hub.state.trails.oldest(hub.clock()), pause=0) == 0
        own_database.rows("update audit set received_at = at")
        assert clean(own_database.engine, before=hub.state.trails.oldest(hub.clock()), batch=400, pause=0) == 1500
        assert own_database.value("select count(*) from audit") == 10
        # A trail that is sent again from its beginning brings back nothing, and breaks nothing.
        for start in range(0, 1500, 500):
            assert agent.accepted(hub.client, records=old[start : start + 500])["audit_after"]
        agent.accepted(hub.client, records=[*new, *trail(1, after=hash_of(new[-1]), first=3000)])
        assert own_database.value("select count(*) from audit") == 11
        assert hub.node()["audit_breaks"] == []
        # What is missing behind it is still seen.
        agent.accepted(hub.client, records=trail(1, after="ab" * 32, first=4000))
        assert [found["kind"] for found in hub.node()["audit_breaks"]] == ["gap"]


def test_a_new_node_may_have_a_trail_from_before(hub: Hub) -> None:
    agent, at = hub.agent(), hub.clock()
    old = trail(700, time=stamps(at, days=900))
    new = trail(1, after=hash_of(old[-1]), first=2000, time=stamps(at, days=1))
    agent.accepted(hub.client, records=old[:500])
    agent.accepted(hub.client, records=[*old[500:], *new])
    assert hub.database.value("select count(*) from audit") == 701
    assert hub.node()["audit_breaks"] == []


def test_runs_that_left_something_half_done_need_attention(hub: Hub) -> None:
    agent, at = hub.agent(), hub.clock()
    said = [
        ("r1", "not_put_back", "a.test", 5.0),
        ("r2", "failed", "b.test", 4.0),
        ("r3", "interrupted", "c.test", 3.0),
        ("r4", "not_put_back", "d.test", 30.0),
    ]
    after = "0" * 64
    for number, (run, status, target, hours) in enumerate(said):
        time = stamps(at, hours=hours)
        [line] = trail(1, after=after, first=number, id=run, status=status, target=target, time=time)
        agent.accepted(hub.client, records=[line])
        after = hash_of(line)
    hub.clock.at = at
    assert items(hub) == [
        ("warn", "site.provision c.test ended as interrupted", "vps-01"),
        ("bad", "site.provision a.test ended as not put back", "vps-01"),
    ]
    # The same verb on the same target ended well since then.
    agent.clock.forward(60)
    [line] = trail(1, after=after, first=90, id="r5", target="a.test", time=stamps(at, hours=1))
    agent.accepted(hub.client, records=[line])
    assert [item[1] for item in items(hub)] == ["site.provision c.test ended as interrupted"]


def test_the_overview_has_the_last_operations_and_those_of_a_day(hub: Hub) -> None:
    agent, at = hub.agent(), hub.clock()
    after = "0" * 64
    for number, hours in enumerate((30.0, 5.0, 3.0, 1.0)):
        status = "failed" if number == 2 else "ok"
        [line] = trail(1, after=after, first=number, id=f"r{number}", status=status, time=stamps(at, hours=hours))
        agent.accepted(hub.client, records=[line])
        after = hash_of(line)
    hub.clock.at = at
    with hub.state.engine.connect() as connection:
        rows = last_operations(connection, 2)
    assert [(row["run"], row["status"], row["node"]) for row in rows] == [
        ("r3", "ok", "vps-01"),
        ("r2", "failed", "vps-01"),
    ]
    counted = hub.state.operations().counted
    assert counted is not None
    assert (counted["total"], sum(counted["hours"])) == (3, 3)
    assert counted["parts"] == [["ok", 2, "ended well"], ["bad", 1, "did not"]]


def test_without_its_database_the_page_is_there_and_says_so(postgres: Postgres) -> None:
    with postgres.database() as database, started(database) as hub:
        agent = hub.agent()
        made = trail(2)
        agent.accepted(hub.client, records=made)
        postgres.stop()
        try:
            response = hub.client.get(PATH)
            single = hub.client.get(f"{PATH}/{hash_of(made[0])}")
        finally:
            postgres.start()
        assert response.status_code == 200
        page = response.json()
        assert (page["rows"], page["about"], page["chains"]) == ([], None, None)
        [source] = [entry for entry in page["sources"] if entry["name"] == "PostgreSQL"]
        assert source["state"] == "bad"
        assert source["text"].startswith(f"does not answer since {rfc3339(hub.clock())}")
        assert single.status_code == 503
        back = hub.client.get(PATH).json()
        assert len(back["rows"]) == 2
        assert back["sources"][0]["state"] == "ok"
