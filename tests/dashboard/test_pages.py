"""The pages of the fleet and their JSON twins: what they show is what the nodes sent, in whatever state the hub is."""

from __future__ import annotations

import re
import shlex
import subprocess
from typing import Any

import pytest
from sqlalchemy import event

import rig
from hub.fleet.growth import full_in_days
from hub.web.frame import DIGEST_HEADER, TIME_HEADER
from hubapp import Hub, started
from hubdatabase import Database
from hubnode import NodeAgent, container, domain, sections, stamp, trail

PAGES = ("/", "/containers", "/domains", "/certificates", "/vps", "/search?q=shop")
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
JSON = {"Accept": "application/json"}
HOUR = 3600
MIB = 1 << 20


def certificate(name: str, at: Any, *, days: int = 60, **fields: Any) -> dict[str, Any]:
    """Return a certificate's row that is valid for 90 days, of which ``days`` are left."""
    begins, ends = at.timestamp() - (90 - days) * 24 * HOUR, at.timestamp() + days * 24 * HOUR + HOUR
    times = {"not_before": _text(at, begins), "not_after": _text(at, ends)}
    made = {"name": name, "names": [name], "issuer": "Test CA", "key": "ECDSA P-256", "state": "ok"}
    return {**made, **times, "fingerprint": "ab" * 32, **fields}


def _text(at: Any, seconds: float) -> str:
    return stamp(type(at).fromtimestamp(seconds, tz=at.tzinfo))


def served(name: str, at: Any, **fields: Any) -> dict[str, Any]:
    return {"domain": name, "at": stamp(at), "fingerprint": "ab" * 32, "not_after": None, "error": None, **fields}


def page(hub: Hub, path: str, **headers: str) -> str:
    response = hub.client.get(path, headers={**HTML, **headers})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return response.text


def rows(hub: Hub, path: str) -> list[dict[str, Any]]:
    response = hub.client.get(path, headers=JSON)
    assert response.status_code == 200, response.text
    return list(response.json()["list"]["rows"])


def shop(hub: Hub) -> NodeAgent:
    """Let a node report one site of everything, all of it well."""
    agent = hub.agent()
    at = hub.clock()
    machine = {"id": "node", "cpus": 4, "memory_bytes": 8192 * MIB, "os": "Debian 13"}
    figures = {
        "id": "node",
        "load1": 1.5,
        "memory_available_bytes": 4096 * MIB,
        "disks": [{"mount": "/", "bytes": 1000 * MIB, "used_bytes": 850 * MIB}],
    }
    found = {
        "node": [machine],
        "figures": [figures],
        "containers": [container(1, memory_limit_bytes=512 * MIB, stack="shop")],
        "usage": [{"id": container(1)["id"], "memory_bytes": 100 * MIB}],
        "domains": [domain("shop.example.com", tenant="acme")],
        "certificates": [certificate("shop.example.com", at)],
        "served": [served("shop.example.com", at)],
    }
    agent.accepted(hub.client, sections(at, **found))
    return agent


# -- every page -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_a_page_and_its_json_are_of_one_view(hub: Hub, path: str) -> None:
    shop(hub)
    assert "<h1>" in page(hub, path)
    same = hub.client.get(path, headers=JSON).json()
    name = path.partition("?")[0].strip("/") or "overview"
    query = path.partition("?")[2]
    twin = hub.client.get(f"/api/v1/{name}?{query}").json()
    assert _without_time(twin) == _without_time(same)


def _without_time(view: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in view.items() if name != "time"}


@pytest.mark.parametrize("path", PAGES)
def test_a_fresh_hub_has_every_page(hub: Hub, path: str) -> None:
    text = page(hub, path)
    assert not re.search(r"\b(nan|None|undefined)\b", text)


