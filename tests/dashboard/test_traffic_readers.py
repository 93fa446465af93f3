"""Readers: two questions of each at most, a reader who goes ends the question, and the live tail has its bounds."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx2
import pytest

import rig
from hub.traffic.client import Loki, LokiDownError
from hub.traffic.shared import Shared
from hub.traffic.slots import Slots
from hub.traffic.tail import MOST_TAILS
from hubapp import HOST
from hubdatabase import Postgres
from lokidata import Entry, TrafficHub, entries, fresh_loki, push, served_hub, until, until_found

SHOP = "shop.example.com"
NOW = int(time.time()) // 60 * 60 - 300


@pytest.fixture(scope="module")
def page(postgres: Postgres) -> Iterator[TrafficHub]:
    """A hub that listens on a port, with a real clock for what it asks."""
    loki = fresh_loki("traffic-readers")
    try:
        push(loki, entries(1000, SHOP, start=NOW - 3000, end=NOW - 1))
        until_found(loki, SHOP, 1000)
        with postgres.database() as database, served_hub(database, loki, at=NOW) as found:
            found.knows([SHOP])
            found.hub.clock.forward(-30)
            yield found
    finally:
        loki.remove()


class SlowLoki:
    """A server in Loki's place that takes questions and never answers; it notes when a connection closes.

    A question to the genuine Loki of the tests ends too fast to be cancelled.
    """

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self.open = self.most = self.asked = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                found, _address = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._hold, args=(found,), daemon=True).start()

    def _hold(self, found: socket.socket) -> None:
        with found:
            if not found.recv(65536):
                return
            with self._lock:
                self.asked += 1
                self.open += 1
                self.most = max(self.most, self.open)
            while found.recv(65536):
                pass
            with self._lock:
                self.open -= 1

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def slow(page: TrafficHub) -> Iterator[SlowLoki]:
    """The hub asks a Loki that never answers."""
    found = SlowLoki()
    traffic = page.hub.state.traffic
    genuine = traffic.loki
    until(lambda: not traffic.shared.flights)
    stand_in = Loki(found.url, clock=genuine.clock)
    traffic.loki = traffic.hours.loki = stand_in
    traffic.hours.kept.clear()
    traffic.shared.clear()
    yield found
    traffic.loki = traffic.hours.loki = genuine
    found.close()


def _asking(page: TrafficHub, path: str, agent: str = "reader") -> socket.socket:
    """Open a connection of a reader and ask for a path, without waiting for the answer."""
    url = page.hub.client.base_url
    found = socket.create_connection((url.host, url.port or 80))
    found.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: {agent}\r\nAccept: */*\r\n\r\n".encode())
    return found


def _panel(name: str) -> str:
    return f"/api/v1/traffic/panels/{name}?domain={SHOP}&range=1h"


def test_a_reader_who_goes_ends_the_questions(page: TrafficHub, slow: SlowLoki) -> None:
    reader = _asking(page, _panel("cards"))
    until(lambda: slow.open == 2)
    reader.close()
    until(lambda: slow.open == 0)
    time.sleep(0.5)
    assert slow.asked == 2, "the questions that waited were never asked"
    assert page.hub.state.traffic.shared.flights == {}
    assert page.hub.state.traffic.loki.slots.readers == {}


def test_a_shared_question_ends_with_its_last_reader(page: TrafficHub, slow: SlowLoki) -> None:
    one, other = _asking(page, _panel("requests"), "one"), _asking(page, _panel("statuses"), "other")
    until(lambda: slow.open == 1)
    until(lambda: [flight.readers for flight in page.hub.state.traffic.shared.flights.values()] == [2])
    one.close()
    time.sleep(0.6)
    assert slow.open == 1, "the other reader still waits"
    other.close()
    until(lambda: slow.open == 0)
    assert slow.asked == 1


def test_two_questions_of_a_reader_and_six_of_all_are_under_way(page: TrafficHub, slow: SlowLoki) -> None:
    readers = [_asking(page, _panel(name)) for name in ("cards", "paths", "clients", "log")]
    until(lambda: slow.open == 2)
    time.sleep(0.5)
    assert (slow.open, slow.most) == (2, 2)
    readers += [_asking(page, f"{_panel('paths')}&q=&to=", f"reader {number}") for number in range(8)]
    for number in range(8):
        start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW - 3600 * (number + 3)))
        end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW - 3600 * (number + 2)))
        path = f"/api/v1/traffic/panels/paths?domain={SHOP}&from={start}&to={end}"
        readers.append(_asking(page, path, f"reader {number}"))
    until(lambda: slow.open == 6)
    time.sleep(0.5)
    assert slow.most == 6
    for reader in readers:
        reader.close()
    until(lambda: slow.open == 0)


def test_a_refusal_to_connect_is_told_at_once_and_asked_again_after_a_pause() -> None:
    moments = [0.0]

    async def asked() -> None:
        loki = Loki("http://127.0.0.1:9", monotonic=lambda: moments[0])
        for _ in range(3):
            with pytest.raises(LokiDownError):
                await loki.value("x", at=1, reader="a")
        assert loki.source.tried == 0.0
        moments[0] = 6.0
        with pytest.raises(LokiDownError):
            await loki.value("x", at=1, reader="a")
        assert loki.source.tried == 6.0
        await loki.close()

    asyncio.run(asked())


def test_an_answer_is_shared_and_kept_and_an_error_is_not() -> None:
    async def asked() -> None:
        shared: Shared[int] = Shared()
        calls = []

        async def question() -> int:
            calls.append(1)
            await asyncio.sleep(0.01)
            if len(calls) == 1:
                raise ValueError("first")
            return 7

        with pytest.raises(ValueError):
            await shared.ask("key", question)
        found = await asyncio.gather(*(shared.ask("key", question) for _ in range(5)))
        assert sorted(found) == [(7, False)] * 4 + [(7, True)]
        assert await shared.ask("key", question) == (7, False)
        assert len(calls) == 2
        assert shared.flights == {}

    asyncio.run(asked())


def test_the_memory_of_answers_is_bounded_and_old_ones_leave() -> None:
    moments = [0.0]

    async def asked() -> None:
        shared: Shared[int] = Shared(weight=lambda answer: answer, most=100, monotonic=lambda: moments[0])

        async def weighs(size: int) -> int:
            return size

        for key, size in (("a", 40), ("b", 50), ("c", 20)):
            await shared.ask(key, partial(weighs, size))
        assert (list(shared.kept), shared.weighed) == (["b", "c"], 70)
        await shared.ask("too much", partial(weighs, 101))
        assert (shared.kept, shared.weighed) == ({}, 0)
        await shared.ask("d", partial(weighs, 1))
        moments[0] = 61.0
        await shared.ask("e", partial(weighs, 1))
        assert list(shared.kept) == ["e"]

    asyncio.run(asked())


def test_slots_leave_nothing_behind() -> None:
    async def asked() -> None:
        slots = Slots()
        most = 0

        async def question(reader: str) -> None:
            nonlocal most
            async with slots.taken(reader):
                most = max(most, slots.under_way)
                await asyncio.sleep(0.001)

        await asyncio.gather(*(question(f"reader {number % 10}") for number in range(100)))
        assert (most, slots.under_way, slots.readers) == (6, 0, {})

    asyncio.run(asked())


# -- the live tail --------------------------------------------------------------------------------------------------


def _later(page: TrafficHub) -> int:
    """Move the clock behind all lines that there are, and return the first second that a tail follows."""
    page.hub.clock.forward(10)
    return int(page.hub.clock().timestamp()) - 3


def _events(page: TrafficHub, seconds: int, lines: dict[int, list[Entry]], query: str = "") -> list[dict[str, Any]]:
    """Follow for so many seconds of the hub's clock, and push lines before each of them."""
    clock = page.hub.clock
    found: list[dict[str, Any]] = []
    with page.hub.client.stream("GET", f"/api/v1/traffic/tail?domain={SHOP}{query}") as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        parts = (json.loads(line[6:]) for line in response.iter_lines() if line.startswith("data: "))
        assert next(parts)["lines"] == [], "it begins"
        for second in range(seconds):
            push(page.loki, lines.get(second, []))
            clock.forward(1)
            found.append(next(parts))
    return found


