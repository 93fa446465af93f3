# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How lines become pushes, how Loki's words are read, and that nothing raises. What Loki does is in test_loki.py of
tests/integration, with a real one."""

from __future__ import annotations

import email.utils
import fcntl
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._loki import ship as _loki
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._loki.cursor import Cursor, TrailLine, save
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._loki.http import Target
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._loki.ship import ship

from trails import TrailFolder

_NOW = 1795519800_000000000
_SECOND = 1_000_000_000
_DAY = 86400 * _SECOND


def _run(tmp_path: Path, **known: Any) -> _loki._Shipment:
    url = "http://127.0.0.1:9"
    cursor = tmp_path / "loki.json"
    save(cursor, Cursor(url=url, **known))
    return _loki._Shipment(cursor=cursor, target=Target.of(url), writer="w", url=url, until=time.monotonic() + 2)


def _lines(*described: tuple[int, int]) -> Iterator[TrailLine]:
    """Lines of (time, length)."""
    for number, (moment, length) in enumerate(described):
        yield TrailLine("x" * length, f"i{number}", f"h{number}", "", moment, "", 1, 1, number)


@pytest.mark.parametrize(
    ("described", "known", "expected"),
    [
        ([], {}, []),
        ([(_NOW, 10)] * 5, {}, [(5, False)]),
        ([(_NOW, 10)] * 5, {"limit": 2}, [(2, False), (2, False), (1, False)]),
        ([(_NOW, 60_000)] * 20, {}, [(8, False), (8, False), (4, False)]),
        # a long line goes alone, wherever it is
        ([(_NOW, 9), (_NOW, 9), (_NOW, 70_000), (_NOW, 9)], {}, [(2, False), (1, False), (1, False)]),
        ([(_NOW, 70_000), (_NOW, 70_000)], {}, [(1, False), (1, False)]),
        ([(_NOW, 2_000_000), (_NOW, 9)], {}, [(1, False), (1, False)]),
        # a little back is no reason; more is
        ([(_NOW, 9), (_NOW - 4 * _SECOND, 9)], {}, [(2, False)]),
        ([(_NOW, 9), (_NOW - 60 * _SECOND, 9), (_NOW + 1, 9)], {}, [(1, False), (2, False)]),
        ([(_NOW, 9)] * 2, {"live": _NOW + 60 * _SECOND}, [(2, True)]),
        ([(_NOW, 9), (_NOW + 90 * _SECOND, 9)], {"live": _NOW + 60 * _SECOND}, [(1, True), (1, False)]),
        # days do not mix
        ([(_NOW - 9 * _DAY, 9), (_NOW - 9 * _DAY, 9), (_NOW, 9)], {}, [(2, False), (1, False)]),
        # a run has its measure
        ([(_NOW, 60_000)] * 400, {}, [(8, False)] * 17 + [(4, False)]),
    ],
)
def test_batches(
    tmp_path: Path, described: list[tuple[int, int]], known: dict[str, int], expected: list[tuple[int, bool]]
) -> None:
    batches = [(len(lines), late) for lines, late in _run(tmp_path, **known)._batches(_lines(*described))]
    assert batches == expected


@pytest.mark.parametrize(
    ("times", "known", "late", "now", "expected"),
    [
        ([5, 6, 9], {}, False, None, [5, 6, 9]),
        ([5, 5, 5], {}, False, None, [5, 6, 7]),
        ([5, 3, 6], {"live": 2, "late": 100}, False, None, [5, 6, 7]),
        ([5, 6], {"live": 10}, False, None, [11, 12]),
        ([5, 600], {"live": 1000, "late": 10}, True, None, [11, 600]),
        ([5, 600], {"late": 10}, True, 300, [300, 301]),
        ([5, 600], {"late": 400}, True, 300, [401, 402]),
    ],
)
def test_stamps(
    tmp_path: Path, times: list[int], known: dict[str, int], late: bool, now: int | None, expected: list[int]
) -> None:
    lines = list(_lines(*((moment, 1) for moment in times)))
    assert _run(tmp_path, **known)._stamps(lines, late=late, now=now) == expected


_STREAM = """'{job="vsa-audit", writer="w"}'"""
_OUT_OF_ORDER_2 = (
    "entry with timestamp 2026-11-24 11:44:19.5 +0000 UTC ignored, reason: 'entry out of order' for stream:"
    f" {_STREAM},\ntotal ignored: 1 out of 2"
)
_TOO_OLD_2 = f"entry for stream {_STREAM} has timestamp too old: 2026-10-25 11:44:19.56 +0000 UTC"
_TOO_NEW_2 = f"entry for stream {_STREAM} has timestamp too new: 2027-09-20 11:44:19.88 +0000 UTC"
_TOO_LONG_2 = (
    f"Max entry size '2048' bytes exceeded for stream {_STREAM} while adding an entry with length '3252' bytes"
)
_TOO_FAR_3 = (
    "entry with timestamp 2026-11-24 11:44:19 +0000 UTC ignored, reason: 'entry too far behind, entry timestamp is:"
    f" 2026-11-24T11:44:19Z, oldest acceptable timestamp is: 2026-11-24T12:44:19Z' for stream: {_STREAM},\n"
    "total ignored: 1 out of 1"
)
_TOO_OLD_3 = (
    f"entry for stream {_STREAM} has timestamp too old: 2026-10-25T11:44:19Z, oldest acceptable timestamp is:"
    " 2026-11-17T11:44:19Z"
)
_TOO_LONG_3 = (
    f"max entry size 262144 bytes exceeded for stream {_STREAM} while adding an entry with length 300252 bytes"
)


@pytest.mark.parametrize(
    ("text", "another_time", "too_long"),
    [
        (_OUT_OF_ORDER_2, True, False),
        (_TOO_OLD_2, True, False),
        (_TOO_NEW_2, True, False),
        (_TOO_LONG_2, False, True),
        (_TOO_FAR_3, True, False),
        (_TOO_OLD_3, True, False),
        (_TOO_LONG_3, False, True),
        ("error at least one label pair is required per stream", False, False),
        ("<html>\n<head><title>413 Request Entity Too Large</title></head>", False, True),
        ("", False, False),
    ],
)
def test_lokis_words(text: str, another_time: bool, too_long: bool) -> None:
    assert (_loki._OTHER_TIME.search(text) is not None, _loki._TOO_LONG.search(text) is not None) == (
        another_time,
        too_long,
    )


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, 0),
        ("", 0),
        ("0", 0),
        ("7", 7),
        (" 7 ", 7),
        ("99999999999999999999", 3600),
        ("-5", 0),
        ("1.5", 0),
        ("soon", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        pytest.param(email.utils.formatdate(time.time() + 10**8, usegmt=True), 3600, id="a date years ahead"),
        ("Wed, 21 Oct 99999 07:28:00 GMT", 0),
        ("²", 0),
    ],
)
def test_retry_after(header: str | None, expected: int) -> None:
    assert _loki._seconds(header) == expected


def test_retry_after_as_a_date() -> None:
    assert _loki._seconds(email.utils.formatdate(time.time() + 30, usegmt=True)) in (29, 30)


def test_a_wait_from_a_wrong_clock_is_not_kept(tmp_path: Path) -> None:
    run = _run(tmp_path, not_before=int(time.time()) + 10**8)
    run._check_wait()
    assert run._cursor.not_before == 0


@pytest.mark.parametrize("case", ["no folder", "a folder as cursor", "a folder as trail", "no url", "no auth file"])
def test_nothing_raises(tmp_path: Path, case: str) -> None:
    trail = TrailFolder(tmp_path / "state")
    trail.add(3)
    given: dict[str, Any] = {"trail": trail.files, "cursor": trail.cursor, "url": "http://127.0.0.1:9", "writer": "w"}
    if case == "no folder":
        given["cursor"] = tmp_path / "missing" / "loki.json"
    elif case == "a folder as cursor":
        trail.cursor.mkdir()
    elif case == "a folder as trail":
        given["trail"] = [tmp_path]
    elif case == "no url":
        given["url"] = ""
    else:
        given["auth_file"] = tmp_path / "missing"
    done = ship(**given)
    assert (done.sent, done.skipped) == (0, ())
    assert done.error
    assert "\n" not in done.error
    if case in ("no url", "no auth file"):
        assert done.pending == 3


def test_nobody_listens(tmp_path: Path) -> None:
    trail = TrailFolder(tmp_path)
    trail.add(3)
    done = ship(trail=trail.files, cursor=trail.cursor, url="http://127.0.0.1:9", writer="w")
    assert (done.sent, done.skipped, done.pending) == (0, (), 3)
    assert done.error == "127.0.0.1:9: Connection refused"
    assert json.loads(trail.cursor.read_text())["hash"] == ""


def test_another_run_that_sends_is_waited_for_within_the_deadline(tmp_path: Path) -> None:
    trail = TrailFolder(tmp_path)
    trail.add(3)
    with trail.cursor.with_suffix(".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        began = time.monotonic()
        done = ship(trail=trail.files, cursor=trail.cursor, url="http://127.0.0.1:9", writer="w", deadline=0.4)
        assert 0.2 < time.monotonic() - began < 0.5
    assert (done.sent, done.pending, done.error) == (0, 3, "another run is sending")
