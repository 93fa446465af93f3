"""The trail on disk: torn lines, rotation, several writers, full disks, and runs that are closed exactly once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.chain import verify
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import AuditRecord, TaskChange, parse_line
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import Places, this_controller
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.trail import Trail

from audit_records import audit_id, record

# Killed after the last record and before the run's file is removed.
CLOSES_AND_DIES = "Path.unlink = lambda *a, **k: os.kill(os.getpid(), 9); run.close('ok')"
SUPPORT = Path(__file__).parents[5] / "support"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "log", tmp_path / "state", tmp_path / "spool")


@pytest.fixture
def trail(places: Places) -> Trail:
    return Trail(places)


def records(trail: Trail) -> list[AuditRecord]:
    return [parse_line(line) for _, _, line in trail.lines()]


def told(trail: Trail) -> list[tuple[str, str]]:
    return [(found.kind, found.status) for found in records(trail)]


def assert_whole(trail: Trail) -> None:
    assert verify(trail.lines()).problems == []


def died(trail: Trail, number: int, *, started: bool = True, then: str = "") -> None:
    """Have another process begin a run and be killed."""
    code = f"""
import os, sys
from audit_records import record
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import TaskChange
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import Places
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.trail import Trail
from pathlib import Path
places = Places(*map(Path, sys.argv[1:]))
run = Trail(places).register(record({number}))
{"run.started()" if started else ""}
{then}
os.kill(os.getpid(), 9)
"""
    places = trail.places
    done = in_another_process(code, places)
    assert done.returncode == -signal.SIGKILL, done.stderr


def in_another_process(code: str, places: Places) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(entry for entry in (str(SUPPORT), *sys.path) if entry)
    return subprocess.run(
        [sys.executable, "-c", code, str(places.folder), str(places.state), str(places.spool)],
        env={"PYTHONPATH": path, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
    )


# Records


def test_a_run_leaves_two_records(trail: Trail) -> None:
    run = trail.register(record(1))
    run.started()
    assert run.close("ok", duration=1.5)
    assert told(trail) == [("started", "started"), ("finished", "ok")]
    assert {found.id for found in records(trail)} == {audit_id(1)}
    assert list(trail.places.runs[0].iterdir()) == []
    assert_whole(trail)


def test_the_files_are_private(trail: Trail) -> None:
    trail.append(record(1))
    assert trail.places.log.stat().st_mode & 0o777 == 0o600
    assert trail.places.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("torn", [b"{", b'{"prev_hash":"', b"\x00" * 700_000, b"\xff"])
def test_a_torn_last_line_is_cut_away(trail: Trail, torn: bytes) -> None:
    trail.append(record(1))
    with trail.places.log.open("ab") as stream:
        stream.write(torn)
    trail.append(record(2))
    assert [found.id for found in records(trail)] == [audit_id(1), audit_id(2)]
    assert_whole(trail)


def test_a_torn_line_that_was_the_first(trail: Trail) -> None:
    trail.places.make()
    trail.places.log.write_bytes(b'{"prev_')
    trail.append(record(1))
    assert_whole(trail)


def test_a_record_that_is_cut_anywhere_is_closed_all_the_same(trail: Trail) -> None:
    died(trail, 1)
    whole = trail.places.log.read_bytes()
    for length in range(0, len(whole), 97):
        trail.places.log.write_bytes(whole[:length])
        for left in trail.places.runs[0].iterdir():
            left.unlink()
        died(trail, 1, started=False)
        assert trail.sweep() == 1
        assert told(trail) == [("started", "started"), ("finished", "interrupted")]
        assert_whole(trail)


def test_a_line_that_was_edited_does_not_stop_the_next(trail: Trail) -> None:
    trail.append(record(1))
    trail.append(record(2))
    text = trail.places.log.read_text().replace("shop", "evil")
    trail.places.log.write_text(text)
    trail.append(record(3))
    assert [(problem.what, problem.line) for problem in verify(trail.lines()).problems] == [
        ("edited", 1),
        ("edited", 2),
    ]


def test_rotation_keeps_the_chain(places: Places) -> None:
    trail = Trail(places, rotate_at=3000)
    for number in range(40):
        trail.append(record(number))
    files = [file.name for file in places.files()]
    assert len(files) > 3
    assert files == [f"audit.jsonl.{number}" for number in range(1, len(files))] + ["audit.jsonl"]
    assert [found.id for found in records(trail)] == [audit_id(number) for number in range(40)]
    assert_whole(trail)
    places.files()[1].unlink()
    assert [problem.what for problem in verify(trail.lines()).problems] == ["removed"]


def test_a_crash_after_the_rename_of_a_rotation(places: Places) -> None:
    trail = Trail(places, rotate_at=3000)
    for number in range(5):
        trail.append(record(number))
    places.log.rename(places.folder / "audit.jsonl.99")
    trail.append(record(5))
    assert_whole(trail)


def test_many_writers_at_once(trail: Trail) -> None:
    code = """