def test_the_tail_shows_each_new_line_once_and_counts_what_it_leaves_out(page: TrafficHub) -> None:
    until(lambda: page.hub.state.traffic.tails.open == 0)
    begin = _later(page)
    few = [Entry(begin, SHOP, path=f"/few/{number}", number=500_000 + number) for number in range(7)]
    many = [Entry(begin + 1, SHOP, path=f"/many/{number}", number=600_000 + number) for number in range(130)]
    first, second, third = _events(page, 3, {0: few, 1: many})
    assert sorted(line["uri"] for line in first["lines"]) == sorted(entry.path for entry in few)
    assert first["left_out"] == 0
    assert len(second["lines"]) == 50
    assert second["left_out"] == 80
    assert (third["lines"], third["left_out"]) == ([], 0)
    until(lambda: page.hub.state.traffic.tails.open == 0)


def test_the_tail_takes_the_filters_of_the_log(page: TrafficHub) -> None:
    begin = _later(page)
    lines = [Entry(begin, SHOP, path="/wanted", number=700_001), Entry(begin, SHOP, path="/other", number=700_002)]
    [event] = _events(page, 1, {0: lines}, "&q=wanted")
    assert [line["uri"] for line in event["lines"]] == ["/wanted"]


def test_five_tails_are_open_at_most(page: TrafficHub) -> None:
    until(lambda: page.hub.state.traffic.tails.open == 0)
    path = f"/traffic/tail?domain={SHOP}"
    readers = [_asking(page, path, f"tail {number}") for number in range(MOST_TAILS)]
    until(lambda: page.hub.state.traffic.tails.open == MOST_TAILS)
    refused = page.hub.client.get(path)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "30")
    for reader in readers:
        reader.close()
    until(lambda: page.hub.state.traffic.tails.open == 0)
    assert page.hub.client.get("/api/v1/traffic/tail?domain=unknown.example.com").status_code == 404


