"""The pages of the dashboard over a large fleet: 50 nodes, 2,000 containers, 5,000 sites, a million audit records.

PostgreSQL runs in a container and the hub as a process of its own, as in its image. The first byte is what a reader
waits for: from the last byte of the question to the first one of the answer, for the slowest of many questions. Each is
asked three times and the middle one counts, so a pause of the machine is no page of ours.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import http.client
import os
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from rows import Wanted

ROOT = Path(__file__).resolve().parents[2]
_HOST = "dashboard.vsa.test"
_APP = ROOT / "stacks/dashboard/app"
_TRIES, _REFRESHES = 3, 40
_FILTERS: tuple[dict[str, str], ...] = (
    {},
    {"actor": "anna"},
    {"actor": "chiara"},
    {"node": "vps-01"},
    {"node": "vps-44"},
    {"verb": "cert.renew"},
    {"verb": "agent.register"},
    {"target": "site-0042.shop.example.com"},
    {"status": "not_ok"},
    {"status": "not_put_back"},
    {"status": "ok", "actor": "ben"},
    {"node": "vps-07", "verb": "vhost.sync"},
    {"actor": "nobody", "verb": "cert.renew"},
    {"actor": "root", "verb": "vhost.rollback", "status": "unreachable"},
)
_DEPTHS = (0.0, 0.3, 0.6, 0.95)
_MORPHS = 15
# From the answer in hand to the page that shows it, as the page's own refresh does it.
_WATCH = """() => {
  window.morphs = [];
  let began = 0;
  document.addEventListener("htmx:before:swap", () => { began = performance.now(); });
  document.addEventListener("htmx:after:swap", () => { window.morphs.push(performance.now() - began); });
}"""
_SEEN = "() => htmx.trigger(document.getElementById('frame'), 'vsa:seen')"
_LISTS = {
    "containers": ("state=bad", "node=vps-07", "q=shop-12", "sort=-restarts", "sort=image", "page=20"),
    "domains": ("state=bad", "node=vps-07", "q=blog", "tenant=acme", "sort=name", "page=50"),
    "certificates": ("state=warn", "node=vps-07", "q=site-42", "sort=-left", "page=50"),
    "vps": ("node=vps-07", "q=vps-1"),
    "search": ("q=site-1", "q=nothing-like-this"),
}


class DashboardBench:
    """A hub on the large fleet."""

    def __init__(self) -> None:
        self._open = contextlib.ExitStack()
        self._connection: http.client.HTTPConnection | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._sizes: dict[str, int] = {}
        self._questions: dict[str, list[str]] = {}

    def start(self) -> None:
        """Fill a database, and start the hub on it."""
        folders = ("collections", "tests/support", "tests/rig", "stacks/dashboard/app")
        sys.path[:0] = [str(ROOT / folder) for folder in folders]
        import manyrows
        from browser import assets, browsing
        from hubdatabase import Postgres

        print("bench: filling a database with a million audit records", flush=True)
        server = Postgres()
        self._open.callback(server.remove)
        database = self._open.enter_context(server.database())
        manyrows.filled(database, manyrows.LARGE)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._process = self._started(database.url, assets())
        self._browsing = self._open.enter_context(browsing(self._port))
        for name in ("overview", *_LISTS):
            path = "/" if name == "overview" else f"/{name}"
            self._questions[name] = [path, *(f"{path}?{query}" for query in _LISTS.get(name, ()))]
        first, last = database.rows("select min(at), max(at) from audit")[0]
        self._questions["audit"] = list(_audit(first, last))
        [(found,)] = database.rows("select hash from audit order by length(line) desc limit 1")
        self._questions["record"] = [f"/audit/{found}"]

    def _started(self, url: Any, assets: Path) -> subprocess.Popen[bytes]:
        env = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{_APP}:{ROOT / 'collections'}",
            "HUB_HOST": _HOST,
            "HUB_ASSETS": str(assets),
            "LOKI_URL": "",
            "DATABASE_HOST": str(url.host),
            "DATABASE_PORT": str(url.port),
            "DATABASE_NAME": str(url.database),
            "DATABASE_USERNAME": str(url.username),
            "DATABASE_PASSWORD": str(url.password),
        }
        words = ("-m", "uvicorn", "hub.app:main", "--factory", "--no-access-log", "--log-level", "warning")
        process = subprocess.Popen([sys.executable, *words, "--port", str(self._port)], env=env)
        self._open.callback(process.wait, 30)
        self._open.callback(process.terminate)
        deadline = time.monotonic() + 60
        while True:
            try:
                if self._ask("/healthz")[0] == 200:
                    return process
            except OSError:
                self._connection = None
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("bench: the hub did not start")
            time.sleep(0.2)

    def end(self) -> None:
        """End the hub and its database."""
        self._open.close()

    def _ask(self, path: str, **headers: str) -> tuple[int, bytes, float]:
        """Return the status, the body, and the milliseconds to the first byte of the answer."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        asked = {"Host": _HOST, "Accept": "text/html", **headers}
        self._connection.request("GET", path, headers=asked)
        began = time.perf_counter()
        response = self._connection.getresponse()
        first = (time.perf_counter() - began) * 1000
        return response.status, response.read(), first

    def _hang_up(self) -> None:
        """Close the connection, which the hub would close during a pause. The next question opens another one."""
        if self._connection is not None:
            self._connection.close()

    def slowest(self, name: str) -> float:
        """Return the milliseconds to the first byte of the slowest question of a page."""
        found: list[tuple[float, str]] = []
        for path in self._questions[name]:
            tries = []
            for _try in range(_TRIES):
                status, body, first = self._ask(path)
                if status != 200:
                    raise SystemExit(f"bench: {path} answered {status}:\n{body[:500].decode(errors='replace')}")
                tries.append(first)
            self._sizes[path] = len(gzip.compress(body, 6))
            found.append((statistics.median(tries), path))
        first, path = max(found)
        print(f"bench: {name}: {first:.1f} ms at {path}", flush=True)
        return first

    def largest(self) -> float:
        """Return the KiB of the largest page that was asked for, as gzip."""
        size, path = max((size, path) for path, size in self._sizes.items())
        print(f"bench: {size / 1024:.1f} KiB at {path}", flush=True)
        return size / 1024

    def refresh(self, name: str) -> float:
        """Return the milliseconds of the hub's processor time for a refresh of a page on which nothing changed."""
        path = self._questions[name][0]
        digest = re.search(rb'data-digest="([0-9a-f]+)"', self._ask(path)[1])
        if digest is None:
            raise SystemExit(f"bench: {path} has no digest")
        headers = {"HX-Request": "true", "X-VSA-Digest": digest[1].decode()}
        self._ask(path, **headers)
        before = self._cpu()
        statuses = [self._ask(path, **headers)[0] for _number in range(_REFRESHES)]
        used = (self._cpu() - before) * 1000 / _REFRESHES
        if set(statuses) != {204}:
            print(f"bench: {path} was not found unchanged: {sorted(set(statuses))}", flush=True)
        return used

    def morph(self) -> float:
        """Return the milliseconds in which a browser turns a page into one whose rows all differ."""
        page = self._browsing.open("/containers")
        rows = page.locator("tbody tr").count()
        if rows < 100:
            raise SystemExit(f"bench: a page of {rows} rows says nothing about 100")
        page.evaluate(_WATCH)
        self._hang_up()
        _status, body, _first = self._ask("/containers")
        for number in range(_MORPHS):
            changed = body.decode().replace(
                '<td class="num" data-l="Restarts">', f'<td class="num" data-l="Restarts">{number} '
            )
            page.unroute_all()
            page.route("**/containers", functools.partial(_fulfilled, body=changed))
            page.evaluate(_SEEN)
            page.wait_for_function(f"() => window.morphs.length > {number}")
        if page.locator("tbody tr td.num").first.inner_text().split()[0] != str(_MORPHS - 1):
            raise SystemExit("bench: the browser does not show the last answer")
        times: list[float] = page.evaluate("() => window.morphs")
        page.context.close()
        self._hang_up()
        return statistics.median(times) * 100 / rows

    def _cpu(self) -> float:
        fields = self._stat("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Return the most memory that the hub had until now, in MiB."""
        found = re.search(r"VmHWM:\s+(\d+)", self._stat("status"))
        return int(found[1]) / 1024 if found else 0.0

    def _stat(self, name: str) -> str:
        if self._process is None:
            raise SystemExit("bench: the hub does not run")
        return Path(f"/proc/{self._process.pid}/{name}").read_text(encoding="ascii")

    def rows(self) -> list[Wanted]:
        """Return the rows, in an order in which all pages are asked for before sizes and memory are looked at."""
        return [*_rows(self), *_refreshes(self), *_sums(self)]


def _fulfilled(route: Any, body: str) -> None:
    route.fulfill(body=body, content_type="text/html")


def _rows(bench: DashboardBench) -> list[Wanted]:
    names = ("overview", "containers", "domains", "certificates", "vps", "search", "audit", "record")
    return [
        Wanted(f"{name}: first byte", lambda name=name: bench.slowest(name), None, 100.0, unit="ms") for name in names
    ]


def _refreshes(bench: DashboardBench) -> list[Wanted]:
    names = ("overview", "containers", "domains", "certificates", "vps", "audit")
    return [
        Wanted(f"{name}: refresh, unchanged", lambda name=name: bench.refresh(name), None, 10.0, unit="CPU ms")
        for name in names
    ]


def _sums(bench: DashboardBench) -> list[Wanted]:
    return [
        Wanted("the largest of these pages, gzip", bench.largest, None, 30.0, unit="KiB"),
        Wanted("a browser morphs 100 changed rows", bench.morph, None, 20.0, unit="ms"),
        Wanted("memory of the hub", bench.memory, None, 250.0, unit="MiB"),
    ]


def _audit(first: Any, last: Any) -> Iterable[str]:
    """Yield every filter at every depth."""
    for filters in _FILTERS:
        for depth in _DEPTHS:
            at = last - (last - first) * depth
            before = {"before": f"{at:%Y-%m-%dT%H:%M:%S.%fZ}~{'8' * 64}"} if depth else {}
            query = urlencode({**filters, **before})
            yield f"/audit?{query}" if query else "/audit"
