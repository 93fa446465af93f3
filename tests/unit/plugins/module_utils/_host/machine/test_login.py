# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who runs this process: what the system knows, whatever the environment claims."""

from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.actor import Actor
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine import login
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.login import current_actor


def test_the_user_is_the_one_that_the_system_knows() -> None:
    name = pwd.getpwuid(os.getuid()).pw_name
    assert current_actor({"USER": "mallory", "LOGNAME": "mallory"}) == Actor(name, None, socket.gethostname())


def test_the_kernel_says_who_called_sudo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """sudo, su and their shells run as root; above them is the user who called."""
    for pid, parent, uid in ((40, 30, 0), (30, 20, 1000), (20, 1, 1000), (1, 0, 0)):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "status").write_text(f"Name:\tx: y\nPPid:\t{parent}\nUid:\t{uid}\t0\t0\t0\n")
    assert login._uids_of_callers(40, proc=tmp_path) == [0, 1000, 1000, 0]
    assert login._uids_of_callers(30, proc=tmp_path) == [1000, 1000, 0]
    assert login._uids_of_callers(7, proc=tmp_path) is None
    (tmp_path / "self").mkdir()
    for noted, found in ((4294967295, [0]), (1001, [0, 1001])):
        (tmp_path / "self/loginuid").write_text(str(noted))
        assert login._uids_of_callers(1, proc=tmp_path) == found
    monkeypatch.setattr(login, "_uids_of_callers", lambda _pid: None)
    assert current_actor({"SUDO_USER": "ana"}).sudo_user == "ana"
    monkeypatch.setattr(login, "_uids_of_callers", lambda _pid: [os.getuid()])
    assert current_actor({"SUDO_USER": "ana"}).sudo_user is None


def test_a_user_without_an_entry_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 123_456_789)
    assert current_actor({}).user == "123456789"


TCP = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
ROW = " {}: {} {} {} 00000000:00000000 02:000AB984 00000000     0        0 {} 2 0 20 4 23 151 -1\n"


def _make_processes(
    proc: Path, processes: dict[int, tuple[str, int, str, tuple[int, ...]]], rows4: str, rows6: str = "", name: str = ""
) -> None:
    """Make a /proc with processes: the program, the parent, the user, and the inodes of the sockets."""
    for pid, (program, parent, uid, sockets) in processes.items():
        place = proc / str(pid)
        (place / "fd").mkdir(parents=True)
        (place / "net").mkdir()
        (place / "exe").symlink_to(program)
        title = name or program.rpartition("/")[2][:15]
        (place / "status").write_text(f"Name:\t{title}\nPPid:\t{parent}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n")
        (place / "net/tcp").write_text(TCP + rows4)
        (place / "net/tcp6").write_text(TCP + rows6)
        for number, inode in enumerate(sockets):
            (place / "fd" / str(number)).symlink_to(f"socket:[{inode}]")


def test_a_process_that_calls_itself_sshd_is_not_believed(tmp_path: Path) -> None:
    """A user's program, and sudo by a link of that name, whose sockets lead to addresses that the user chose."""
    rows = ROW.format(0, "0A01A8C0:0016", "426433C6:D81C", "01", 11)
    rows += ROW.format(1, "0A01A8C0:0016", "076433C6:D81C", "01", 12)
    processes: dict[int, tuple[str, int, str, tuple[int, ...]]] = {
        50: ("/usr/bin/python3", 40, "0", ()),
        40: ("/usr/bin/sudo", 30, "0", (11,)),
        30: ("/home/ops/sshd", 20, "1000", (11,)),
        20: ("/usr/sbin/sshd", 10, "1000", (12,)),
        10: ("/usr/sbin/sshd", 1, "0", (12,)),
        1: ("/usr/lib/systemd/systemd", 0, "0", ()),
    }
    _make_processes(tmp_path, processes, rows, name="sshd")
    assert login._ssh_peers(50, proc=tmp_path) == ["198.51.100.7"]


def test_the_kernel_says_where_an_ssh_session_came_from(tmp_path: Path) -> None:
    """A row of each kind as Debian 13 shows it; sshd listens too, and the session has a socket of another kind."""
    rows4 = ROW.format(0, "0A01A8C0:0016", "076433C6:D81C", "01", 11) + ROW.format(1, "00000000:0016", "0:0", "0A", 12)
    rows6 = ROW.format(0, "0" * 32 + ":0016", "0000000000000000FFFF0000014D12C6:D81C", "01", 13)
    rows6 += ROW.format(1, "0" * 32 + ":0016", "B80D0120000000000000000007000000:D81C", "01", 14)
    processes: dict[int, tuple[str, int, str, tuple[int, ...]]] = {
        40: ("bash", 30, "0", ()),
        30: ("/usr/lib/openssh/sshd-session (deleted)", 20, "0", (11, 99)),
        20: ("/usr/sbin/sshd", 1, "0", (12,)),
        1: ("/usr/lib/systemd/systemd", 0, "0", ()),
    }
    _make_processes(tmp_path, processes, rows4, rows6)
    assert login._ssh_peers(40, proc=tmp_path) == ["198.51.100.7"]
    for inode, address in ((13, "198.18.77.1"), (14, "2001:db8::7")):
        (tmp_path / "30/fd/0").unlink()
        (tmp_path / "30/fd/0").symlink_to(f"socket:[{inode}]")
        assert login._ssh_peers(40, proc=tmp_path) == [address]
    # A process of a user may name itself sshd, and have connections to anywhere.
    (tmp_path / "30/status").write_text("Name:\tsshd-session\nPPid:\t20\nUid:\t1000\t0\t0\t0\n")
    assert login._ssh_peers(40, proc=tmp_path) == []
    assert login._ssh_peers(1, proc=tmp_path) == []
    assert login._ssh_peers(7, proc=tmp_path) is None


def test_nobody_forges_where_a_session_of_root_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    forged = {"SSH_CLIENT": "203.0.113.66 1 2"}
    for peers, expected in (([], None), (["198.51.100.7"], "198.51.100.7"), (None, "203.0.113.66")):
        monkeypatch.setattr(login, "_ssh_peers", lambda _pid, peers=peers: peers)
        assert current_actor(forged).ssh_client == expected
