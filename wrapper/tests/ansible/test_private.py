"""The private directory: nobody else's, and gone."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from vsa.ansible.private import private_directory, tmpfs


def test_it_is_private_on_tmpfs_and_gone_afterwards() -> None:
    with private_directory() as path:
        assert path.stat().st_mode & 0o777 == 0o700
        assert path.parent == tmpfs()
        (path / "secret").write_text("x")
    assert not path.exists()


def test_it_is_gone_after_an_error() -> None:
    with pytest.raises(RuntimeError), private_directory() as path:
        raise RuntimeError
    assert not path.exists()


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="this machine has no /dev/shm")
def test_it_lies_in_memory_where_there_is_a_tmpfs() -> None:
    assert tmpfs() == Path("/dev/shm")


def test_what_a_killed_run_left_is_removed_a_day_later() -> None:
    left = tmpfs() / f"vsa-{os.getuid()}-1-left"
    fresh = tmpfs() / f"vsa-{os.getuid()}-1-fresh"
    left.mkdir()
    fresh.mkdir()
    yesterday = time.time() - 90_000
    os.utime(left, (yesterday, yesterday))
    try:
        with private_directory():
            assert not left.exists()
            assert fresh.exists()
    finally:
        fresh.rmdir()
