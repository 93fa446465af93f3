"""The live list of containers: a real engine behind the NGINX of the stack docker-api, and what Docker itself says."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from dockerlist import IMAGE, SECRET, Engine, docker, docker_list
from hub.asking import AskError
from hub.docker.live import DockerList, live_row
from hub.moments import rfc3339
from hubapp import Hub
from hubnode import FakeClock, container, sections

FIELDS = {"id", "name", "image", "state", "health", "exit_code", "created_at", "project", "service"}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with docker_list() as found:
        yield found


def rows(asked: DockerList) -> dict[str, dict[str, Any]]:
    told = asked.live_containers()
    assert told.rows is not None, told.error
    return {str(row["name"]): dict(row) for row in told.rows}


def until(right: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not right():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_rows_are_what_the_engine_itself_says(engine: Engine) -> None:
    check = ("--health-cmd", "true", "--health-interval", "1s")
    sleep = ("-c", f"sleep 600 # {SECRET}")
    well = engine.run("well", *check, IMAGE, *sleep)
    ill = engine.run("ill", "--health-cmd", "false", "--health-interval", "1s", "--health-retries", "1", IMAGE, *sleep)
    plain = engine.run("plain", IMAGE, *sleep)
    ended = engine.run("ended", IMAGE, "-c", "exit 3")
    made = engine.run("made", IMAGE, *sleep, verb="create")
    held = engine.run("held", IMAGE, *sleep)
    docker("pause", held)
    until(lambda: docker("inspect", "-f", "{{.State.Health.Status}}", ill) == "unhealthy")
    until(lambda: docker("inspect", "-f", "{{.State.Health.Status}}", well) == "healthy")
    until(lambda: docker("inspect", "-f", "{{.State.Status}}", ended) == "exited")
    found = rows(DockerList(engine.url))
    for name in (well, ill, plain, ended, made, held):
        [told] = json.loads(docker("inspect", name))
        state = told["State"]
        row = found[name]
        assert set(row) == FIELDS
        assert (row["id"], row["image"], row["state"]) == (told["Id"], IMAGE, state["Status"])
        assert row["health"] == (state["Health"]["Status"] if "Health" in state else None)
        assert row["exit_code"] == (3 if name == ended else None)
        assert row["created_at"][:19] == told["Created"][:19]
        assert (row["project"], row["service"]) == ("shop", "web")
    assert SECRET not in json.dumps(found)
    ids = docker("ps", "-a", "-q", "--no-trunc", "--filter", f"name={engine.name}").split()
    assert {row["id"] for name, row in found.items() if name.startswith(engine.name)} == set(ids)


def test_a_container_that_stops_is_seen_stopped_within_seconds(engine: Engine) -> None:
    asked = DockerList(engine.url)
    name = engine.run("stops", IMAGE, "-c", "sleep 600")
    until(lambda: name in rows(asked) and rows(asked)[name]["state"] == "running")
    docker("kill", name)
    began = time.monotonic()
    until(lambda: rows(asked)[name]["state"] == "exited", 5)
    assert time.monotonic() - began < 3
    assert rows(asked)[name]["exit_code"] == 137
    docker("rm", name)
    until(lambda: name not in rows(asked), 5)


def test_the_page_shows_it_before_the_next_beat(engine: Engine, hub: Hub) -> None:
    hub.state.docker = DockerList(engine.url)
    try:
        name = engine.run("seen", IMAGE, "-c", "sleep 600")
        identity = docker("inspect", "-f", "{{.Id}}", name)
        reported = container(1, id=identity, name=name, restarts=4, memory_limit_bytes=1 << 20)
        hub.agent().accepted(hub.client, sections(hub.clock(), containers=[reported]))

        def row() -> dict[str, Any]:
            view = hub.client.get("/api/v1/containers", params={"q": name}).json()
            assert [entry["state"] for entry in view["sources"] if entry["name"] == "Docker"] == ["ok"]
            [found] = view["list"]["rows"]
            return dict(found)

        assert (row()["word"], row()["restarts"]) == ("running", 4), (
            "as the engine says, with what only the agent knows"
        )
        docker("stop", "-t", "0", name)
        deadline = time.monotonic() + 5
        while row()["word"] == "running":
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert row()["word"] == "exit 137"
    finally:
        hub.state.docker = DockerList()


def test_without_an_answer_nothing_is_invented_and_the_time_is_told(engine: Engine) -> None:
    clock, steps = FakeClock(), iter(range(0, 1000, 10))
    asked = DockerList(engine.url, clock=clock, monotonic=lambda: float(next(steps)))
    good = asked.live_containers()
    assert good.rows
    assert good.entry()["state"] == "ok"
    clock.forward(60)
    docker("stop", "--time", "1", engine.name)
    try:
        bad = asked.live_containers()
        since = clock()
        clock.forward(60)
        still = asked.live_containers()
    finally:
        docker("start", engine.name)
    assert (bad.rows, bad.at, bad.since, still.since) == (None, good.at, since, since)
    assert still.entry() == {
        "name": "Docker",
        "state": "bad",
        "at": rfc3339(good.at),
        "text": f"does not answer since {rfc3339(since)}: {still.error}",
    }
    engine.wait()
    again = asked.live_containers()
    assert (again.error, again.since, again.at) == (None, None, clock())


@contextmanager
def answering(status: int, body: bytes, *, seconds: float = 0) -> Iterator[tuple[str, list[str]]]:
    """Answer every request in one way, and note what was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            time.sleep(seconds)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (403, b'{"message":"not on the allow-list"}', "HTTP 403"),
        (500, b"\x1b[31m\0", "HTTP 500"),
        (200, b"<html>", "no JSON"),
        (200, b'{"a": 1}', "no list of containers"),
        (200, b'[{"Id": 7}]', "no list of containers"),
        (200, b"[7]", "no list of containers"),
        (200, b"[" * 100_000, "no JSON"),
        (302, b"", "HTTP 302"),
    ],
)
def test_what_is_no_list_is_an_error_in_one_line(status: int, body: bytes, words: str) -> None:
    with answering(status, body) as (url, _asked):
        told = DockerList(url).live_containers()
    assert told.rows is None
    assert words in str(told.error)
    assert str(told.error).isprintable()


