# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit trail arrives in a real Loki, whatever happens to Loki, to the network, or to the trail.

Faults on the way are injected by a proxy before that Loki; the answers that are not injected are its own. It is 2.2.1,
which refuses what Loki 3 takes (any line older than the newest of its stream), so the hard cases are its everyday.
"""

from __future__ import annotations

import collections
import dataclasses
import gzip
import itertools
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import (
    GENESIS,
    AuditRecord,
    Controller,
    Counts,
    RecordedActor,
    TaskChange,
    parse_line,
    seal,
)
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._loki.ship import ShipResult, ship

import rig
from faultproxy import Fault, Proxy, proxy
from trails import TrailFolder

pytestmark = [pytest.mark.rig, pytest.mark.timeout(300)]

_DAY = 86400 * 1_000_000_000
_WRITERS = (f"{number:016x}" for number in itertools.count(1))
_SHIP = """
import json, sys
from pathlib import Path
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import (
    GENESIS,
    RecordedActor,
    TaskChange,
    Controller,
    Counts,
    AuditRecord,
    parse_line,
    seal,
)
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._loki.ship import ship
folder, url, writer, rounds = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
for _ in range(rounds):
    done = ship(trail=[folder / "audit.jsonl"], cursor=folder / "loki.json", url=url, writer=writer)
print(json.dumps([done.pending, done.error]))
"""


def _loki(name: str, *switches: str) -> rig.Loki:
    try:
        rig.loki_binary()
    except rig.RigError as problem:
        pytest.skip(f"no Loki: {problem}")
    return rig.loki(name, switches=switches)


@pytest.fixture(scope="module")
def loki(_rig: None) -> Iterator[rig.Loki]:
    """One Loki for the tests that do not stop it. Each test writes to a stream of its own."""
    found = _loki("shared")
    yield found
    found.remove()


@pytest.fixture
def own_loki(_rig: None) -> Iterator[rig.Loki]:
    """A Loki that the test may stop and kill."""
    found = _loki("own")
    yield found
    found.remove()


@pytest.fixture
def trail(tmp_path: Path) -> TrailFolder:
    return TrailFolder(tmp_path / "state")


@pytest.fixture
def writer() -> str:
    return next(_WRITERS)


@pytest.fixture
def way(loki: rig.Loki) -> Iterator[Proxy]:
    """A proxy that injects faults before the shared Loki."""
    with proxy(loki.url) as found:
        yield found


def _send(trail: TrailFolder, url: str, writer: str, **named: Any) -> ShipResult:
    return ship(trail=trail.files, cursor=trail.cursor, url=url, writer=writer, **named)


def _got(loki: rig.Loki, writer: str, *, late: str = ".*") -> list[str]:
    """Return the lines of one writer in Loki, oldest first."""
    return [line for _, _, line in loki.query(f'{{job="vsa-audit",writer="{writer}",late=~"{late}"}}')]


def _once(lines: list[str]) -> list[str]:
    """Return the result of a query that removes duplicates by the record's hash."""
    return list({json.loads(line)["hash"]: line for line in lines}.values())


def test_everything_arrives_as_it_is_in_the_trail(loki: rig.Loki, trail: TrailFolder, writer: str) -> None:
    trail.add(300)
    assert _send(trail, loki.url, writer) == ShipResult(sent=300, skipped=(), pending=0, error=None)
    entries = loki.query(f'{{writer="{writer}"}}')
    assert [line for *_, line in entries] == trail.lines
    assert {tuple(sorted(labels.items())) for labels, *_ in entries} == {(("job", "vsa-audit"), ("writer", writer))}
    stamps = [stamp for _, stamp, _ in entries]
    assert stamps == sorted(set(stamps))
    assert _send(trail, loki.url, writer) == ShipResult(sent=0, skipped=(), pending=0, error=None)
    assert trail.cursor.stat().st_mode & 0o777 == 0o600