@pytest.mark.parametrize("path", PAGES)
def test_no_page_has_anything_that_the_policy_would_block(hub: Hub, path: str) -> None:
    shop(hub)
    response = hub.client.get(path, headers=HTML)
    text = response.text
    assert not re.search(r"\sstyle=|\son[a-z]+=|hx-on|javascript:", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert not re.search(r"<style", text)
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy


def test_the_pages_are_described(hub: Hub) -> None:
    paths = hub.client.get("/api/v1/openapi.json").json()["paths"]
    for name in ("overview", "containers", "domains", "certificates", "vps", "search"):
        assert "get" in paths[f"/api/v1/{name}"]
    # Nothing but beats writes.
    assert [path for path, methods in paths.items() if set(methods) - {"get"}] == ["/api/v1/agent/beat"]


def test_a_page_that_is_not_there_says_so(hub: Hub) -> None:
    response = hub.client.get("/nothing", headers=HTML)
    assert response.status_code == 404
    assert "<h1>Not found</h1>" in response.text
    assert hub.client.get("/nothing", headers=JSON).json()["error"]["code"] == "http"


# -- refreshes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_a_refresh_without_news_has_no_body(hub: Hub, path: str) -> None:
    agent = shop(hub)
    digest = re.search(r'data-digest="([0-9a-f]+)"', page(hub, path))
    assert digest
    hub.clock.forward(10)
    headers = {**HTML, "HX-Request": "true", DIGEST_HEADER: digest[1]}
    response = hub.client.get(path, headers=headers)
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers[TIME_HEADER].startswith(stamp(hub.clock())[:19])
    hub.clock.forward(20)
    agent.accepted(hub.client, sections(hub.clock(), domains=[domain("shop2.example.com")], containers=[container(2)]))
    hub.state.fleet.view()
    if path not in ("/certificates", "/vps"):
        assert hub.client.get(path, headers=headers).status_code == 200


def test_a_fleet_that_nobody_changed_is_not_read_again(hub: Hub) -> None:
    shop(hub)
    asked: list[str] = []
    note = lambda *said: asked.append(str(said[2]))  # noqa: E731
    event.listen(hub.state.engine, "before_cursor_execute", note)
    try:
        first = hub.state.fleet.view()
        read = len(asked)
        asked.clear()
        hub.clock.forward(10)
        second = hub.state.fleet.view()
        assert len(asked) <= 2 < read
        assert second.rows is first.rows
        assert second.snapshot.at == hub.clock()
        # A write that the hub itself did not make is seen by the next look.
        hub.database.rows("update node set provider = 'kamatera'")
        assert hub.state.fleet.view().machines[0]["provider"] == "kamatera"
        # Time alone makes a node silent.
        hub.clock.forward(200)
        assert hub.state.fleet.view().machines[0]["word"] == "silent"
    finally:
        event.remove(hub.state.engine, "before_cursor_execute", note)


def test_a_node_that_falls_silent_changes_the_page(hub: Hub) -> None:
    shop(hub)
    before = re.search(r'data-digest="([0-9a-f]+)"', page(hub, "/containers"))
    assert before
    hub.clock.forward(200)
    text = page(hub, "/containers", **{"HX-Request": "true", DIGEST_HEADER: before[1]})
    assert "is-old" in text
    [row] = rows(hub, "/containers")
    assert (row["is_old"], row["kind"], row["word"]) == (True, "silent", "healthy")


# -- figures --------------------------------------------------------------------------------------------------------


def test_the_figures_are_those_that_the_node_sent(hub: Hub) -> None:
    shop(hub)
    [row] = rows(hub, "/containers")
    assert (row["memory_bytes"], row["memory_limit_bytes"], row["sites"]) == (
        100 * MIB,
        512 * MIB,
        ["shop.example.com"],
    )
    [site] = rows(hub, "/domains")
    assert (site["kind"], site["word"], site["certificate"]["state"]) == ("ok", "serving", "ok")
    [found] = rows(hub, "/certificates")
    assert (found["kind"], found["days_left"], found["served"]["word"]) == ("ok", 60, "same")
    [machine] = hub.client.get("/api/v1/vps").json()["nodes"]
    assert machine["memory"] == {"used_bytes": 4096 * MIB, "bytes": 8192 * MIB, "part": 0.5, "kind": "ok"}
    assert machine["disks"][0]["kind"] == "warn"
    tiles = {tile["name"]: tile["value"] for tile in hub.client.get("/api/v1/overview").json()["tiles"]}
    assert (tiles["Nodes"], tiles["Sites"], tiles["Containers"], tiles["Certificates"]) == (1, 1, 1, 1)
    assert tiles["Requests, 24 h"] is None, "nobody counted, so there is no figure"


STATES: dict[str, tuple[dict[str, Any], str, str]] = {
    "healthy": ({}, "ok", "healthy"),
    "no health check": ({"health": None}, "ok", "running"),
    "unhealthy": ({"health": "unhealthy"}, "bad", "unhealthy"),
    "starting": ({"health": "starting"}, "busy", "starting"),
    "restarting": ({"state": "restarting", "health": None}, "bad", "restarting"),
    "killed": ({"state": "exited", "health": None, "exit_code": 137}, "bad", "exit 137"),
    "stopped": ({"state": "exited", "health": None, "exit_code": 0}, "old", "stopped"),
    "paused": ({"state": "paused"}, "warn", "paused"),
    "a new state": ({"state": "levitating"}, "old", "levitating"),
}


@pytest.mark.parametrize("name", STATES)
def test_the_state_of_a_container(hub: Hub, name: str) -> None:
    fields, kind, word = STATES[name]
    hub.agent().accepted(hub.client, sections(hub.clock(), containers=[container(1, **fields)]))
    [row] = rows(hub, "/containers")
    assert (row["kind"], row["word"]) == (kind, word)


CERTIFICATES: dict[str, tuple[dict[str, Any], dict[str, Any] | None, str, str]] = {
    "good": ({}, {}, "ok", "good"),
    "not asked": ({}, None, "old", "not checked"),
    "older one served": ({}, {"fingerprint": "cd" * 32, "not_after": "2020-01-01T00:00:00Z"}, "bad", "wrong"),
    "no answer": ({}, {"error": "connection refused", "fingerprint": None}, "bad", "wrong"),
    "expired": ({"state": "expired"}, {}, "bad", "expired"),
    "overdue": ({"state": "expiring"}, {}, "warn", "overdue"),
    "due": ({"state": "due"}, {}, "busy", "renewing"),
    "due, last try failed": (
        {"state": "due", "last_attempt": {"at": "2026-11-30T00:00:00Z", "error": "CAA"}},
        {},
        "warn",
        "due",
    ),
    "cannot renew": ({"state": "cannot renew"}, {}, "warn", "cannot renew"),
}


@pytest.mark.parametrize("name", CERTIFICATES)
def test_the_state_of_a_certificate(hub: Hub, name: str) -> None:
    fields, asked, kind, word = CERTIFICATES[name]
    at, shown = hub.clock(), "shop.example.com"
    found = {
        "certificates": [certificate(shown, at, **fields)],
        "domains": [domain(shown)],
        "served": [] if asked is None else [served(shown, at, **asked)],
    }
    hub.agent().accepted(hub.client, sections(at, **found))
    [row] = rows(hub, "/certificates")
    assert (row["kind"], row["word"]) == (kind, word)


# -- lists ----------------------------------------------------------------------------------------------------------


def many(hub: Hub) -> None:
    """Let two nodes report 250 containers."""
    for number, node in enumerate(("vps-01", "vps-02")):
        found = [
            container(number * 1000 + index, health="unhealthy" if index == 7 else "healthy", restarts=index)
            for index in range(125)
        ]
        hub.agent(node).accepted(hub.client, sections(hub.clock(), containers=found))


def test_the_pages_of_a_list_have_each_row_once(hub: Hub) -> None:
    many(hub)
    found = [row["id"] for number in (1, 2, 3) for row in rows(hub, f"/containers?page={number}")]
    assert len(found) == len(set(found)) == 250
    assert len(rows(hub, "/containers?page=3")) == 50
    assert rows(hub, "/containers?page=99") == rows(hub, "/containers?page=3")
    assert [row["kind"] for row in rows(hub, "/containers")[:3]] == ["bad", "bad", "ok"], "the worst first"


def test_a_list_is_filtered_and_sorted(hub: Hub) -> None:
    many(hub)
    assert {row["node"] for row in rows(hub, "/containers?node=vps-02")} == {"vps-02"}
    assert [row["name"] for row in rows(hub, "/containers?q=web-1007")] == ["web-1007"]
    assert len(rows(hub, "/containers?state=bad")) == 2
    restarts = [row["restarts"] for row in rows(hub, "/containers?sort=-restarts")]
    assert restarts == sorted(restarts, reverse=True)
    counts = hub.client.get("/api/v1/containers?state=bad").json()["list"]
    assert (counts["total"], counts["all"], counts["counts"]["ok"]) == (2, 250, 248)


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "page=1e9", "sort=body", "state=green", "q=" + "x" * 254, "q=%00"]
)
def test_a_question_with_a_mistake_is_refused(hub: Hub, query: str) -> None:
    response = hub.client.get(f"/api/v1/containers?{query}")
    assert response.status_code == 400
    assert response.json()["error"]["field"] == query.partition("=")[0]
    assert hub.client.get(f"/containers?{query}", headers=HTML).status_code == 400


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; drop table node; --",
    "{{ 7 * 7 }}",
    "%{7*7}",
    "\u202eexe.gpj",
    "a" * 300,
    "$(reboot)",
    "`reboot`",
    "../../etc/passwd",
    "\\",
    "&lt;b&gt;",
    "javascript:alert(1)",
)


