"""The host's lock between processes: one at a time, given back by a kill, and named when it takes too long."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine import lock
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.lock import host_lock

HOLD = """
with host_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""
COUNT = """
counter = Path(sys.argv[2])
for _ in range(20):
    with host_lock(Path(sys.argv[1]), timeout=60):
        counter.write_text(str(int(counter.read_text()) + 1))
"""


def start(code: str, *argv: Path) -> subprocess.Popen[str]:
    """Run code in a process of its own, with the lock at hand."""
    head = f"import sys, time\nfrom pathlib import Path\nfrom {lock.__name__} import host_lock\n"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-c", head + code, *map(str, argv)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)


def test_one_at_a_time(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    running = [start(COUNT, tmp_path / ".lock", counter) for _ in range(3)]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
    assert counter.read_text() == "60"
    for process in running:
        process.communicate()


def test_whoever_waits_too_long_is_told_who_holds_it_and_a_kill_gives_it_back(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with start(HOLD, path) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RefusedError, match=f"held by process {holder.pid}"), host_lock(path, timeout=0.1):
            pass
        holder.kill()
        holder.wait()
        with host_lock(path, timeout=5):
            assert path.read_text() == f"process {os.getpid()}\n"


def test_it_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), host_lock(tmp_path / ".lock"):
        raise KeyError
    with host_lock(tmp_path / ".lock", timeout=0.1):
        pass