def test_what_was_written_while_loki_was_down_arrives_in_order_and_once(own_loki: rig.Loki, trail: TrailFolder) -> None:
    trail.add(5)
    assert _send(trail, own_loki.url, "w").sent == 5
    own_loki.stop()
    for run in range(40):
        trail.add(2)
        done = _send(trail, own_loki.url, "w", deadline=0.3)
        assert (done.sent, done.pending) == (0, 2 * (run + 1))
        assert done.error
        if run in (10, 25):
            trail.rotate()
    own_loki.start()
    trail.add(2)
    assert _send(trail, own_loki.url, "w") == ShipResult(sent=82, skipped=(), pending=0, error=None)
    assert _got(own_loki, "w", late="") == trail.lines


def test_two_workstations_and_a_host_push_at_once(loki: rig.Loki, tmp_path: Path) -> None:
    trails = {name: TrailFolder(tmp_path / name, name=name) for name in ("alice", "bob", "host")}
    names = {name: next(_WRITERS) for name in trails}
    container = rig.scoped("loki-host")
    argv = [sys.executable, "-c", _SHIP]
    rig.images("vsa-rig-python:forky")
    there = ["docker", "run", "--rm", "--name", container, "--network", rig.network(), "--label", "vsa.rig=1"]
    there += ["--label", f"vsa.rig.scope={rig.scope()}", "--volume", f"{rig.ROOT / 'plugins'}:{_PLUGINS}:ro"]
    there += ["--volume", f"{tmp_path / 'host'}:{tmp_path / 'host'}", "--env", "PYTHONPATH=/c", "vsa-rig-python:forky"]
    there += ["python3", "-c", _SHIP]
    for folder in trails.values():
        folder.add(50)
    senders = {
        name: subprocess.Popen(
            [*(there if name == "host" else argv), str(folder.folder), loki.url, names[name], "60"],
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": str(rig.ROOT / "collections"), "PATH": "/usr/local/bin:/usr/bin:/bin"},
        )
        for name, folder in trails.items()
    }
    while any(sender.poll() is None for sender in senders.values()):
        for folder in trails.values():
            folder.add(1)
        time.sleep(0.01)
    for sender in senders.values():
        said, _ = sender.communicate(timeout=60)
        assert json.loads(said)[1] is None
    for name, folder in trails.items():
        assert _send(folder, loki.url, names[name]).error is None
        assert _got(loki, names[name], late="") == folder.lines


_PLUGINS = "/c/ansible_collections/flowbiz/vsa/plugins"


def test_loki_is_killed_in_the_middle_of_pushes(own_loki: rig.Loki, trail: TrailFolder) -> None:
    over = threading.Event()
    sent = []

    def keep_sending() -> None:
        while not over.is_set():
            trail.add(5, size=300)
            time.sleep(0.01)
            sent.append(_send(trail, own_loki.url, "w", deadline=1.0).sent)

    sender = threading.Thread(target=keep_sending)
    sender.start()
    try:
        for pause in (0.5, 0.23, 0.37, 0.11):
            time.sleep(pause)
            own_loki.kill()
            own_loki.start()
    finally:
        over.set()
        sender.join()
    while _send(trail, own_loki.url, "w").pending:
        pass
    assert 0 in sent
    got = _got(own_loki, "w")
    assert len(trail.lines) < 4000, "the query shows 5,000 at most"
    assert sorted(_once(got)) == sorted(trail.lines)
    live = _once(_got(own_loki, "w", late=""))
    assert live == [line for line in trail.lines if line in set(live)], "the live stream is in order"