import sys
from audit_records import record
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import Places
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.trail import Trail
from pathlib import Path
trail = Trail(Places(*map(Path, sys.argv[1:4])), rotate_at=20_000)
for number in range(40):
    run = trail.register(record(int(sys.argv[4]) * 1000 + number))
    run.started()
    run.close("ok")
"""
    places = trail.places
    path = os.pathsep.join(entry for entry in (str(SUPPORT), *sys.path) if entry)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(places.folder), str(places.state), str(places.spool), str(number)],
            env={"PYTHONPATH": path},
        )
        for number in range(3)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert Counter(found.kind for found in records(trail)) == {"started": 120, "finished": 120}
    assert max(Counter((found.id, found.kind) for found in records(trail)).values()) == 1
    assert_whole(trail)


# Runs that do not end


def test_a_run_of_a_dead_process_is_closed_once(trail: Trail) -> None:
    change = "run.hosts(['vps-01']); run.change(TaskChange('vps-01', 'Write it', 'copy'))"
    died(trail, 1, then=change)
    assert told(trail) == [("started", "started")]
    assert (trail.sweep(), trail.sweep()) == (1, 0)
    last = records(trail)[-1]
    assert (last.kind, last.status, last.hosts) == ("finished", "interrupted", ("vps-01",))
    assert last.changes == (TaskChange("vps-01", "Write it", "copy"),)
    assert "is gone" in str(last.error)
    assert_whole(trail)


def test_a_run_that_died_before_its_first_record(trail: Trail) -> None:
    died(trail, 1, started=False)
    assert list(trail.lines()) == []
    trail.sweep()
    assert told(trail) == [("started", "started"), ("finished", "interrupted")]


def test_a_run_that_lives_is_left_alone(trail: Trail) -> None:
    run = trail.register(record(1))
    run.started()
    assert trail.sweep() == 0
    assert run.close("ok")
    assert not run.close("failed")
    assert told(trail) == [("started", "started"), ("finished", "ok")]


def test_a_run_that_begins_is_not_taken_for_a_dead_one(trail: Trail) -> None:
    """Another run looks at its file before it names its process."""
    run = trail.register(record(1))
    assert run.path is not None
    whole = run.path.read_bytes()
    for length in range(len(whole)):
        run.path.write_bytes(whole[:length])
        assert trail.sweep() == 0
    run.path.write_bytes(whole)
    run.started()
    assert run.close("ok")
    assert told(trail) == [("started", "started"), ("finished", "ok")]


def test_a_run_that_died_between_its_last_record_and_its_file(trail: Trail) -> None:
    died(
        trail, 1, then="import pathlib; pathlib.Path.unlink = lambda *a, **k: os.kill(os.getpid(), 9); run.close('ok')"
    )
    assert told(trail) == [("started", "started"), ("finished", "ok")]
    trail.sweep()
    assert told(trail) == [("started", "started"), ("finished", "ok")]
    assert list(trail.places.runs[0].iterdir()) == []


def test_one_that_joined_and_died_so_is_not_closed_again_by_the_other(trail: Trail) -> None:
    mine = trail.register(record(1))
    died(
        trail, 1, then="import pathlib; pathlib.Path.unlink = lambda *a, **k: os.kill(os.getpid(), 9); run.close('ok')"
    )
    mine.close("internal_error")
    assert told(trail) == [("started", "started"), ("finished", "ok")]


def test_two_processes_of_one_run(trail: Trail) -> None:
    mine = trail.register(record(1))
    died(trail, 1)
    assert trail.sweep() == 0, "one of its processes lives"
    mine.started()
    assert mine.close("interrupted")
    assert told(trail) == [("started", "started"), ("finished", "interrupted")]


def test_a_number_that_went_to_another_process(trail: Trail) -> None:
    run = trail.register(record(1))
    assert run.path is not None
    text = run.path.read_text()
    process = json.loads(text.splitlines()[1])["process"]
    process["start"] = "1"
    run.path.write_text(text.splitlines()[0] + "\n" + json.dumps({"process": process}) + "\n")
    assert trail.sweep() == 1


def test_a_machine_that_was_restarted(trail: Trail) -> None:
    run = trail.register(record(1))
    assert run.path is not None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    run.path.write_text(run.path.read_text().replace(boot, "another"))
    assert trail.sweep() == 1


def test_a_run_in_another_container_is_left_alone_for_a_day(trail: Trail) -> None:
    run = trail.register(record(1))
    assert run.path is not None
    run.path.write_text(run.path.read_text().replace("pid:[", "pid:[9"))
    assert trail.sweep() == 0
    old = time.time() - 100_000
    os.utime(run.path, (old, old))
    assert trail.sweep() == 1


def test_a_run_file_that_was_never_whole(trail: Trail) -> None:
    trail.places.make()
    broken = trail.places.runs[0] / f"{audit_id(1)}.jsonl"
    broken.write_text('{"record": {"id"')
    assert trail.sweep() == 0
    os.utime(broken, (0, 0))
    trail.sweep()
    assert not broken.exists()


def test_two_sweeps_at_once(trail: Trail) -> None:
    for number in range(20):
        died(trail, number) if number < 3 else None
    code = """