def test_hostile_names_are_text(hub: Hub) -> None:
    at = hub.clock()
    names = [name[:253] for name in HOSTILE]
    found = {
        "containers": [container(index, name=name, image=name, stack=name, health="unhealthy") for index, name in
                       enumerate(names)],
        "domains": [domain(f"d{index}.example.com", tenant=name, problems=[name], state="down", aliases=[name]) for
                    index, name in enumerate(names)],
        "certificates": [certificate(f"d{index}.example.com", at, issuer=name, why=name, state="expired") for
                         index, name in enumerate(names)],
    }  # fmt: skip
    hub.agent().accepted(hub.client, sections(at, **found))
    for path in ("/", "/containers", "/domains", "/certificates", "/vps"):
        text = page(hub, path)
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "49" not in re.findall(r">\s*(49)\s*<", text)
    for name in names:
        for path in ("/containers", "/search", "/vps"):
            response = hub.client.get(path, params={"q": name}, headers=HTML)
            assert response.status_code == 200
            assert "<script>alert" not in response.text
    # A command to copy is one command, whatever the names are.
    for item in hub.client.get("/api/v1/overview").json()["attention"]:
        words = shlex.split(item["command"])
        assert words[0] == "vsa"
        assert words[-2:] == ["--limit", "vps-01"]