def test_a_sender_that_is_killed_leaves_nothing_out(loki: rig.Loki, trail: TrailFolder, writer: str) -> None:
    argv = [sys.executable, "-c", _SHIP, str(trail.folder), loki.url, writer, "1000000"]
    for pause in (0.35, 0.3, 0.45, 0.4, 0.5):
        sender = subprocess.Popen(argv, env={"PYTHONPATH": str(rig.ROOT / "collections")})
        until = time.monotonic() + pause
        while time.monotonic() < until:
            trail.add(3)
            time.sleep(0.002)
        sender.send_signal(signal.SIGKILL)
        sender.wait()
    assert _send(trail, loki.url, writer).pending == 0
    assert sorted(_once(_got(loki, writer))) == sorted(trail.lines)


def test_side_by_side_runs_of_one_controller_send_each_line_once(
    loki: rig.Loki, trail: TrailFolder, writer: str
) -> None:
    argv = [sys.executable, "-c", _SHIP, str(trail.folder), loki.url, writer, "30"]
    trail.add(100)
    senders = [
        subprocess.Popen(argv, env={"PYTHONPATH": str(rig.ROOT / "collections")}, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    for _ in range(200):
        trail.add(1)
        time.sleep(0.005)
    for sender in senders:
        said, _ = sender.communicate(timeout=100)
        assert json.loads(said)[1] is None
    assert _send(trail, loki.url, writer).pending == 0
    assert _got(loki, writer) == trail.lines


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(status=429, text="Ingestion rate limit exceeded"), "429"),
        (Fault(status=500, text="rpc error"), "500"),
        (Fault(status=502, text="<html>\r\n<head><title>502 Bad Gateway</title></head>"), "502"),
        (Fault(status=503, text="no healthy ingester"), "503"),
        (Fault(status=401, text="no org id"), "401"),
        (Fault(status=404, text="404 page not found"), "404"),
        (Fault(status=302, headers={"Location": "http://127.0.0.1:9/"}), "302"),
    ],
)
def test_a_refusal_that_is_not_the_lines_fault_is_tried_again(
    way: Proxy, loki: rig.Loki, trail: TrailFolder, writer: str, fault: Fault, words: str
) -> None:
    trail.add(10)
    way.next(fault)
    done = _send(trail, way.url, writer)
    assert (done.sent, done.skipped, done.pending) == (0, (), 10)
    assert words in str(done.error)
    assert "\n" not in str(done.error)
    assert len(way.seen) == 1
    assert _send(trail, way.url, writer) == ShipResult(sent=10, skipped=(), pending=0, error=None)
    assert _got(loki, writer) == trail.lines


def test_loki_is_left_alone_for_as_long_as_it_asks(way: Proxy, loki: rig.Loki, trail: TrailFolder, writer: str) -> None:
    trail.add(3)
    way.next(Fault(status=429, headers={"Retry-After": "3"}))
    assert _send(trail, way.url, writer).pending == 3
    asked = time.monotonic()
    while (done := _send(trail, way.url, writer)).pending:
        assert "left alone" in str(done.error)
        assert len(way.seen) == 1, "tried before its time"
        time.sleep(0.1)
    assert 1.5 < time.monotonic() - asked < 10
    assert _got(loki, writer) == trail.lines


def test_lokis_own_rate_limit(trail: TrailFolder) -> None:
    small = _loki("slow", "-distributor.ingestion-rate-limit-mb=0.05", "-distributor.ingestion-burst-size-mb=0.06")
    try:
        # The push is larger than Loki's burst size: Loki would refuse the same push for ever.
        trail.add(150, size=1000)
        refused = _send(trail, small.url, "w")
        assert "429" in str(refused.error)
        assert (refused.sent, refused.pending) == (0, 150)
        deadline = time.monotonic() + 30
        while _send(trail, small.url, "w").pending:
            assert time.monotonic() < deadline
            time.sleep(0.3)
        assert _got(small, "w", late="") == trail.lines
    finally:
        small.remove()


