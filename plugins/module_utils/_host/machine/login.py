# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who runs this process.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path, PurePath

from ..._core.actor import Actor, actor_from_environment
from .sockets import ESTABLISHED, TABLES, tcp_sockets

__all__ = ("current_actor",)

_MOST_ANCESTORS = 100
_UNSET = (1 << 32) - 1


def current_actor(environ: Mapping[str, str]) -> Actor:
    """Return who runs this process on this machine."""
    uids = _uids_of_callers(os.getppid())
    callers = None if uids is None else [_name(uid) for uid in uids]
    return actor_from_environment(
        environ,
        login=_name(os.getuid()),
        controller=socket.gethostname(),
        callers=callers,
        ssh_peers=_ssh_peers(os.getppid()),
    )


def _name(uid: int) -> str:
    import pwd  # imported here: a module on a host is told who started the run

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)  # a container's user without an entry


def _uids_of_callers(pid: int, *, proc: Path = Path("/proc")) -> list[int] | None:
    """Return the real user ids of a process and its ancestors, the nearest first; None if /proc does not say."""
    uids: list[int] = []
    while pid > 0 and len(uids) < _MOST_ANCESTORS:
        try:
            fields = _status(proc, pid)
        except OSError:
            return uids or None
        uids.append(int(fields["Uid"].split()[0]))
        pid = int(fields["PPid"])
    return uids + _logged_in(proc)


def _ssh_peers(pid: int, *, proc: Path = Path("/proc")) -> list[str] | None:
    """Return the addresses from which the SSH sessions above a process came, the nearest first.

    None if /proc does not say: only root sees the sockets of sshd. A session that went on in the background (tmux) has
    lost sshd as its ancestor, and has no address then.
    """
    peers: list[str] = []
    for _level in range(_MOST_ANCESTORS):
        if pid <= 0:
            break
        try:
            fields = _status(proc, pid)
            if _is_sshd(proc, pid, fields):
                peers += _other_ends(proc, pid)
        except OSError:
            return None
        pid = int(fields["PPid"])
    return peers


def _is_sshd(proc: Path, pid: int, fields: Mapping[str, str]) -> bool:
    """Say whether a process is a part of sshd that runs as root. Anybody can give a process any name.

    Of a user's session, the part that runs as root is above the part that runs as the user, and has the same socket.
    """
    if any(int(uid) for uid in fields["Uid"].split()):
        return False
    # The program itself: a link to sudo may have any name, and the kernel calls the process by the name of the link.
    return PurePath(os.readlink(proc / str(pid) / "exe")).name.startswith("sshd")


def _status(proc: Path, pid: int) -> dict[str, str]:
    """Return the fields of /proc/PID/status."""
    text = (proc / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def _other_ends(proc: Path, pid: int) -> list[str]:
    """Return the addresses at the other ends of a process's TCP connections."""
    links = [os.readlink(link) for link in (proc / str(pid) / "fd").iterdir()]
    inodes = {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}
    found = []
    for name in TABLES:
        table = (proc / str(pid) / "net" / name).read_text(encoding="ascii")
        found += [
            _address(each.peer) for each in tcp_sockets(table) if each.state == ESTABLISHED and each.inode in inodes
        ]
    return found


def _address(digits: str) -> str:
    """Return an address of /proc/net/tcp as text: words of 32 bits in the byte order of the machine."""
    words = [int(digits[start : start + 8], 16) for start in range(0, len(digits), 8)]
    packed = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
    address = ipaddress.ip_address(packed)
    return str(getattr(address, "ipv4_mapped", None) or address)


def _logged_in(proc: Path) -> list[int]:
    """Return the user that PAM noted at the login of this session, if there is one. Source: pam_loginuid(8).

    A process that was put into the background has lost its ancestors, and has this note still.
    """
    try:
        uid = int((proc / "self/loginuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return []
    return [] if uid == _UNSET else [uid]
