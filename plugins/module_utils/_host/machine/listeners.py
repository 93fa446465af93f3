# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which process of the host listens on a TCP port, read from /proc. No program is asked.

Source: proc_pid_fd(5).
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..._core.words import shortened, word
from .sockets import LISTEN, TABLES, tcp_sockets

__all__ = ("listeners",)


def listeners(ports: Iterable[int], *, proc: Path = Path("/proc")) -> Mapping[int, str]:
    """Return who listens on these ports of the host: ``apache2 (pid 812)``, or ``a process`` if it cannot be told.

    A port on which nobody listens is left out. A port counts whatever the address is, because the proxy binds all.
    """
    inodes = _listening(set(ports), proc)
    if not inodes:
        return {}
    holders = _holders(set(inodes), proc)
    return {port: holders.get(inode, "a process") for inode, port in sorted(inodes.items(), key=lambda item: item[1])}


def _listening(ports: set[int], proc: Path) -> dict[str, int]:
    """Return the inode of each listening socket on one of the ports."""
    found: dict[str, int] = {}
    for name in TABLES:
        try:
            sockets = tcp_sockets((proc / "net" / name).read_text())
        except OSError:
            continue
        found.update({each.inode: each.port for each in sockets if each.state == LISTEN and each.port in ports})
    return found


def _holders(inodes: set[str], proc: Path) -> dict[str, str]:
    """Return the first process that has each socket open. A process that ends meanwhile is passed over."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[str, str] = {}
    for pid in sorted(int(name) for name in os.listdir(proc) if name.isdigit()):
        try:
            opened = {os.readlink(entry.path) for entry in os.scandir(proc / str(pid) / "fd")}
            # A process names itself as it likes, with any bytes.
            comm = (proc / str(pid) / "comm").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        for link in opened & set(wanted):
            found.setdefault(wanted[link], f"{shortened(word(comm.strip()))} (pid {pid})")
        if len(found) == len(wanted):
            break
    return found
