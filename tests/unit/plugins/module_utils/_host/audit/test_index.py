"""The index follows the trail, and is made anew wherever it does not fit."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import Counts, content_of
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
    return [int(row.time[20:26]) for row in index.runs(**wanted)]  # type: ignore[arg-type]


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