# -- sources --------------------------------------------------------------------------------------------------------


def test_a_source_that_fails_leaves_its_rows_and_is_named(hub: Hub) -> None:
    agent = shop(hub)
    hub.clock.forward(30)
    agent.accepted(hub.client, sections(hub.clock(), containers="Docker does not answer"))
    text = page(hub, "/containers")
    assert "web-1" in text
    assert "Docker does not answer" in text
    bad = [source for source in hub.client.get("/api/v1/containers").json()["sources"] if source["state"] == "bad"]
    assert [source["name"] for source in bad] == ["vps-01"]


def test_what_no_beat_ever_had_is_not_none(hub: Hub) -> None:
    agent = hub.agent()
    assert hub.client.get("/api/v1/vps").json()["nodes"][0]["containers"] is None, "the node never sent a beat"
    agent.accepted(hub.client, sections(hub.clock(), containers="Docker does not answer", domains=[]))
    row = hub.client.get("/api/v1/vps").json()["nodes"][0]
    assert (row["containers"], row["sites"]) == (None, 0)
    text = page(hub, "/vps")
    assert "They were never read." in text
    assert re.search(r'href="/containers\?node=vps-01">\s*—', text)


@pytest.mark.parametrize("path", PAGES)
def test_without_its_database_a_page_shows_what_it_read_last(own_database: Database, path: str) -> None:
    with started(own_database) as hub:
        shop(hub)
        page(hub, path)
        own_database.server.stop()
        try:
            hub.clock.forward(300)
            text = page(hub, path)
        finally:
            own_database.server.start()
        assert "does not answer since" in text
        view = hub.client.get("/api/v1/vps").json()
        assert view["sources"][0]["state"] == "ok", "and afterwards it is read again"


def test_a_hub_that_never_had_its_database_invents_nothing(own_database: Database) -> None:
    with started(own_database) as hub:
        own_database.server.stop()
        try:
            text = page(hub, "/containers")
            view = hub.client.get("/containers", headers=JSON).json()
        finally:
            own_database.server.start()
    assert "does not answer since" in text
    assert view["list"]["rows"] == []
    assert view["sources"][0]["at"] is None


# -- attention ------------------------------------------------------------------------------------------------------


