"""Log lines of the proxy in a genuine Loki, with the labels that the shipper sets, and a hub that reads them.

What the lines say is kept, so that a test compares each figure with a count over the very lines.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import uvicorn

import rig
from hub.app import create_app
from hub.settings import Settings
from hubapp import HOST, Hub, started
from hubdatabase import Database
from hubnode import FakeClock, domain, sections

__all__ = (
    "Entry",
    "TrafficHub",
    "cpu_seconds",
    "entries",
    "fresh_loki",
    "loki_metric",
    "moment_of",
    "push",
    "ranked",
    "served_hub",
    "traffic_hub",
    "until",
    "until_found",
)

JOB = "nginx"
_METHODS = ("GET",) * 12 + ("POST", "HEAD", "PUT", "other")
_STATUSES = ("200",) * 40 + ("304", "304", "301", "404", "404", "403", "201", "502", "500", "other")
_PATHS = (
    "/",
    "/api/items",
    "/assets/app.js",
    "/checkout",
    "/login",
    "/wp-login.php",
    "/a",
    "/b",
    "/c",
    "/d",
    "/e",
    "/ü",
)
_BATCH = 5000


@dataclass(frozen=True)
class Entry:
    """A request: when in whole seconds, as NGINX writes it, and what the line and its labels say."""

    at: int
    domain: str
    method: str = "GET"
    status: str = "200"
    path: str = "/"
    query: str = ""
    client: str = "192.0.2.7"
    size: int = 120
    milliseconds: int = 10
    agent: str = "test"
    number: int = 0

    @property
    def line(self) -> str:
        """Return the line as the format of the proxy has it."""
        status = self.status if self.status != "other" else "299"
        written = {
            "time": datetime.fromtimestamp(self.at, UTC).isoformat(),
            "host": self.domain,
            "client": self.client,
            "method": self.method if self.method != "other" else "PROPFIND",
            "method_label": self.method,
            "uri": self.path + self.query,
        }
        numbers = f'"status":{status},"bytes":{self.size},"seconds":{self.milliseconds / 1000:.3f}'
        rest = {"referer": "", "agent": self.agent, "id": f"{self.number:032x}"}
        text = json.dumps(written, ensure_ascii=False, separators=(",", ":"))
        tail = json.dumps(rest, ensure_ascii=False, separators=(",", ":"))
        return f"{text[:-1]},{numbers},{tail[1:]}"

    @property
    def klass(self) -> str:
        """Return the class of the label."""
        return f"{self.status[0]}xx" if self.status[0].isdigit() else "other"


def entries(count: int, domain_name: str, *, start: int, end: int, seed: int = 1, agent: str = "test") -> list[Entry]:
    """Return requests at whole seconds from ``start`` until ``end``, both in it, the oldest first."""
    chance = random.Random(seed)
    moments = sorted(chance.randint(start, end) for _ in range(count))
    found = []
    for number, at in enumerate(moments):
        found.append(
            Entry(
                at,
                domain_name,
                method=chance.choice(_METHODS),
                status=chance.choice(_STATUSES),
                path=_PATHS[min(int(chance.expovariate(0.4)), len(_PATHS) - 1)],
                query=chance.choice(("", "", f"?page={number}")),
                client=f"192.0.2.{min(int(chance.expovariate(0.1)), 250)}",
                size=int(chance.lognormvariate(8, 2)),
                milliseconds=int(chance.lognormvariate(4, 1.5)),
                agent=agent,
                number=seed * 1_000_000 + number,
            )
        )
    return found


def fresh_loki(name: str, *switches: str) -> rig.Loki:
    """Start a Loki that keeps all lines in its ingester, whatever their time.

    Loki 2.2.1 writes chunks of old lines out at once. They are found a minute later, and while the ingester and the
    store both have them, some lines are counted twice.
    """
    rates = [f"-distributor.ingestion-{name}-mb=64" for name in ("rate-limit", "burst-size")]
    held = ["-ingester.max-chunk-age=720h", "-ingester.chunks-idle-period=24h"]
    # Each worker of the tests has a Loki of its own.
    return rig.loki(f"{name}-{os.getpid()}", switches=[*held, *rates, *switches])


def push(loki: rig.Loki, found: Iterable[Entry]) -> None:
    """Push requests, each stream in the order of its time, as Loki 2.2.1 wants it."""
    streams: dict[tuple[str, str, str], list[list[str]]] = defaultdict(list)
    size = 0
    for entry in sorted(found, key=lambda entry: entry.at):
        streams[entry.domain, entry.method, entry.status].append([f"{entry.at}000000000", entry.line])
        size += 1
        if size >= _BATCH:
            _send(loki, streams)
            streams.clear()
            size = 0
    _send(loki, streams)


def _send(loki: rig.Loki, streams: dict[tuple[str, str, str], list[list[str]]]) -> None:
    if not streams:
        return
    body = {
        "streams": [
            {
                "stream": {"job": JOB, "domain": name, "method": method, "status": status, "node": "vps-01"},
                "values": values,
            }
            for (name, method, status), values in streams.items()
        ]
    }
    asked = urllib.request.Request(
        f"{loki.url}/loki/api/v1/push", json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:
        assert answer.status == 204


def until_found(loki: rig.Loki, name: str, count: int, *, seconds: float = 60) -> None:
    """Wait until Loki finds all lines of a domain that were pushed."""
    deadline = time.monotonic() + seconds
    while True:
        found = loki.instant(f'sum(count_over_time({{job="{JOB}",domain="{name}"}}[30d]))')
        if found and found[0][1] == count:
            return
        assert time.monotonic() < deadline, f"{found} of {count} lines of {name}"
        time.sleep(0.2)


def moment_of(seconds: int) -> str:
    """Return a time as the API writes it, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ranked(names: Iterable[str], most: int = 10) -> list[tuple[str, int]]:
    """Return the most frequent names with their counts, equal ones by name."""
    return sorted(Counter(names).items(), key=lambda entry: (-entry[1], entry[0]))[:most]


