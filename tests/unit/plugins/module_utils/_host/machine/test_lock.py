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
        words = f"held by process {holder.pid} of .* \\(.*python"
        with pytest.raises(RefusedError, match=words), host_lock(path, timeout=0.1):
            pass
        holder.kill()
        holder.wait()
        with host_lock(path, timeout=5):
            assert path.read_text() == ""


def test_it_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), host_lock(tmp_path / ".lock"):
        raise KeyError
    with host_lock(tmp_path / ".lock", timeout=0.1):
        pass


def test_a_lock_of_before_is_closed_for_others(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    path.write_text("process 1\n")
    path.chmod(0o644)
    with host_lock(path):
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_link_is_no_lock(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch()
    (tmp_path / ".lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RefusedError, match="symbolic"), host_lock(tmp_path / ".lock"):
        pass


def test_a_shell_that_keeps_the_lock_of_a_program_is_named(tmp_path: Path) -> None:
    """flock(1) takes the lock and ends; the descriptor of the shell holds the lock."""
    path = tmp_path / ".lock"
    script = f"exec 9>{path}; flock 9; echo held; read -r end"
    with subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        words = f"held by process {holder.pid} of .*sh -c exec 9>"
        with pytest.raises(RefusedError, match=words), host_lock(path, timeout=0.1):
            pass
        holder.communicate("\n")
