# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's tables of TCP sockets, as /proc has them.

Source: proc_pid_net(5). Addresses are hexadecimal: words of 32 bits in the byte order of the machine.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ("ESTABLISHED", "LISTEN", "TABLES", "TcpSocket", "tcp_sockets")

TABLES = ("tcp", "tcp6")
"""The names of the tables in a directory ``net`` of /proc."""

ESTABLISHED, LISTEN = "01", "0A"


@dataclass(frozen=True)
class TcpSocket:
    """One TCP socket: its own address and port, the address at the other end, its state, and its inode."""

    address: str
    port: int
    peer: str
    state: str
    inode: str


def tcp_sockets(table: str) -> Iterator[TcpSocket]:
    """Return the sockets of the text of a table; a line of another form is passed over."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9:
            address, _colon, port = fields[1].rpartition(":")
            yield TcpSocket(address, int(port, 16), fields[2].partition(":")[0], fields[3], fields[9])
