"""Runs of backups: read from restic's snapshots, chosen, and expired."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, RolledBackError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.backup.runs import (
    FILES,
    BackupRun,
    choose_run,
    expired_runs,
    new_run_id,
    read_runs,
    run_id,
    tags_of,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.backup.settings import Keep

NOW = datetime.datetime(2026, 11, 29, 3, 0, tzinfo=datetime.UTC)
RUN = "20261129t030000z-1f2e"


def snapshot(part: str = FILES, run: str = RUN, *, identity: str = "f1", **more: Any) -> dict[str, Any]:
    """Return a snapshot as restic 0.19.1 lists it."""
    tags = tags_of(tenant=more.pop("tenant", "acme"), stack=more.pop("stack", "shop"), run=run, part=part)
    return {
        "time": "2026-11-29T03:00:04.199682897Z",
        "hostname": "vps-01",
        "tags": tags,
        "summary": {"total_bytes_processed": 9},
        "id": identity,
        **more,
    }


def made(days: float, *, complete: bool = True, tenant: str = "acme") -> BackupRun:
    """Return a run that is some days old."""
    time = NOW - datetime.timedelta(days=days)
    return BackupRun(new_run_id(time, "0000"), tenant, "shop", "vps-01", time, "f" if complete else None)


def test_the_id_of_a_run() -> None:
    assert new_run_id(NOW, "1f2e") == RUN
    assert run_id(RUN) == RUN
    for wrong in ("latest", RUN.upper(), f"{RUN}\n", f"../{RUN}", None):
        with pytest.raises(RefusedError):
            run_id(wrong)


def test_snapshots_become_runs() -> None:
    other = "20261128t030000z-0001"
    data = [
        snapshot("db", identity="d1", time="2026-11-29T03:00:01Z"),
        snapshot(identity="f1"),
        snapshot("db", other, identity="d0", time="2026-11-28T03:00:01Z"),
        {"id": "x", "tags": ["vsa"], "time": "2026-11-29T03:00:04Z"},
        {"id": "x", "time": "2026-11-29T03:00:04Z"},
        snapshot(tenant="../acme"),
        snapshot(run="latest"),
    ]
    newest, oldest = read_runs(json.dumps(data))
    assert (newest.id, newest.files, newest.databases, newest.size) == (RUN, "f1", {"db": "d1"}, 18)
    assert newest.complete
    assert sorted(newest.snapshots) == ["d1", "f1"]
    assert (oldest.id, oldest.complete, oldest.snapshots) == (other, False, ("d0",))
    assert newest.as_dict()["time"] == "2026-11-29T03:00:04Z"
    assert read_runs("null") == read_runs("[]") == read_runs("") == []
    with pytest.raises(RolledBackError):
        read_runs("Fatal: no")


def test_the_newest_complete_run_is_chosen() -> None:
    runs = [made(0, complete=False), made(1), made(2)]
    assert choose_run(runs, tenant=None, stack="shop") == runs[1]
    assert choose_run(runs, tenant="acme", stack="shop", run=runs[2].id) == runs[2]


@pytest.mark.parametrize(
    ("tenant", "stack", "run"),
    [("beta", "shop", None), (None, "blog", None), (None, "shop", made(0).id), (None, "shop", made(9).id)],
)
def test_a_run_that_is_not_there_is_refused(tenant: str | None, stack: str, run: str | None) -> None:
    with pytest.raises(RefusedError) as caught:
        choose_run([made(0, complete=False), made(1)], tenant=tenant, stack=stack, run=run)
    assert caught.value.hint is not None


def test_whose_stack_is_meant_has_to_be_clear() -> None:
    with pytest.raises(RefusedError) as caught:
        choose_run([made(1), made(1, tenant="beta")], tenant=None, stack="shop")
    assert caught.value.there_are == ["acme", "beta"]


@pytest.mark.parametrize(
    ("ages", "keep", "expired"),
    [
        ([], Keep(), []),
        ([0, 1, 2], Keep(), []),
        # the newest of a day
        ([0, 0.01, 0.02, 1], Keep(last=1), [0.01, 0.02]),
        ([0, 0.01, 0.02, 1], Keep(last=2), [0.02]),
        ([0, 0.01, 0.02, 1], Keep(), []),
        # the newest always
        ([0, 1, 2], Keep(0, 0, 0, 0), [1, 2]),
        ([40, 41], Keep(1, 1, 0, 0), [41]),
        # days, then weeks: 29 November 2026 is a Sunday
        ([0, 1, 2, 3, 7, 8, 14], Keep(1, 2, 3, 0), [2, 3, 8]),
        # months
        ([0, 10, 20, 30, 60, 90], Keep(1, 1, 0, 3), [10, 20, 90]),
    ],
)
def test_what_has_expired(ages: list[float], keep: Keep, expired: list[float]) -> None:
    runs = [made(age) for age in ages]
    assert expired_runs(runs, keep, now=NOW) == [made(age) for age in expired]


def test_a_run_that_did_not_end_stays_for_a_day() -> None:
    runs = [made(0), made(0.5, complete=False), made(1.5, complete=False)]
    assert expired_runs(runs, Keep(), now=NOW) == [runs[2]]