def test_an_engine_that_hangs_costs_two_seconds_and_only_once_for_all_who_ask() -> None:
    with answering(200, b"[]", seconds=5) as (url, asked):
        live = DockerList(url)
        began = time.monotonic()
        threads = [threading.Thread(target=live.live_containers) for _reader in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert time.monotonic() - began < 4
        assert live.live_containers().error == "no answer within 2 s"
        assert len(asked) <= 2


def test_an_answer_is_kept_for_a_second() -> None:
    with answering(200, b"[]") as (url, asked):
        now = [0.0]
        live = DockerList(url, monotonic=lambda: now[0])
        for seconds in (0.0, 0.5, 0.9, 1.1, 1.5, 2.5):
            now[0] = seconds
            assert live.live_containers().rows == []
        assert asked == ["/containers/json?all=1"] * 3


def test_a_hub_without_an_address_says_so() -> None:
    told = DockerList().live_containers()
    assert (told.rows, told.error) == (None, None)
    assert told.entry()["text"] == "not set up: DOCKER_URL is empty"


ID = "ab" * 32


@pytest.mark.parametrize(
    ("status", "health", "code"),
    [
        ("Up 2 hours", None, None),
        ("Up 2 hours (healthy)", "healthy", None),
        ("Up 1 second (health: starting)", "starting", None),
        ("Up 5 days (unhealthy)", "unhealthy", None),
        ("Up 5 days (Paused)", None, None),
        ("Exited (137) 3 minutes ago", None, 137),
        ("Exited (-1) 3 minutes ago", None, -1),
        ("Restarting (1) 5 seconds ago", None, 1),
        ("Created", None, None),
        ("Dead", None, None),
        ("", None, None),
        ("anything (healthy) else", None, None),
    ],
)
def test_health_and_exit_code_are_in_the_words_of_docker(status: str, health: str | None, code: int | None) -> None:
    row = live_row({"Id": ID, "Names": ["/a"], "State": "running", "Status": status})
    assert (row["health"], row["exit_code"]) == (health, code)


def test_hostile_entries_are_words_or_nothing() -> None:
    row = live_row(
        {
            "Id": ID,
            "Names": ["/other/alias", "/<b>\x1b[31m" + "x" * 999],
            "Image": 7,
            "State": None,
            "Labels": {"com.docker.compose.project": ["x"]},
            "Created": 10**30,
            "Command": SECRET,
        }
    )
    assert row["name"].startswith("<b>\\x1b[31m")
    assert len(row["name"]) == 300
    assert [row[name] for name in ("image", "state", "project", "service", "created_at")] == [None] * 5
    assert SECRET not in str(row)
    assert live_row({"Id": ID, "Names": None})["name"] == ID[:12]
    with pytest.raises(AskError):
        live_row({"Id": "../../x"})