class TrafficHub:
    """A hub on a Loki, whose domains are those of one node."""

    def __init__(self, hub: Hub, loki: rig.Loki) -> None:
        self.hub = hub
        self.loki = loki
        self.agent = hub.agent("vps-01")

    def knows(self, names: Sequence[str]) -> None:
        """Let a node report the sites of these domains."""
        self.agent.accepted(self.hub.client, sections(self.hub.clock(), domains=[domain(name) for name in names]))
        self.hub.state.fleet.view()

    def get(self, path: str, *, expect: int = 200, **query: str) -> dict[str, Any]:
        """Return the JSON of a path below /api/v1."""
        response = self.hub.client.get(f"/api/v1{path}", params=query)
        assert response.status_code == expect, response.text[:500]
        return dict(response.json())

    def panel(self, name: str, **query: str) -> dict[str, Any]:
        """Return a panel that has figures."""
        found = self.get(f"/traffic/panels/{name}", **query)
        assert found["state"] == "ok", found
        return found


@contextmanager
def traffic_hub(database: Database, loki: rig.Loki, *, at: int | None = None) -> Iterator[TrafficHub]:
    """Run a hub that reads a Loki, with a clock that stands at a time."""
    with started(database, loki=loki.url, clock=_clock(at)) as hub:
        yield TrafficHub(hub, loki)


@contextmanager
def served_hub(
    database: Database, loki: rig.Loki, *, at: int | None = None, assets: Path | None = None, port: int = 0
) -> Iterator[TrafficHub]:
    """Run a hub on a port of this machine, as its container runs it: only so a client can close its connection."""
    clock = _clock(at)
    app = create_app(Settings(HOST, database.url, assets, loki.url), clock=clock, ask=None)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started)
    bound = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{bound}", headers={"Host": HOST}, timeout=60) as client:
            yield TrafficHub(Hub(client, app.state.hub, clock, database), loki)  # type: ignore[arg-type]
    finally:
        server.should_exit = True
        thread.join(20)


def until(question: Callable[[], object], *, seconds: float = 30) -> None:
    """Ask until the answer is yes."""
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, "too long"
        time.sleep(0.02)


def _clock(at: int | None) -> FakeClock:
    clock = FakeClock()
    if at is not None:
        clock.at = datetime.fromtimestamp(at, UTC)
    return clock


def loki_metric(loki: rig.Loki, name: str, *labels: str) -> float:
    """Return the sum of a metric of Loki itself, of the series that have all these texts in their labels."""
    with urllib.request.urlopen(f"{loki.url}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    wanted = [line for line in lines if line.startswith(name) and all(label in line for label in labels)]
    return sum(float(line.rpartition(" ")[2]) for line in wanted)


def cpu_seconds(loki: rig.Loki) -> float:
    """Return the CPU seconds that Loki has used."""
    return loki_metric(loki, "process_cpu_seconds_total")