def test_an_answer_that_is_lost_loses_nothing(way: Proxy, loki: rig.Loki, trail: TrailFolder, writer: str) -> None:
    trail.add(20)
    way.next(Fault(lost=True))
    done = _send(trail, way.url, writer)
    assert (done.sent, done.pending) == (0, 20)
    assert _got(loki, writer) == trail.lines, "Loki has them, and we do not know"
    trail.add(5)
    done = _send(trail, way.url, writer)
    assert (done.sent, done.skipped, done.pending, done.error) == (25, (), 0, None)
    assert sorted(_once(_got(loki, writer))) == sorted(trail.lines)
    # Loki 2.2.1 refuses all records that it has, but the last. These records become late records; new records do not.
    assert _got(loki, writer, late="") == trail.lines
    assert set(_got(loki, writer, late="1")) <= set(trail.lines[:20])


def _listener() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.listen(1)
    return listener


def test_a_black_hole_costs_two_seconds_and_no_more(way: Proxy, trail: TrailFolder, writer: str) -> None:
    """An unused address, a server that accepts and does not answer, and a server that sends one byte at a time."""
    trail.add(2000, size=500)
    with _listener() as mute:
        unused = "http://198.18.77.9:3100"  # below the rig's first address
        for url in (unused, f"http://127.0.0.1:{mute.getsockname()[1]}", way.url):
            way.next(Fault(dribble=True))
            began = time.monotonic()
            done = _send(trail, url, writer)
            took = time.monotonic() - began
            assert took < 2.1, url
            assert (done.sent, done.pending) == (0, 2000)
            assert done.error
    began = time.monotonic()
    assert _send(trail, way.url, writer, deadline=0.5).error is None
    assert time.monotonic() - began < 0.6


def test_a_resolver_that_hangs_costs_two_seconds_and_no_more(trail: TrailFolder, tmp_path: Path) -> None:
    """No socket timeout limits getaddrinfo. Here getaddrinfo asks a name server that never answers."""
    trail.add(2)
    script = f"""
import socket, sys, time
def hang(*_a, **_k):
    time.sleep(30)
socket.getaddrinfo = hang
began = time.monotonic()
sys.argv = ["-", {str(trail.folder)!r}, "http://loki.example.test:3100", "w", "1"]
{_SHIP}
print(time.monotonic() - began)
"""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(rig.ROOT / "collections")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    said, took = done.stdout.split("\n")[:2]
    assert json.loads(said)[0] == 2
    assert float(took) < 2.2
    assert time.monotonic() - began < 10, "the process waits for nobody at its end"


def test_a_slow_loki_gets_smaller_pushes_until_they_come_to_an_end(
    way: Proxy, loki: rig.Loki, trail: TrailFolder, writer: str
) -> None:
    """A push that never fits into the deadline must not be tried for ever."""
    trail.add(300)

    def slow(seen: Any) -> Fault | None:
        lines = len(json.loads(gzip.decompress(seen.body))["streams"][0]["values"])
        return Fault(silent=5) if lines > 100 else None

    way.faults = slow
    runs = 0
    while _send(trail, way.url, writer, deadline=0.5).pending:
        runs += 1
        assert runs < 12
    assert runs > 1
    assert _got(loki, writer) == trail.lines


def test_too_old_lines_go_to_the_backfill_stream(loki: rig.Loki, trail: TrailFolder, writer: str) -> None:
    """Loki refuses records older than a week. They arrive with the current time; the line has the real time."""
    now = time.time_ns()
    old = trail.add(20, at=(now - 30 * _DAY + number * 1_000_000 for number in range(20)))
    fresh = trail.add(5)
    done = _send(trail, loki.url, writer)
    assert (done.sent, done.skipped, done.pending, done.error) == (25, (), 0, None)
    late = loki.query(f'{{writer="{writer}",late="1"}}')
    assert [line for *_, line in late] == old
    assert _got(loki, writer, late="") == fresh
    assert all(abs(stamp - now) < 60_000_000_000 for _, stamp, _ in late)
    # The same records again, later: older than the end of the stream.
    more = trail.add(5, at=(now - 20 * _DAY + number for number in range(5)))
    assert _send(trail, loki.url, writer).pending == 0
    assert _got(loki, writer, late="1") == old + more