def test_every_verb_that_is_shown_exists(hub: Hub) -> None:
    agent = hub.agent()
    at = hub.clock()
    disks = [{"mount": "/", "bytes": 100, "used_bytes": 95}]
    found = {
        "node": [{"id": "node", "cpus": 2, "memory_bytes": 100}],
        "figures": [{"id": "node", "load1": 1.0, "memory_available_bytes": 1, "disks": disks}],
        "containers": [container(1, health="unhealthy"), container(2, state="restarting", stack="crm")],
        "domains": [domain("shop.example.com", state="down", problems=["no container"])],
        "certificates": [certificate("a.example.com", at, state="expired"), certificate("shop.example.com", at)],
        "served": [served("shop.example.com", at, fingerprint="cd" * 32)],
        "stacks": "cannot be read",
    }
    # A trail with a hole, whose last run left something half done.
    records = [*trail(2), *trail(1, after="ab" * 32, first=9, status="not_put_back", time=stamp(at))]
    agent.accepted(hub.client, sections(at, **found), records=records)
    hub.database.rows("insert into attention values ('vps-01', 'two_agents', now(), now(), 2, '{}', 'copied')")
    hub.database.rows("update node set refused_at = now(), refused_code = 'too_soon', refused_text = 'too soon'")
    other = hub.agent("vps-02")
    del other
    items = [item.as_json() for item in hub.state.fleet.view().items]
    assert [item["kind"] for item in items] == sorted((item["kind"] for item in items), key="bad silent warn".find)
    commands = {item["command"] for item in items}
    assert {"vsa audit list --on vps-01"} < commands
    assert len(commands) >= 8
    assert sum(item["page"] == "audit" for item in items) == 2
    for command in sorted(commands):
        words = shlex.split(command)
        verb = [word for word in words[1:3] if not word.startswith("-")]
        done = subprocess.run([rig.command("vsa"), *verb, "--help"], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        for option in (word for word in words if word.startswith("--") and word != "--limit"):
            assert option in done.stdout, command


def test_an_item_is_gone_with_its_state(hub: Hub) -> None:
    agent, at = hub.agent(), hub.clock()
    agent.accepted(hub.client, sections(at, containers=[container(1, health="unhealthy")]))
    [item] = hub.client.get("/api/v1/overview").json()["attention"]
    assert item["what"] == "web-1: unhealthy"
    assert item["since"].startswith(stamp(at)[:19])
    hub.clock.forward(30)
    agent.accepted(hub.client, sections(hub.clock(), containers=[container(1)]))
    assert hub.client.get("/api/v1/overview").json()["attention"] == []


def test_a_node_that_is_removed_takes_its_rows_along(hub: Hub) -> None:
    shop(hub)
    assert len(rows(hub, "/containers")) == 1
    hub.database.rows("delete from node")
    assert rows(hub, "/containers") == []
    agent, at = hub.agent(), hub.clock()
    agent.accepted(hub.client, sections(at, containers=[container(1)]))
    [row] = rows(hub, "/containers")
    assert row["since"].startswith(stamp(at)[:19])


# -- growth ---------------------------------------------------------------------------------------------------------


def test_a_disk_that_fills_up_says_when_it_is_full(hub: Hub) -> None:
    agent = hub.agent()

    def disks(used: int) -> dict[str, Any]:
        return {"id": "node", "disks": [{"mount": "/", "bytes": 1000 * MIB, "used_bytes": used * MIB}]}

    # The middle of an hour: the beats below are of one hour or of two, as they should be.
    hub.clock.at = hub.clock.at.replace(minute=30, second=0)
    for hour in range(49):
        agent.accepted(hub.client, sections(hub.clock(), figures=[disks(800 + hour)]))
        hub.clock.forward(HOUR - 30)
    # Two beats of one hour are one point.
    agent.accepted(hub.client, sections(hub.clock(), figures=[disks(849)]))
    agent.accepted(hub.client, sections(hub.clock(), figures=[disks(850)]))
    assert hub.database.value("select count(*) from disk_point") == 50
    [machine] = hub.client.get("/api/v1/vps").json()["nodes"]
    # 150 MiB are left, at 24 MiB a day.
    assert machine["disks"][0]["full_in_days"] == 6
    [item] = hub.client.get("/api/v1/overview").json()["attention"]
    assert item["why"] == "85 % full · full in about 6 days if it grows on as in the last 30 days"
    hub.clock.forward(40 * 24 * HOUR)
    agent.accepted(hub.client, sections(hub.clock(), figures=[disks(850)]))
    assert hub.database.value("select count(*) from disk_point") == 1, "points older than 30 days are gone"


@pytest.mark.parametrize(("used", "slope"), [(500, None), (500, 0.0), (500, -1.0), (500, 1e-9)])
def test_a_disk_that_does_not_fill_up_says_nothing(used: int, slope: float | None) -> None:
    assert full_in_days({"bytes": 1000, "used_bytes": used}, slope) is None


# -- sizes ----------------------------------------------------------------------------------------------------------


def test_pages_are_packed_and_events_are_not(hub: Hub) -> None:
    many(hub)
    response = hub.client.get("/containers", headers={**HTML, "Accept-Encoding": "gzip"})
    assert response.headers["content-encoding"] == "gzip"
    assert int(response.headers["content-length"]) < 30_000
    assert "content-encoding" not in hub.client.get("/containers", headers={**HTML, "Accept-Encoding": ""}).headers
