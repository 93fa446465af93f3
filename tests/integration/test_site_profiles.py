# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""P20: defaults break applications: buffered streams, dropped sockets, 60 s, 413. Measures what a profile promises.

The waits here are short, with ``timeout`` lowered where it has to be shown what decides; ``make test-long`` waits in
full.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

import rig
from proxyhost import ProxyHost
from streaming import WebSocket, ask, events, upload

SITE = "profiles.vsa.test"
SHORT = "short.vsa.test"
PROFILES = ("web", "sse", "websocket", "upload", "llm")
MIB = 1 << 20


@pytest.fixture(scope="module")
def host(proxy_vps: rig.Vps) -> Iterator[ProxyHost]:
    """A site with a route for each profile, and a site whose backends may be silent for two seconds at most."""
    host = ProxyHost(proxy_vps)
    host.restart_web("web-1")
    routes = [{"path": f"/{name}/", "container": "web-1", "port": 3000, "profile": name} for name in PROFILES]
    nothing = {"container": None, "port": None}
    host.provision(SITE, said={"routes": [{"path": "/", "container": "web-1", "port": 3000}, *routes], **nothing})
    host.provision(SHORT, said={"routes": routes, "timeout": "2s", **nothing})
    host.wait_for(SITE, '"app": "web-1"')
    yield host
    host.remove(SITE)
    host.remove(SHORT)


@pytest.mark.parametrize("path", ["/stream", *(f"/{name}/stream" for name in PROFILES)])
def test_p20_what_is_streamed_is_here_at_once(host: ProxyHost, path: str) -> None:
    """Every byte arrives within 200 ms after the backend wrote it."""
    delays = list(events(host.vps.ip, SITE, f"{path}?count=5&ms=100"))
    assert len(delays) == 5
    assert delays[0] <= 0.2, delays
    assert sorted(delays)[-2] <= 0.2, delays  # a pause of a busy machine may delay one byte
    assert min(delays) >= 0


@pytest.mark.parametrize(
    ("accept", "query", "at_once"),
    [
        ("application/json, Text/Event-Stream;q=0.9", "", True),
        # Two lines of one header are one list.
        ("text/html\r\nAccept: text/event-stream", "", True),
        # fetch() names no type, and the backend says how its answer is to be treated.
        ("*/*", "&accel=no", True),
        ("*/*", "&accel=NO", True),
        ("text/event-stream", "&accel=yes", True),
        # The counter-check: who asks for no stream gets a buffered answer at its end.
        ("*/*", "", False),
        ("text/event-stream;q=0, */*", "", False),
    ],
)
def test_issue_14_item_7_whose_stream_is_held_back_by_the_profile_web(
    host: ProxyHost, accept: str, query: str, at_once: bool
) -> None:
    delays = list(events(host.vps.ip, SITE, f"/web/stream?count=4&ms=100{query}", accept=accept))
    assert len(delays) == 4
    assert (delays[0] <= 0.2) is at_once, delays
    assert delays[0] >= 0.3 or at_once, delays


def test_p20_a_websocket_outlives_silence_and_a_reload(host: ProxyHost) -> None:
    idle = WebSocket(host.vps.ip, SITE, "/websocket/ws")
    short = WebSocket(host.vps.ip, SHORT, "/websocket/ws")
    assert idle.echo("before") == "before"
    # On a site with a timeout of two seconds the connection ends after two seconds.
    closed = short.seconds_until_closed(8)
    assert closed is not None
    assert 1.5 <= closed <= 4
    host.provision("another.vsa.test")  # reloads NGINX
    host.remove("another.vsa.test")
    assert idle.echo("after") == "after"
    idle.close()


def test_p20_uploads_reach_the_backend_while_they_come(host: ProxyHost) -> None:
    status, seen = upload(host.vps.ip, SITE, "/upload/x", size=70 * MIB, seconds=2)
    assert (status, seen["body_bytes"]) == (200, 70 * MIB)
    assert seen["body_began"] - seen["began"] <= 0.5, "nothing of it waits for the rest"
    assert seen["body_ended"] - seen["sent"] <= 0.5
    # The profile web accepts 64 MiB, and passes a body on when it is complete.
    assert upload(host.vps.ip, SITE, "/web/x", size=65 * MIB)[0] == 413
    status, seen = upload(host.vps.ip, SITE, "/web/x", size=MIB, seconds=1)
    assert (status, seen["body_bytes"]) == (200, MIB)
    assert seen["body_began"] >= seen["sent"] - 0.1


@pytest.mark.parametrize("name", ["web", "llm", "sse"])
def test_p20_an_answer_may_be_slow_to_start(host: ProxyHost, name: str) -> None:
    with ThreadPoolExecutor() as pool:
        patient = pool.submit(ask, host.vps.ip, SITE, f"/{name}/slow?ms=3500")
        hasty = pool.submit(ask, host.vps.ip, SHORT, f"/{name}/slow?ms=3500")
    status, seconds = patient.result()
    assert status == 200
    assert 3.5 <= seconds <= 5
    status, seconds = hasty.result()
    assert status == 504
    assert 1.9 <= seconds <= 3.4


# -- the long tests: started together, because they only wait ---------------------------------------------------------


def _idle(host: ProxyHost) -> tuple[str, str]:
    connection = WebSocket(host.vps.ip, SITE, "/websocket/ws")
    time.sleep(95)
    first = connection.echo("after 95 s")
    host.provision("another.vsa.test")
    host.remove("another.vsa.test")
    time.sleep(95)
    return first, connection.echo("after a reload and 95 s")


def _dropped(host: ProxyHost) -> float | None:
    return WebSocket(host.vps.ip, SITE, "/web/ws").seconds_until_closed(90)


@pytest.fixture(scope="module")
def waits(host: ProxyHost) -> Iterator[dict[str, Future[Any]]]:
    """The checks that take minutes, all started."""
    address = host.vps.ip
    jobs: dict[str, Callable[[], Any]] = {
        "idle": lambda: _idle(host),
        "dropped": lambda: _dropped(host),
        "late": lambda: ask(address, SITE, "/llm/slow?ms=300000", timeout=360),
        "too late": lambda: ask(address, SITE, "/web/slow?ms=300000", timeout=360),
        "large": lambda: upload(address, SITE, "/upload/large", size=1024 * MIB),
    }
    with ThreadPoolExecutor(len(jobs)) as pool:
        yield {name: pool.submit(job) for name, job in jobs.items()}


@pytest.mark.long
def test_p20_a_websocket_idle_for_90_s_and_across_a_reload(waits: dict[str, Future[Any]]) -> None:
    assert waits["idle"].result() == ("after 95 s", "after a reload and 95 s")
    closed = waits["dropped"].result()
    assert closed is not None, "the profile web ends what is silent for a minute"
    assert 59 <= closed <= 65


@pytest.mark.long
def test_p20_an_upload_of_1_gib(waits: dict[str, Future[Any]]) -> None:
    status, seen = waits["large"].result()
    assert (status, seen["body_bytes"]) == (200, 1024 * MIB)
    assert seen["body_began"] - seen["began"] <= 1
    assert seen["body_ended"] - seen["sent"] <= 2


@pytest.mark.long
def test_p20_an_answer_that_takes_5_minutes_to_start(waits: dict[str, Future[Any]]) -> None:
    status, seconds = waits["late"].result()
    assert status == 200
    assert 300 <= seconds <= 305
    status, seconds = waits["too late"].result()
    assert status == 504
    assert 59 <= seconds <= 65