def test_a_push_with_too_old_and_other_lines(loki: rig.Loki, trail: TrailFolder, writer: str) -> None:
    """Loki accepts a part of such a push and does not say which: some records arrive twice, none is missing."""
    border = time.time_ns() - 7 * _DAY
    trail.add(20, at=(border + (number - 10) * 600_000_000_000 for number in range(20)))
    assert _send(trail, loki.url, writer).pending == 0
    assert sorted(_once(_got(loki, writer))) == sorted(trail.lines)


def test_the_clock_went_back(loki: rig.Loki, trail: TrailFolder, writer: str) -> None:
    now = time.time_ns()
    before = trail.add(3)
    back = trail.add(3, at=(now - 3600_000_000_000 + number * 1000 for number in range(3)))
    after = trail.add(3)
    assert _send(trail, loki.url, writer) == ShipResult(sent=9, skipped=(), pending=0, error=None)
    assert _got(loki, writer, late="") == before + after
    assert loki.query(f'{{writer="{writer}",late="1"}}')[0][1] == pytest.approx(now - 3600_000_000_000, abs=2000)
    assert _got(loki, writer, late="1") == back


def test_the_clock_is_far_ahead(loki: rig.Loki, trail: TrailFolder, writer: str) -> None:
    ahead = trail.add(2, at=(time.time_ns() + 300 * _DAY,) * 2)
    fresh = trail.add(2)
    assert _send(trail, loki.url, writer).pending == 0
    assert _got(loki, writer, late="1") == ahead
    assert _got(loki, writer, late="") == fresh


def test_runs_side_by_side_are_a_little_out_of_order(loki: rig.Loki, trail: TrailFolder, writer: str) -> None:
    """A record gets its time before the trail is locked: a small disorder does not make a record late."""
    now = time.time_ns()
    trail.add(6, at=(now + shift for shift in (0, -3_000_000_000, 1000, -1000, 1000, 0)))
    assert _send(trail, loki.url, writer).sent == 6
    assert _got(loki, writer, late="") == trail.lines


def test_a_lost_cursor_sends_the_trail_again(loki: rig.Loki, trail: TrailFolder, writer: str) -> None:
    trail.add(40)
    assert _send(trail, loki.url, writer).sent == 40
    trail.cursor.write_text('{"schema": 1, "offset": ')
    trail.add(2)
    assert _send(trail, loki.url, writer).pending == 0
    assert sorted(_once(_got(loki, writer))) == sorted(trail.lines)
    assert _got(loki, writer, late="") == trail.lines


def test_a_line_that_loki_finds_too_long_is_passed_over(loki: rig.Loki, trail: TrailFolder, writer: str) -> None:
    before = trail.add(10)
    (long,) = trail.add(1, size=300_000)
    after = trail.add(10)
    done = _send(trail, loki.url, writer)
    assert (done.sent, done.pending, done.error) == (20, 0, None)
    assert [entry.hash for entry in done.skipped] == [json.loads(long)["hash"]]
    assert "Max entry size" in done.skipped[0].reason
    assert [note["hash"] for note in trail.skipped_notes] == [json.loads(long)["hash"]]
    assert _got(loki, writer) == before + after, "alone in its push, it costs the others nothing"


def test_lines_that_are_refused_in_the_middle_of_a_push_are_found(trail: TrailFolder) -> None:
    strict = _loki("strict", "-distributor.max-line-size=2KB")
    try:
        good, bad = [], []
        for number in range(60):
            (bad if number in (0, 17, 18, 59) else good).extend(
                trail.add(1, size=3000 if number in (0, 17, 18, 59) else 9)
            )
        done = _send(trail, strict.url, "w")
        assert (done.sent, done.pending, done.error) == (56, 0, None)
        assert [entry.hash for entry in done.skipped] == [json.loads(line)["hash"] for line in bad]
        assert sorted(_once(_got(strict, "w"))) == sorted(good)
        assert _once(_got(strict, "w", late="")) == good
    finally:
        strict.remove()


