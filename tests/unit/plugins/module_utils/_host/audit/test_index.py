"""The index follows the trail, and is made anew wherever it does not fit."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.generations import GenerationChange
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.query import Query
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import AuditRecord, Counts, content_of
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.ids import uuid7
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.index import Index
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import Places
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.trail import Trail

from audit_records import audit_id, record


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "log", tmp_path / "state", tmp_path / "spool")


def leave(places: Places, first: int, last: int, *, rotate_at: int = 1 << 20) -> None:
    """Leave runs: even ones end well on vps-0, every third changed something, odd ones fail on vps-1."""
    trail = Trail(places, rotate_at=rotate_at)
    for number in range(first, last):
        run = trail.register(record(number, time=f"2026-11-24T10:00:00.{number:06}Z", verb=VERBS[number % 2]))
        run.started()
        host = f"vps-{number % 2}"
        counts = {host: Counts(3, int(number % 3 == 0), number % 2)}
        run.close("failed" if number % 2 else "ok", hosts=(host,), counts=counts, error="no" if number % 2 else None)


VERBS = ("site.provision", "stack.up")


def ids(index: Index, **wanted: object) -> list[int]:
    return [int(row.time[20:26]) for row in index.runs(Query(**wanted))]  # type: ignore[arg-type]


def test_what_is_new_is_read(places: Places) -> None:
    index = Index(places)
    assert index.catch_up()
    assert index.runs() == []
    leave(places, 0, 4)
    assert index.catch_up()
    assert ids(index) == [0, 1, 2, 3]
    leave(places, 4, 6)
    assert ids(index) == [0, 1, 2, 3], "nothing is read but by catching up"
    assert index.catch_up()
    assert ids(index) == [0, 1, 2, 3, 4, 5]
    row = index.runs()[3]
    assert (row.status, row.changed, row.hosts, row.error, row.actor) == ("failed", True, ("vps-1",), "no", "ops@ws")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"host": "vps-1"}, [1, 3, 5]),
        ({"host": "vps"}, []),
        ({"verb": "site"}, [0, 2, 4]),
        ({"verb": "stack.up"}, [1, 3, 5]),
        ({"verb": "sit"}, []),
        ({"target": "shop.example.com", "last": 2}, [4, 5]),
        ({"target": "other"}, []),
        ({"status": ("failed",)}, [1, 3, 5]),
        ({"status": ("failed", "ok")}, [0, 1, 2, 3, 4, 5]),
        ({"since": "2026-11-24T10:00:00.000003Z"}, [3, 4, 5]),
        ({"since": "2026-11-24T10:00:00.000003Z", "host": "vps-1", "last": 1}, [5]),
        ({"host": "' OR 1=1 --"}, []),
        ({"hosts": ("vps-0", "vps-7")}, [0, 2, 4]),
        ({"hosts": ()}, []),
        ({"changes": True}, [0, 1, 3, 5]),
        ({"status": ("changed",)}, [0]),
        ({"status": ("unchanged", "failed")}, [1, 2, 3, 4, 5]),
        ({"status": ("would_change",)}, []),
        ({"status": ("' OR 1=1 --",)}, []),
    ],
)
def test_what_is_asked_for(places: Places, wanted: dict[str, object], found: list[int]) -> None:
    leave(places, 0, 6)
    Index(places).catch_up()
    assert ids(Index(places), **wanted) == found


def test_the_records_of_a_run(places: Places) -> None:
    leave(places, 0, 30, rotate_at=5000)
    index = Index(places)
    index.catch_up()
    assert len(places.files()) > 3
    for number in (0, 7, 29):
        assert [found.kind for found in index.records(audit_id(number))] == ["started", "finished"]
        assert {found.id for found in index.records(audit_id(number)[:30])} >= {audit_id(number)}
    assert index.records("ffff") == []


def test_a_rotation_between_two_readings(places: Places) -> None:
    index = Index(places)
    for first in range(0, 30, 3):
        leave(places, first, first + 3, rotate_at=4000)
        assert index.catch_up()
    assert index.heads() == [content_of(list(Trail(places).lines())[-1][2].rstrip())[1]], "it never began anew"
    assert ids(index) == list(range(30))
    for number in range(30):
        assert [found.kind for found in index.records(audit_id(number))] == ["started", "finished"]


def test_a_line_that_is_being_written_is_left_for_later(places: Places) -> None:
    leave(places, 0, 2)
    whole = places.log.read_bytes()
    places.log.write_bytes(whole[:-20])
    index = Index(places)
    index.catch_up()
    assert [row.status for row in index.runs()] == ["ok", "started"]
    places.log.write_bytes(whole)
    index.catch_up()
    assert [row.status for row in index.runs()] == ["ok", "failed"]


@pytest.mark.parametrize("damage", [b"", b"rubbish" * 1000, b"SQLite format 3\x00" + b"\xff" * 8000])
def test_a_damaged_database_is_made_anew(places: Places, damage: bytes) -> None:
    leave(places, 0, 3)
    places.database.write_bytes(damage)
    assert Index(places).catch_up()
    assert ids(Index(places)) == [0, 1, 2]


def test_pages_that_are_damaged_within(places: Places) -> None:
    leave(places, 0, 40)
    Index(places).catch_up()
    base = sqlite3.connect(places.database)
    base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    base.close()
    data = bytearray(places.database.read_bytes())
    data[4096:] = b"\x55" * (len(data) - 4096)
    places.database.write_bytes(data)
    leave(places, 40, 41)
    assert Index(places).catch_up()
    assert ids(Index(places)) == list(range(41))


def test_a_database_of_another_version_or_of_somebody_else(places: Places) -> None:
    leave(places, 0, 3)
    base = sqlite3.connect(places.database)
    base.execute("CREATE TABLE runs (something TEXT)")
    base.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)")
    base.execute("INSERT INTO meta VALUES ('version', '0')")
    base.commit()
    base.close()
    assert Index(places).catch_up()
    assert ids(Index(places)) == [0, 1, 2]


def test_a_locked_database_is_left_alone(places: Places) -> None:
    leave(places, 0, 3)
    Index(places).catch_up()
    holder = sqlite3.connect(places.database, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    leave(places, 3, 4)
    assert not Index(places).catch_up()
    holder.execute("ROLLBACK")
    holder.close()
    assert Index(places).catch_up()
    assert ids(Index(places)) == [0, 1, 2, 3]


def test_a_place_without_room(places: Places) -> None:
    places.state.parent.mkdir(exist_ok=True)
    places.state.write_text("a file")
    assert not Index(places).catch_up()
    assert Index(places).heads() == []


def test_a_trail_whose_end_was_cut_is_remembered(places: Places) -> None:
    leave(places, 0, 4)
    index = Index(places)
    index.catch_up()
    (head,) = index.heads()
    places.log.write_bytes(b"".join(places.log.read_bytes().splitlines(keepends=True)[:-2]))
    leave(places, 9, 10)
    assert index.catch_up()
    assert ids(index) == [0, 1, 2, 9]
    assert head in index.heads(), "catching up anew does not forget what was there"
    index.rebuild()
    assert head not in index.heads()


def test_a_trail_that_is_gone(places: Places) -> None:
    leave(places, 0, 4)
    index = Index(places)
    index.catch_up()
    places.log.unlink()
    assert index.catch_up()
    assert index.runs() == []
    assert len(index.heads()) == 1


def test_rebuilding(places: Places) -> None:
    assert Index(places).rebuild() == 0
    leave(places, 0, 5)
    assert Index(places).rebuild() == 5


def change(number: int, **sites: tuple[str, ...]) -> AuditRecord:
    """Return the record that a host keeps of a change of some sites."""
    generation = GenerationChange(number, number + 1, **sites)
    return record(number, kind="change", status="ok", target=None, generations=(generation,), verb="vhost.sync")


def test_finding_5_a_target_is_searched_among_the_sites_too(places: Places) -> None:
    trail = Trail(places)
    trail.append(change(1, removed=("bob.example",), changed=("a.example",)))
    trail.append(change(1, added=("c.example",)))
    trail.append(change(2, changed=("a.example",)))
    index = Index(places)
    index.catch_up()
    assert [row.id for row in index.runs(Query(target="bob.example"))] == [audit_id(1)]
    assert [row.id for row in index.runs(Query(target="c.example"))] == [audit_id(1)], "of two transactions of one run"
    assert [row.id for row in index.runs(Query(target="a.example"))] == [audit_id(1), audit_id(2)]
    assert index.runs(Query(target="shop.example.com")) == []
    assert index.runs()[0].sites == ("a.example", "bob.example", "c.example")
    index.rebuild()
    assert [row.id for row in index.runs(Query(target="bob.example"))] == [audit_id(1)]


def test_finding_5_reads_and_checks_are_no_changes(places: Places) -> None:
    trail = Trail(places)
    for number, (verb, check, status) in enumerate(
        [
            ("site.list", False, "unreachable"),
            ("site.provision", True, "ok"),
            ("site.provision", False, "refused"),
            ("site.provision", False, "interrupted"),
            ("site.provision", False, "not_put_back"),
        ]
    ):
        trail.append(record(number, kind="change", verb=verb, check=check, status=status))
    Index(places).catch_up()
    assert [row.status for row in Index(places).runs(Query(changes=True))] == ["interrupted", "not_put_back"]


# The clock of the machine was three days behind for one run, and 400 days ahead for another.
CLOCKS = ("2026-11-24T10:00", "2026-11-24T11:00", "2026-11-21T12:00", "2027-12-29T13:00", "2026-11-24T14:00")


@pytest.fixture
def wrong_clock(places: Places, monkeypatch: pytest.MonkeyPatch) -> Places:
    trail = Trail(places)
    for time in CLOCKS:
        written = f"{time}:00.000000Z"
        milliseconds = int(datetime.fromisoformat(written.replace("Z", "+00:00")).timestamp() * 1000)
        run_id = uuid7(milliseconds, randomness=b"0123456789")
        trail.append(record(kind="change", id=run_id, time=written))
    monkeypatch.setattr(f"{Index.__module__}.now", lambda: "2026-11-24T15:00:00.000000Z")
    Index(places).catch_up()
    return places


def times(index: Index, **wanted: Any) -> list[str]:
    return [row.time[:16] for row in index.runs(Query(**wanted))]


def test_the_order_is_that_of_writing(wrong_clock: Places) -> None:
    assert times(Index(wrong_clock)) == list(CLOCKS)
    assert times(Index(wrong_clock), last=1) == [CLOCKS[4]], "a run of the future is not the newest for ever"
    assert times(Index(wrong_clock), last=3) == list(CLOCKS[2:])
    assert [row.apart for row in Index(wrong_clock).runs()] == [False, False, True, True, False]


@pytest.mark.parametrize(
    ("since", "found"),
    [
        ("2026-11-20T00:00", CLOCKS),
        ("2026-11-24T10:30", CLOCKS[1:]),
        ("2026-11-24T13:30", CLOCKS[2:]),
        ("2026-11-24T14:30", ()),
    ],
)
def test_finding_5_a_wrong_clock_hides_no_run_from_since(
    wrong_clock: Places, since: str, found: tuple[str, ...]
) -> None:
    assert times(Index(wrong_clock), since=f"{since}:00.000000Z") == list(found)


def test_an_index_of_the_version_before_keeps_the_heads_it_has_seen(places: Places) -> None:
    leave(places, 0, 3)
    index = Index(places)
    index.catch_up()
    (head,) = index.heads()
    base = sqlite3.connect(places.database)
    base.executescript(
        "DROP TABLE runs; DROP TABLE sites; UPDATE meta SET value = '1' WHERE key = 'version';"
        "CREATE TABLE runs (id TEXT PRIMARY KEY, time TEXT NOT NULL, verb TEXT NOT NULL, target TEXT,"
        " status TEXT NOT NULL, check_mode INTEGER NOT NULL, changed INTEGER NOT NULL, actor TEXT NOT NULL,"
        " hosts TEXT NOT NULL, duration REAL, error TEXT) WITHOUT ROWID;"
    )
    base.close()
    places.log.write_bytes(b"".join(places.log.read_bytes().splitlines(keepends=True)[:-2]))
    assert index.catch_up()
    assert ids(index) == [0, 1]
    assert head in index.heads(), "verify still finds that the end of the trail was cut"
