"""Runs of controllers, which a genuine Loki has: merged with what nodes sent, each run once; and Loki away."""

from __future__ import annotations

import json
import os
import random
import re
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import (
    GENESIS,
    AuditRecord,
    Controller,
    RecordedActor,
    closing,
    content_of,
    seal,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.ids import uuid7
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._loki.ship import ship

import rig
from hub.trails import controllers
from hubapp import Hub, started
from hubdatabase import Postgres
from hubnode import FakeClock

PATH = "/api/v1/audit"
DESK = Controller(name="desk", id="00000000000000aa")
RUNS = 400
NOW = datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class Run:
    """A run as it was: when it began and ended, and when a node wrote that it was changed."""

    first: AuditRecord
    began: datetime
    last: AuditRecord | None = None
    ended: datetime | None = None
    change: AuditRecord | None = None
    changed: datetime | None = None


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def made_runs() -> list[Run]:
    """Return runs of two days: most are short, some take hours, some are under way, every third changed a node."""
    chance = random.Random(3)
    runs = []
    for number in range(RUNS):
        began = NOW - timedelta(hours=48) + timedelta(hours=47.5) * number / RUNS
        began = began.replace(microsecond=began.microsecond // 1000 * 1000)
        verb = ("site.list", "site.provision", "cert.status", "stack.up")[number % 4]
        first = AuditRecord(
            id=uuid7(int(began.timestamp() * 1000 + 0.5), randomness=number.to_bytes(10, "big")),
            kind="started",
            time=stamp(began),
            actor=RecordedActor(user=("anna", "ben")[number % 2]),
            controller=DESK,
            verb=verb,
            version="0.4.0",
            target=f"site-{number % 7}.test",
        )
        run = Run(first, began)
        if number % 41 != 40:
            seconds = 3 * 3600 if number % 37 == 5 else 1 + chance.random() * 9
            ended = min(began + timedelta(seconds=seconds), NOW - timedelta(seconds=1))
            status = "failed" if number % 11 == 3 else "ok"
            host = ("vps-01", "vps-02")[number % 5 == 0]
            last = closing(first, time=stamp(ended), status=status, hosts=(host,), duration=seconds)
            run = replace(run, last=last, ended=ended)
            if number % 3 == 0:
                changed = began + (ended - began) * 0.7
                said = {"kind": "change", "time": stamp(changed), "status": status, "hosts": (host,)}
                run = replace(run, change=replace(first, **said), changed=changed)
        runs.append(run)
    return runs


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return made_runs()


@pytest.fixture(scope="module")
def loki() -> Iterator[rig.Loki]:
    try:
        rig.engine_up()
        rig.loki_binary()
    except rig.RigError as problem:
        pytest.skip(f"no Loki: {problem}")
    switches = ["-ingester.max-chunk-age=720h", "-ingester.chunks-idle-period=24h"]
    found = rig.loki(f"audit-{os.getpid()}", switches=switches)
    yield found
    found.remove()


@pytest.fixture(scope="module")
def hub(postgres: Postgres, loki: rig.Loki, runs: list[Run], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub whose nodes sent their changes, and whose Loki has the trail of a controller, sent by the code of VSA."""
    _ship(tmp_path_factory.mktemp("trail"), loki.url, runs)
    clock = FakeClock()
    clock.at = NOW
    with postgres.database() as database, started(database, loki=loki.url, clock=clock) as found:
        for node in ("vps-01", "vps-02"):
            agent, after, lines = found.agent(node), GENESIS, []
            mine = [run.change for run in runs if run.change is not None and run.change.hosts == (node,)]
            for record in sorted(mine, key=lambda record: record.time):
                lines.append(seal(record, after))
                after = content_of(lines[-1])[1]
            agent.accepted(found.client, records=lines)
        clock.at = NOW
        yield found


def _ship(folder: Path, url: str, runs: list[Run]) -> None:
    records = [run.first for run in runs] + [run.last for run in runs if run.last is not None]
    after = GENESIS
    with (folder / "audit.jsonl").open("w", encoding="ascii") as stream:
        for record in sorted(records, key=lambda record: record.time):
            line = seal(record, after)
            after = content_of(line)[1]
            stream.write(f"{line}\n")
    deadline = time.monotonic() + 60
    while True:
        done = ship(trail=[folder / "audit.jsonl"], cursor=folder / "loki.json", url=url, writer=DESK.id)
        if not done.pending:
            assert not done.skipped
            return
        assert time.monotonic() < deadline, done


@pytest.fixture(autouse=True)
def fresh(hub: Hub) -> None:
    """Ask Loki anew in each test."""
    hub.state.trails.controllers._kept.clear()
    hub.state.trails.controllers._failed = float("-inf")


def fits(record: AuditRecord | None, filters: dict[str, str]) -> bool:
    if record is None:
        return False
    own = {"actor": record.actor.user, "verb": record.verb, "target": record.target, "run": record.id}
    for name, value in filters.items():
        if name == "status":
            fine = record.status not in ("ok", "started") if value == "not_ok" else record.status == value
        elif name == "node":
            fine = value in record.hosts
        else:
            fine = own[name] == value
        if not fine:
            return False
    return True


def expected(runs: list[Run], filters: dict[str, str]) -> list[str]:
    """Return the ids of the runs in the order of the list, by its rule in other words."""
    places: dict[str, datetime] = {}
    for run in runs:
        if fits(run.change, filters) and run.changed is not None:
            places[run.first.id] = run.changed
        elif fits(run.last, filters) and run.ended is not None and {"status", "node"} & set(filters):
            places[run.first.id] = run.ended
        elif fits(run.first, filters) or fits(run.last, filters):
            places[run.first.id] = run.began
    return sorted(places, key=lambda name: places[name], reverse=True)


def walked(hub: Hub, filters: dict[str, str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    before: dict[str, str] = {}
    for _page in range(200):
        response = hub.client.get(PATH, params={**filters, **before})
        assert response.status_code == 200, response.text
        page = response.json()
        assert {entry["name"]: entry["state"] for entry in page["sources"]} == {"PostgreSQL": "ok", "Loki": "ok"}
        rows += page["rows"]
        if page["next"] is None:
            return rows
        before = {"before": page["next"]}
    raise AssertionError("the pages have no end")


FILTERS: list[dict[str, str]] = [
    {},
    {"actor": "anna"},
    {"verb": "site.list"},
    {"target": "site-3.test"},
    {"status": "not_ok"},
    {"status": "failed", "actor": "ben"},
    {"node": "vps-02"},
    {"node": "vps-01", "status": "ok"},
    {"target": "nobody"},
]


@pytest.mark.parametrize("lines", [300, 40])
@pytest.mark.parametrize("filters", FILTERS, ids=lambda filters: " ".join(filters.values()) or "all")
def test_each_run_is_there_once_wherever_its_records_are(
    hub: Hub, runs: list[Run], filters: dict[str, str], lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controllers, "_MOST_LINES", lines)
    assert [row["run"] for row in walked(hub, filters)] == expected(runs, filters)


@pytest.mark.parametrize("filters", FILTERS[:8], ids=lambda filters: " ".join(filters.values()) or "all")
def test_a_row_has_what_all_sources_know(hub: Hub, runs: list[Run], filters: dict[str, str]) -> None:
    rows = {row["run"]: row for row in walked(hub, filters)}
    for run in runs:
        row = rows.get(run.first.id)
        if row is None:
            continue
        assert row["status"] == (run.last.status if run.last else "started"), run
        assert row["actor"] == run.first.actor.user
        assert row["controller"] is True
        assert row["nodes"] == (list(run.last.hosts) if run.last else [])
        if run.last is not None and run.last.duration is not None:
            assert row["seconds"] == pytest.approx(run.last.duration, abs=0.001)


def test_a_record_of_a_controller_opens_to_its_run(hub: Hub, runs: list[Run]) -> None:
    rows = {row["run"]: row for row in hub.client.get(PATH).json()["rows"]}
    for run in runs[-30:]:
        row = rows.get(run.first.id)
        if row is None:
            continue
        response = hub.client.get(f"{PATH}/{row['hash']}")
        assert response.status_code == 200
        view = response.json()
        kinds = [("started", "controllers", DESK.id)]
        if run.change is not None:
            kinds.append(("change", "nodes", run.change.hosts[0]))
        if run.last is not None:
            kinds.append(("finished", "controllers", DESK.id))
        assert [(entry["kind"], entry["origin"], entry["writer"]) for entry in view["records"]] == kinds
        assert all(entry["whole"] for entry in view["records"])


def test_a_refresh_finds_nothing_new_while_there_is_nothing(hub: Hub) -> None:
    """What changes by itself, such as when a source answered, would make each refresh a whole page."""
    page = hub.client.get("/audit", headers={"Accept": "text/html"})
    digest = re.search(r'data-digest="([0-9a-f]+)"', page.text)
    assert digest is not None
    headers = {"Accept": "text/html", "HX-Request": "true", "X-VSA-Digest": digest[1]}
    for _refresh in range(3):
        hub.state.trails.controllers._kept.clear()
        assert hub.client.get("/audit", headers=headers).status_code == 204


def test_a_late_record_stands_where_it_arrived_and_says_when_it_was(postgres: Postgres) -> None:
    loki = rig.loki(f"audit-late-{os.getpid()}", switches=["-ingester.max-chunk-age=720h"])
    try:
        [run] = made_runs()[:1]
        was = NOW - timedelta(days=12)
        late = replace(run.first, id=uuid7(int(was.timestamp() * 1000), randomness=b"1" * 10), time=stamp(was))
        values = [[f"{time.time_ns()}", seal(late, GENESIS)]]
        body = {"streams": [{"stream": {"job": "vsa-audit", "writer": "w", "late": "1"}, "values": values}]}
        asked = urllib.request.Request(
            f"{loki.url}/loki/api/v1/push", json.dumps(body).encode(), headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:
            assert answer.status == 204
        with postgres.database() as database, started(database, loki=loki.url) as hub:
            page = hub.client.get(PATH).json()
            assert [(row["run"], row["at"][:19]) for row in page["rows"]] == [(late.id, stamp(was)[:19])]
            before = f"{stamp(NOW - timedelta(days=11))}~{'f' * 64}"
            assert hub.client.get(PATH, params={"before": before}).json()["rows"] == []
    finally:
        loki.remove()


def test_hostile_words_find_nothing_else(hub: Hub) -> None:
    from hostile import PAYLOADS

    odd = ['"} | line_format "x', '" or {job=~".+"} |= "', "`", "\\", '\\"', "(?i)", "a\nb", "site-3.test|site-4.test"]
    for word in [*odd, *(word for word in PAYLOADS if "\ud800" not in word)]:
        for name in ("target", "node"):
            response = hub.client.get(PATH, params={name: word})
            if "\0" in word:
                continue
            assert response.status_code == 200, (word, response.text)
            page = response.json()
            assert [entry["state"] for entry in page["sources"]] == ["ok", "ok"], (word, page["sources"])
            assert page["rows"] == [] or word.strip() == "", word


def test_without_loki_the_page_shows_the_rest_and_since_when(
    postgres: Postgres, runs: list[Run], tmp_path: Path, loki: rig.Loki
) -> None:
    clock = FakeClock()
    clock.at = NOW
    with postgres.database() as database, started(database, loki=loki.url, clock=clock) as hub:
        agent = hub.agent("vps-01")
        [run] = [run for run in runs if run.change is not None][-1:]
        assert run.change is not None
        agent.accepted(hub.client, records=[seal(run.change, GENESIS)])
        loki.kill()
        try:
            clock.at = NOW
            began = time.monotonic()
            page = hub.client.get(PATH).json()
            assert time.monotonic() - began < 3
            assert [row["run"] for row in page["rows"]] == [run.first.id]
            [source] = [entry for entry in page["sources"] if entry["name"] == "Loki"]
            assert source["state"] == "bad"
            assert source["text"].startswith(f"does not answer since {stamp(NOW)[:19]}")
            clock.forward(3600)
            again = hub.client.get(PATH).json()
            assert again["sources"][1]["text"] == source["text"], "the time of the first failure stays"
        finally:
            loki.start()
        hub.state.trails.controllers._failed = float("-inf")
        clock.at = NOW
        page = hub.client.get(PATH).json()
        assert page["sources"][1]["state"] == "ok"
        # Without the database it has what Loki has.
        postgres.stop()
        try:
            page = hub.client.get(PATH).json()
        finally:
            postgres.start()
        assert [entry["state"] for entry in page["sources"]] == ["bad", "ok"]
        assert len(page["rows"]) == 50


def test_a_hub_without_loki_says_that_there_is_none(postgres: Postgres) -> None:
    with postgres.database() as database, started(database) as hub:
        [source] = [entry for entry in hub.client.get(PATH).json()["sources"] if entry["name"] == "Loki"]
        assert (source["state"], source["text"]) == ("silent", "not set up: LOKI_URL is empty")