def test_what_is_no_record_is_passed_over(loki: rig.Loki, trail: TrailFolder, writer: str) -> None:
    before = trail.add(2)
    trail.raw('{"id": "torn", "time": "2026-11-2\n[1, 2]\n{"id": "timeless"}\n\n')
    after = trail.add(2)
    trail.raw('{"id": "half a line, being wri')
    done = _send(trail, loki.url, writer)
    assert (done.sent, len(done.skipped), done.pending, done.error) == (4, 4, 0, None)
    assert [note["reason"] for note in trail.skipped_notes] == [entry.reason for entry in done.skipped]
    assert _got(loki, writer) == before + after


def test_a_refusal_of_everything_skips_nothing(way: Proxy, loki: rig.Loki, trail: TrailFolder, writer: str) -> None:
    """Otherwise a 400 of a proxy or of another server would skip the whole trail."""
    trail.add(100)
    way.faults = lambda seen: Fault(status=400, text="bad request")
    for _ in range(3):
        done = _send(trail, way.url, writer)
        assert (done.sent, done.skipped, done.pending) == (0, (), 100)
        assert "refuses every record" in str(done.error)
        assert len(way.seen) < 100
    way.faults = lambda seen: None
    assert _send(trail, way.url, writer).sent == 100
    assert _got(loki, writer) == trail.lines


def test_one_line_that_is_refused_for_an_unknown_reason(
    way: Proxy, loki: rig.Loki, trail: TrailFolder, writer: str
) -> None:
    """The record is skipped as soon as Loki accepts another record, and not before."""
    (bad,) = trail.add(1)
    way.faults = lambda seen: Fault(status=400, text="odd") if bad in _lines_of(seen) else None
    for _ in range(2):
        done = _send(trail, way.url, writer)
        assert (done.sent, done.skipped, done.pending) == (0, (), 1)
        assert "refuses every record: 400: odd" in str(done.error)
    good = trail.add(4)
    done = _send(trail, way.url, writer)
    assert (done.sent, done.pending, done.error) == (4, 0, None)
    assert [entry.hash for entry in done.skipped] == [json.loads(bad)["hash"]]
    assert _got(loki, writer) == good


def _lines_of(seen: Any) -> list[str]:
    return [line for _, line in json.loads(gzip.decompress(seen.body))["streams"][0]["values"]]


def test_pushes_are_gzipped_json_with_text_for_nanoseconds(way: Proxy, trail: TrailFolder, writer: str) -> None:
    trail.add(200, size=200)
    assert _send(trail, way.url + "/", writer).sent == 200
    (seen,) = way.seen
    assert seen.path == "/loki/api/v1/push"
    assert seen.headers["content-encoding"] == "gzip"
    assert seen.headers["content-type"] == "application/json"
    assert "authorization" not in seen.headers
    (stream,) = json.loads(gzip.decompress(seen.body))["streams"]
    assert stream["stream"] == {"job": "vsa-audit", "writer": writer}
    assert all(isinstance(stamp, str) and len(stamp) == 19 for stamp, _ in stream["values"])
    assert len(seen.body) < sum(map(len, trail.lines)) / 2


