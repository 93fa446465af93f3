"""Who listens on a port of the host: read from /proc, of a real process too."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.listeners import listeners

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def row(address: str, state: str, inode: int) -> str:
    return f"   0: {address} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1\n"


def proc(tmp_path: Path) -> Path:
    net = tmp_path / "net"
    net.mkdir(parents=True)
    (net / "tcp").write_text(HEAD + row("0100007F:0050", "0A", 11) + row("00000000:01BB", "01", 12))
    (net / "tcp6").write_text(HEAD + row("0" * 32 + ":1F90", "0A", 13))
    for pid, name, inode in (("1", "systemd", 99), ("812", "apache2", 11)):
        (tmp_path / pid / "fd").mkdir(parents=True)
        (tmp_path / pid / "comm").write_text(f"{name}\n")
        (tmp_path / pid / "fd/3").symlink_to(f"socket:[{inode}]")
    return tmp_path


def test_the_process_is_named(tmp_path: Path) -> None:
    assert listeners((80, 443), proc=proc(tmp_path)) == {80: "apache2 (pid 812)"}


def test_a_process_that_names_itself_does_nothing_to_a_terminal(tmp_path: Path) -> None:
    tree = proc(tmp_path)
    (tree / "812/comm").write_bytes(b"\x1b[2J\xff\n")
    assert listeners((80,), proc=tree) == {80: "\\x1b[2J\ufffd (pid 812)"}


def test_a_connection_is_no_listener_and_an_unknown_holder_is_said(tmp_path: Path) -> None:
    assert listeners((443, 8080), proc=proc(tmp_path)) == {8080: "a process"}


def test_a_host_without_proc_has_none(tmp_path: Path) -> None:
    assert listeners((80,), proc=tmp_path) == {}


def test_a_real_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        name = Path("/proc/self/comm").read_text().strip()
        assert listeners((port,)) == {port: f"{name} (pid {os.getpid()})"}