import sys
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import Places
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.trail import Trail
from pathlib import Path
Trail(Places(*map(Path, sys.argv[1:]))).sweep()
"""
    places, path = trail.places, os.pathsep.join(entry for entry in (str(SUPPORT), *sys.path) if entry)
    words = [sys.executable, "-c", code, str(places.folder), str(places.state), str(places.spool)]
    sweepers = [subprocess.Popen(words, env={"PYTHONPATH": path}) for _ in range(3)]
    assert [sweeper.wait(60) for sweeper in sweepers] == [0, 0, 0]
    assert Counter(found.kind for found in records(trail)) == {"started": 3, "finished": 3}


# No space, no lock, no directory


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 256 KiB; the test fills it."""
    where = tmp_path / "small"
    where.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "vsa-test", str(where)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    yield where
    subprocess.run(["umount", str(where)], check=True)


def fill(where: Path) -> None:
    with (where / "ballast").open("ab", buffering=0) as stream:
        try:
            while True:
                stream.write(b"x" * 512)
        except OSError:
            pass


def test_a_disk_that_fills_up_during_a_run(full: Path, tmp_path: Path) -> None:
    trail = Trail(Places(full / "log", full / "state", tmp_path / "spool"))
    run = trail.register(record(1))
    run.started()
    fill(full)
    assert run.close("ok")
    # The space that was set aside was enough.
    assert told(trail) == [("started", "started"), ("finished", "ok")]
    assert_whole(trail)


def test_a_disk_that_is_full_from_the_start(full: Path, tmp_path: Path) -> None:
    trail = Trail(Places(full / "log", full / "state", tmp_path / "spool"))
    trail.places.make()
    fill(full)
    run = trail.register(record(1))
    run.started()
    assert run.close("ok")
    assert not run.close("failed")
    assert trail.kept_back
    (full / "ballast").unlink()
    trail.append(record(2))
    assert told(trail) == [("started", "started"), ("finished", "ok"), ("started", "started")]
    assert_whole(trail)


def test_a_full_disk_and_a_kill(full: Path, tmp_path: Path) -> None:
    trail = Trail(Places(full / "log", full / "state", tmp_path / "spool"))
    trail.places.make()
    fill(full)
    died(trail, 1)
    (full / "ballast").unlink()
    assert trail.sweep() == 1
    assert told(trail) == [("started", "started"), ("finished", "interrupted")]
    assert_whole(trail)


def test_what_waited_is_not_written_twice(trail: Trail) -> None:
    trail.append(record(1))
    trail.places.spool.mkdir()
    waiting = trail.places.spool / f"{audit_id(1)}.started.json"
    waiting.write_text(json.dumps(record(1).as_dict()))
    trail.append(record(2))
    assert [found.id for found in records(trail)] == [audit_id(1), audit_id(2)]
    assert not waiting.exists()


def test_a_lock_that_is_held_delays_by_a_second_and_loses_nothing(trail: Trail) -> None:
    import fcntl

    trail.places.make()
    holder = os.open(trail.places.lock, os.O_CREAT | os.O_RDWR)
    fcntl.flock(holder, fcntl.LOCK_EX)
    began = time.monotonic()
    trail.append(record(1))
    assert time.monotonic() - began < 2
    assert list(trail.lines()) == []
    os.close(holder)
    trail.append(record(2))
    assert [found.id for found in records(trail)] == [audit_id(1), audit_id(2)]


def test_a_place_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    trail = Trail(Places(tmp_path / "file/log", tmp_path / "file/state", tmp_path / "spool"))
    run = trail.register(record(1))
    run.started()
    run.close("ok")
    assert trail.kept_back
    assert len(list((tmp_path / "spool").glob("*.json"))) == 2


def test_nowhere_at_all_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    trail = Trail(Places(tmp_path / "file/log", tmp_path / "file/state", tmp_path / "file/spool"))
    with pytest.raises(OSError):
        trail.append(record(1))


# Where, and by whom


def test_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    assert Places.here({"HOME": "/home/operator"}).folder == Path("/home/operator/.local/state/vsa")
    assert Places.here({"HOME": "/home/operator", "XDG_STATE_HOME": "/state"}).log == Path("/state/vsa/audit.jsonl")
    assert Places.here({"HOME": "/home/operator", "XDG_STATE_HOME": "relative"}).folder.is_absolute()
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert Places.here({"HOME": "/root"}, root=str(tmp_path)).folder == Path("/root/.local/state/vsa")
    (tmp_path / "etc/vsa").mkdir(parents=True)
    (tmp_path / "etc/vsa/vsa.yml").touch()
    assert Places.here({"HOME": "/root"}, root=str(tmp_path)).folder == tmp_path / "var/log/vsa"


def test_the_writer_is_made_once(places: Places) -> None:
    first = this_controller(places)
    assert first == this_controller(places)
    assert len(first.id) == 16
    (places.state / "audit-writer").write_text("rubbish")
    assert len(this_controller(places).id) == 16