@pytest.mark.parametrize(
    ("content", "kind", "header"),
    [
        ("audit:p%s:Wörd\n", None, "Basic YXVkaXQ6cCVzOlfDtnJk"),
        ("audit:pass", "basic", "Basic YXVkaXQ6cGFzcw=="),
        ("glc_eyJvIjoiMSJ9==\n", None, "Bearer glc_eyJvIjoiMSJ9=="),
        ("token-1", "bearer", "Bearer token-1"),
    ],
)
def test_credentials(
    way: Proxy, trail: TrailFolder, writer: str, tmp_path: Path, content: str, kind: str | None, header: str
) -> None:
    secret = tmp_path / "auth"
    secret.write_text(content)
    secret.chmod(0o600)
    trail.add(1)
    # A proxy that quotes what it refuses.
    way.next(Fault(status=403, text=f"forbidden: Authorization: {header} {content}"))
    done = _send(trail, way.url, writer, auth_file=secret, auth=kind)
    assert done.pending == 1
    assert "403" in str(done.error)
    assert way.seen[0].headers["authorization"] == header
    assert _send(trail, way.url, writer, auth_file=secret, auth=kind).sent == 1
    kept = repr(done) + "".join(path.read_text() for path in trail.folder.iterdir())
    for word in (content.strip(), content.strip().partition(":")[2] or content.strip(), header.split()[1]):
        assert word not in kept


def test_tls_with_an_authority_of_its_own(loki: rig.Loki, trail: TrailFolder, writer: str, tmp_path: Path) -> None:
    key, pem = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", "/CN=loki", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(pem)),
        ],
        check=True,
        capture_output=True,
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem, key)
    secret = tmp_path / "auth"
    secret.write_text("token")
    secret.chmod(0o600)
    trail.add(3)
    with proxy(loki.url, tls=tls) as way:
        refused = _send(trail, way.url, writer, auth_file=secret)
        assert "certificate verify failed" in str(refused.error)
        assert way.seen == [], "nothing goes to whom we do not know"
        assert _send(trail, way.url, writer, auth_file=secret, ca_bundle=pem).sent == 3
    assert _got(loki, writer) == trail.lines


def test_another_loki_gets_the_whole_trail(loki: rig.Loki, own_loki: rig.Loki, trail: TrailFolder, writer: str) -> None:
    trail.add(10)
    assert _send(trail, loki.url, writer).sent == 10
    trail.rotate()
    trail.add(10)
    assert _send(trail, own_loki.url, writer).sent == 20
    assert _got(own_loki, writer) == trail.lines


def test_a_long_outage_is_made_up_for_in_bounded_runs(loki: rig.Loki, trail: TrailFolder, writer: str) -> None:
    """Ten megabytes: no run sends more than its share, and no run exceeds its time limit."""
    trail.add(2500, size=4000)
    took, sent = [], []
    while True:
        began = time.monotonic()
        done = _send(trail, loki.url, writer)
        took.append(time.monotonic() - began)
        sent.append(done.sent)
        if not done.pending:
            break
        assert len(sent) < 40
        time.sleep(1)
    assert max(took) < 2.2
    counted = collections.Counter(_got(loki, writer))
    assert sum(sent) >= 2500
    assert set(counted) == set(trail.lines)