def test_the_tail_of_the_page_is_rows_in_which_nothing_of_strangers_acts(page: TrafficHub) -> None:
    clock, begin = page.hub.clock, _later(page)
    hostile = '/<script>alert(1)</script>\\"&\u202e'
    push(page.loki, [Entry(begin, SHOP, path=hostile, number=800_001)])
    with page.hub.client.stream("GET", f"/traffic/tail?domain={SHOP}") as response:
        parts = response.iter_lines()
        assert next(parts).startswith("id: "), "it begins"
        clock.forward(1)
        text = ""
        for line in parts:
            text += line + "\n"
            if "</tr>" in line:
                break
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "\u202e" not in text


def test_a_hub_that_is_told_to_end_does_not_wait_for_tails(page: TrafficHub) -> None:
    url = page.hub.database.url
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    given = {
        "HUB_HOST": HOST,
        "DATABASE_HOST": str(url.host),
        "DATABASE_PORT": str(url.port),
        "DATABASE_USERNAME": str(url.username),
        "DATABASE_PASSWORD": str(url.password),
        "DATABASE_NAME": str(url.database),
        "LOKI_URL": page.loki.url,
        "PYTHONPATH": f"{rig.ROOT}/stacks/dashboard/app:{rig.ROOT}/collections",
    }
    words = ["uvicorn", "hub.app:main", "--factory", "--port", str(port), "--timeout-graceful-shutdown", "20"]
    with subprocess.Popen([sys.executable, "-m", *words], env={**os.environ, **given}) as hub:
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers={"Host": HOST}) as client:
                until(lambda: _answers(client))
                with client.stream("GET", f"/api/v1/traffic/tail?domain={SHOP}") as response:
                    assert response.status_code == 200
                    began = time.monotonic()
                    hub.terminate()
                    for _line in response.iter_lines():
                        pass
                assert hub.wait(10) in (0, -signal.SIGTERM)
                assert time.monotonic() - began < 6
        finally:
            hub.kill()


def _answers(client: httpx2.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx2.TransportError:
        return False
