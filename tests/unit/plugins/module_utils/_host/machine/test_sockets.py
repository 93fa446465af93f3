"""The kernel's tables of TCP sockets."""

from __future__ import annotations

from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.sockets import (
    ESTABLISHED,
    LISTEN,
    TcpSocket,
    tcp_sockets,
)

# Linux 6.1: a server, a connection, and a line that is cut off.
TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 41 1 0000000000000000 100 0
   1: 0A01A8C0:0016 076433C6:D81C 01 00000000:00000000 02:000AB984 00000000     0        0 42 2 0000000000000000 20 4
   2: 0A01A8C0:0016 0764
"""


def test_each_whole_line_is_a_socket() -> None:
    assert list(tcp_sockets(TABLE)) == [
        TcpSocket("0100007F", 8080, "00000000", LISTEN, "41"),
        TcpSocket("0A01A8C0", 22, "076433C6", ESTABLISHED, "42"),
    ]


def test_a_table_without_sockets() -> None:
    assert list(tcp_sockets("")) == []
    assert list(tcp_sockets(TABLE.splitlines()[0])) == []
