"""PostgreSQL that restarts, is away, or has a full disk: a beat is stored whole or not at all, and the hub goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from hub.beat import gate
from hubapp import Hub, started
from hubdatabase import SMALL, Database, Postgres
from hubnode import BEAT, container, domain, sections


@pytest.fixture
def hub(own_database: Database) -> Iterator[Hub]:
    with started(own_database) as found:
        yield found


def unavailable(response: object) -> None:
    assert response.status_code == 503, response.text  # type: ignore[attr-defined]
    assert response.json()["error"]["code"] == "database"  # type: ignore[attr-defined]
    assert int(response.headers["retry-after"]) > 0  # type: ignore[attr-defined]


def _blocked(hub: Hub, *, blocked: int = 1) -> None:
    """Wait until a statement of the hub waits for a lock."""
    query = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and application_name = 'hub'"
    deadline = time.monotonic() + 30
    while hub.database.value(query) < blocked:
        assert time.monotonic() < deadline, "no beat waits for the lock"
        time.sleep(0.02)


def test_postgresql_restarts_in_the_middle_of_a_beat(hub: Hub, postgres: Postgres) -> None:
    agent = hub.agent()
    said = {"containers": [container(1)], "domains": [domain("a.example.com")]}
    agent.accepted(hub.client, sections(hub.clock(), **said))
    before = hub.database.contents()
    answers = []
    other = psycopg.connect(postgres.conninfo(hub.database.name))
    # The beat has written its containers when it meets this lock.
    other.execute("select * from domain for update")
    changed = sections(hub.clock(), containers=[container(2)], domains=[domain("a.example.com", state="down")])
    body = agent.body(changed)
    thread = threading.Thread(target=lambda: answers.append(agent.post(hub.client, body)))
    thread.start()
    _blocked(hub)
    postgres.restart()
    thread.join()
    other.close()
    unavailable(answers[0])
    assert hub.database.contents() == before
    # No restart of the hub is needed, and the next beat is the next one.
    agent.accepted(hub.client, changed)
    assert hub.node()["sections"]["domains"]["rows"][0]["state"] == "down"


def test_without_postgresql_every_answer_says_so(hub: Hub, postgres: Postgres) -> None:
    agent = hub.agent()
    agent.accepted(hub.client)
    postgres.stop()
    try:
        unavailable(agent.send(hub.client))
        unavailable(hub.client.get("/healthz"))
        unavailable(hub.client.get("/api/v1/nodes"))
        assert hub.client.get("/api/v1/openapi.json").status_code == 200
    finally:
        postgres.start()
    assert hub.client.get("/healthz").json() == {"status": "ok"}
    agent.accepted(hub.client)


def test_a_node_whose_row_is_locked_does_not_wait_for_ever(hub: Hub, postgres: Postgres) -> None:
    agent, other = hub.agent("vps-01"), hub.agent("vps-02")
    agent.accepted(hub.client)
    before = hub.database.contents(without=("node",))
    with psycopg.connect(postgres.conninfo(hub.database.name)) as lock:
        lock.execute("select * from node where id = 'vps-01' for update")
        answers = []
        thread = threading.Thread(target=lambda: answers.append(agent.send(hub.client)))
        thread.start()
        _blocked(hub)
        # A second beat of the node does not wait behind the first one; those of others are taken.
        hub.state.gate = _with_place_of(hub.state.gate)
        second = hub.client.post(BEAT, content=agent.body(), headers={**agent.headers, "X-Forwarded-For": "192.0.2.1"})
        assert (second.status_code, second.json()["error"]["code"]) == (429, "under_way")
        assert second.headers["retry-after"]
        other.accepted(hub.client)
        thread.join()
    unavailable(answers[0])
    assert hub.database.rows("select * from token where node = 'vps-01'")
    assert dict(hub.database.contents(without=("node", "token")).items()) == {
        name: rows for name, rows in before.items() if name != "token"
    }
    agent.accepted(hub.client)


def _with_place_of(found: gate.Gate) -> gate.Gate:
    assert found._under_way, "the first beat holds its place"
    return found


def test_a_full_disk_changes_nothing(postgres: Postgres) -> None:
    postgres.shell(f"mkdir -p {SMALL}/space && chown -R 999:999 {SMALL}")
    postgres.statement(f"create tablespace small location '{SMALL}/space'")
    try:
        with postgres.database(tablespace="small") as database, started(database) as hub:
            agent = hub.agent()
            agent.accepted(hub.client, sections(hub.clock(), containers=[container(1)]))
            _fill(postgres)
            before = database.contents()
            many = [domain(f"{number}.example.com", problems=["x" * 300] * 20) for number in range(300)]
            unavailable(agent.send(hub.client, sections(hub.clock(), domains=many)))
            assert database.contents() == before
            assert len(hub.node()["sections"]["containers"]["rows"]) == 1, "what is there can be read"
            postgres.shell(f"rm {SMALL}/filler")
            agent.accepted(hub.client, sections(hub.clock(), domains=many))
            assert database.value("select count(*) from domain") == 300
    finally:
        postgres.statement("drop tablespace small")


def _fill(postgres: Postgres) -> None:
    postgres.shell(f"cat /dev/zero >{SMALL}/filler 2>/dev/null || true")
