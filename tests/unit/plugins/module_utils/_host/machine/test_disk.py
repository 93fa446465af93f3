"""Which errors of the operating system are about files, and what the operator reads of them."""

from __future__ import annotations

import errno
import os
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import NotRolledBackError, RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.disk import (
    disk_errors_refused,
    disk_errors_told,
    disk_words,
    is_disk_error,
    way_out,
)

PATH = "/etc/vsa/sites/.a.example.yml.vsadraft"


def failure(code: int, path: str | None = PATH) -> OSError:
    return OSError(code, os.strerror(code), path) if path else OSError(code, os.strerror(code))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "free space and inodes (df -h, df -i) for /etc/vsa/sites"),
        (errno.EDQUOT, "free space and inodes"),
        (errno.EROFS, "make /etc/vsa/sites writable for root"),
        (errno.EACCES, "make /etc/vsa/sites writable for root"),
        (errno.ENOENT, "look at /etc/vsa/sites"),
        (errno.EIO, "the kernel's log (dmesg)"),
    ],
    ids=errno.errorcode.get,
)
def test_finding_12_an_error_of_a_disk_is_refused_with_the_way_out(code: int, words: str) -> None:
    error = failure(code)
    assert is_disk_error(error)
    assert words in way_out(error)
    assert disk_words(error) == f"{os.strerror(code)}: {PATH}"
    with pytest.raises(RefusedError) as refused, disk_errors_refused():
        raise error
    assert (refused.value.field, refused.value.value) == ("path", PATH)
    assert refused.value.message == f"a file could not be written: {os.strerror(code)}"


def test_an_error_without_a_path() -> None:
    error = failure(errno.ENOSPC, None)
    assert disk_words(error) == os.strerror(errno.ENOSPC)
    assert "the host's disks" in way_out(error)


@pytest.mark.parametrize("error", [ConnectionResetError(errno.ECONNRESET, "x"), TimeoutError("x"), OSError("x")])
def test_a_lost_connection_is_no_error_of_a_disk(error: OSError) -> None:
    assert not is_disk_error(error)
    with pytest.raises(OSError, match="x"), disk_errors_refused():
        raise error
    with pytest.raises(OSError, match="x"), disk_errors_told("done"):
        raise error


@pytest.mark.parametrize("state", ["half done", lambda: "half done"])
def test_finding_12_an_error_of_a_disk_says_what_is_live(state: Any) -> None:
    with pytest.raises(NotRolledBackError) as caught, disk_errors_told(state):
        raise failure(errno.ENOSPC)
    error = caught.value
    assert (error.state, error.field, error.value) == ("half done", "path", PATH)
    assert error.hint == way_out(failure(errno.ENOSPC))
    assert error.message == f"a file could not be written: {os.strerror(errno.ENOSPC)}: {PATH}"
