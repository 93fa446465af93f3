"""The host's lock between processes: one at a time, given back by a kill, and named when it takes too long."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.lock import host_lock

fork = multiprocessing.get_context("fork")


def _hold(path: Path, held: Event) -> None:
    with host_lock(path):
        held.set()
        time.sleep(60)


def _count(path: Path, counter: Path, rounds: int) -> None:
    for _ in range(rounds):
        with host_lock(path, timeout=30):
            counter.write_text(str(int(counter.read_text()) + 1))


def test_one_at_a_time(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    workers = [fork.Process(target=_count, args=(tmp_path / ".lock", counter, 10)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert counter.read_text() == "30"


def test_whoever_waits_too_long_is_told_who_holds_it_and_a_kill_gives_it_back(tmp_path: Path) -> None:
    path, held = tmp_path / ".lock", fork.Event()
    holder = fork.Process(target=_hold, args=(path, held))
    holder.start()
    assert held.wait(10)
    with pytest.raises(RefusedError, match=f"held by process {holder.pid}"), host_lock(path, timeout=0.1):
        pass
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    with host_lock(path, timeout=5):
        assert path.read_text() == f"process {os.getpid()}\n"


def test_it_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), host_lock(tmp_path / ".lock"):
        raise KeyError
    with host_lock(tmp_path / ".lock", timeout=0.1):
        pass