def test_the_runbooks_queries_find_real_records(loki: rig.Loki, trail: TrailFolder, writer: str) -> None:
    """Every query of docs/runbooks/loki.md, run over records that the callback wrote."""
    alice = AuditRecord(
        id="01938c5a-7d7b-7cc3-98c4-dc0c0c07398f",
        kind="started",
        time="",
        actor=RecordedActor("alice", None, "192.0.2.7"),
        controller=Controller("laptop", writer),
        verb="site provision",
        version="1.0.0",
        hosts=("vps-01", "vps-02"),
        arguments={"domain": "shop.example.com"},
    )
    change = TaskChange("vps-01", "Provision the site", "flowbiz.vsa.site", '-a [x]\n+b "q" ünï\n')
    done = {"kind": "finished", "status": "ok", "counts": {"vps-01": Counts(ok=3, changed=1)}, "changes": (change,)}
    bob = {
        "id": "01938c5a-0000-7cc3-98c4-dc0c0c07398f",
        "actor": RecordedActor("bob", "alice-2"),
        "hosts": ("vps-011",),
    }
    records = [
        alice,
        dataclasses.replace(alice, **bob),
        dataclasses.replace(alice, **done, duration=2.5),
        dataclasses.replace(alice, **{**bob, **done, "status": "refused", "changes": (), "error": "on vps-01"}),
    ]
    head, lines = GENESIS, []
    for record in records:
        moment = time.time_ns() // 1000
        text = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(moment // 10**6))}.{moment % 10**6:06d}Z"
        lines.append(seal(dataclasses.replace(record, time=text), head))
        head = parse_line(lines[-1]).hash
    trail.raw("".join(line.rstrip("\n") + "\n" for line in lines))
    assert _send(trail, loki.url, writer).sent == 4

    text = (rig.ROOT / "docs/runbooks/loki.md").read_text()
    logql = [
        block.strip().replace('job="vsa-audit"', f'job="vsa-audit",writer="{writer}"')
        for block in re.findall(r"```logql\n(.*?)```", text, re.DOTALL)
    ]
    by_id, by_host, by_actor, not_ok, a_day = logql
    assert [parse_line(line) for *_, line in loki.query(by_id)] == [parse_line(lines[0]), parse_line(lines[2])]
    for query, expected in ((by_host, (0, 2)), (by_actor, (0, 2)), (not_ok, (3,))):
        assert [line for *_, line in loki.query(query)] == [lines[number].rstrip("\n") for number in expected], query
    assert loki.instant(a_day) == [({"verb": "site provision"}, 2.0)]


def test_what_the_callback_wrote_while_loki_was_down(own_loki: rig.Loki, tmp_path: Path) -> None:
    """From ansible-playbook to Loki: each run has two records, each record arrives once, and no run fails."""
    play = tmp_path / "play.yml"
    play.write_text("- {hosts: localhost, gather_facts: false, tasks: [{name: Say, ansible.builtin.debug: {}}]}\n")
    environment = {
        **os.environ,
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "VSA_LOKI_URL": own_loki.url,
        "ANSIBLE_COLLECTIONS_PATH": str(rig.ROOT / "collections"),
        "ANSIBLE_CONFIG": str(rig.ROOT / "ansible.cfg"),
    }

    def run() -> str:
        argv = [rig.command("ansible-playbook"), "--inventory", "localhost,", "--connection", "local", str(play)]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stderr

    assert "Loki" not in run()
    own_loki.stop()
    for _ in range(2):
        assert "Loki" in run(), "said aloud, and no more than that"
    own_loki.start()
    assert "Loki" not in run()
    (trail,) = (tmp_path / "state").rglob("audit.jsonl")
    lines = trail.read_text().splitlines()
    assert [parse_line(line).kind for line in lines] == ["started", "finished"] * 4
    assert [line for *_, line in own_loki.query('{job="vsa-audit"}')] == lines


def test_no_secret_reaches_loki(own_loki: rig.Loki, tmp_path: Path) -> None:
    """No push contains an unknown extra variable, nor the diff that a task made from this variable."""
    task = "{name: Write, ansible.builtin.copy: {content: '{{ api_token }}', dest: out, mode: '0600'}}"
    (tmp_path / "play.yml").write_text(f"- {{hosts: localhost, gather_facts: false, tasks: [{task}]}}\n")
    environment = {
        **os.environ,
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "VSA_LOKI_URL": own_loki.url,
        "ANSIBLE_COLLECTIONS_PATH": str(rig.ROOT / "collections"),
        "ANSIBLE_CONFIG": str(rig.ROOT / "ansible.cfg"),
    }
    argv = [rig.command("ansible-playbook"), "--inventory", "localhost,", "--connection", "local", "--diff"]
    done = subprocess.run(
        [*argv, "--extra-vars", "api_token=canary-7c1f", "play.yml"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out").read_text() == "canary-7c1f"
    pushed = [line for *_, line in own_loki.query('{job="vsa-audit"}')]
    assert [parse_line(line).kind for line in pushed] == ["started", "finished"]
    assert "api_token" in pushed[0], "that it was said is recorded"
    assert not [line for line in pushed if "canary-7c1f" in line]
