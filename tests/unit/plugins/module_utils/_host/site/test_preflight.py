"""The ports on which a container listens, as its network namespace shows them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.preflight import listening_ports, within

# Linux 6.1, cat /proc/PID/net/tcp of a container (one row of each kind).
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
TAIL = "00000000:00000000 00:00000000 00000000     0        0 {number} 1 0000000000000000 100 0 0 10 0\n"


def table(*rows: tuple[str, str], six: bool = False) -> str:
    """Return /proc/PID/net/tcp or tcp6 with sockets in (local address, state)."""
    nothing = "0" * (32 if six else 8)
    lines = [
        f"{number:4}: {local} {nothing}:0000 {state} " + TAIL.format(number=40_000 + number)
        for number, (local, state) in enumerate(rows)
    ]
    return HEAD + "".join(lines)


LISTEN, ESTABLISHED = "0A", "01"
ANY6, LOCAL6 = "0" * 32, "0" * 24 + "01000000"


@pytest.mark.parametrize(
    ("tcp", "tcp6", "ports"),
    [
        (None, None, {}),
        ("", "", {}),
        (table(), table(six=True), {}),
        (table(("00000000:0BB8", LISTEN)), None, {3000: True}),
        (table(("0100007F:0BB8", LISTEN)), None, {3000: False}),
        (table(("3500007F:0035", LISTEN)), None, {53: False}),
        (table(("0200A8C0:1F90", LISTEN)), None, {8080: True}),
        (table(("00000000:0BB8", ESTABLISHED)), None, {}),
        (None, table((f"{ANY6}:0BB8", LISTEN), six=True), {3000: True}),
        (None, table((f"{LOCAL6}:0BB8", LISTEN), six=True), {3000: False}),
        # What a Java or dual-stack program shows for 127.0.0.1, and for an address of the container.
        (None, table(("0000000000000000FFFF00000100007F:0BB8", LISTEN), six=True), {3000: False}),
        (None, table(("0000000000000000FFFF00000200A8C0:0BB8", LISTEN), six=True), {3000: True}),
        (table(("0100007F:0BB8", LISTEN)), table((f"{LOCAL6}:0BB8", LISTEN), six=True), {3000: False}),
        (table(("0100007F:0BB8", LISTEN)), table((f"{ANY6}:0BB8", LISTEN), six=True), {3000: True}),
        (table(("00000000:0BB8", LISTEN), ("0100007F:0BB8", LISTEN)), None, {3000: True}),
        (
            table(("00000000:0050", LISTEN), ("0100007F:A2C8", ESTABLISHED), ("0B00007F:9C41", LISTEN)),
            table((f"{ANY6}:0050", LISTEN), six=True),
            {80: True, 40001: False},
        ),
    ],
)
def test_listening_ports(tmp_path: Path, tcp: str | None, tcp6: str | None, ports: dict[int, bool]) -> None:
    net = tmp_path / "42/net"
    net.mkdir(parents=True)
    for name, text in (("tcp", tcp), ("tcp6", tcp6)):
        if text is not None:
            (net / name).write_text(text)
    assert listening_ports(42, proc=tmp_path) == ports


@pytest.mark.parametrize(("address", "open_to_all"), [("127.0.0.1", False), ("0.0.0.0", True)])
def test_of_this_very_process(address: str, open_to_all: bool) -> None:
    with socket.create_server((address, 0)) as listener:
        assert listening_ports(os.getpid())[listener.getsockname()[1]] is open_to_all


def test_of_a_process_that_is_gone(tmp_path: Path) -> None:
    assert listening_ports(42, proc=tmp_path) == {}


@pytest.mark.parametrize(
    ("address", "networks", "found"),
    [
        ("198.51.100.7", (), False),
        ("198.51.100.7", ("198.51.100.7",), True),
        ("198.51.100.7", ("203.0.113.0/24", "198.51.100.0/24"), True),
        ("198.51.101.7", ("198.51.100.0/24",), False),
        ("2001:db8::7", ("198.51.100.0/24",), False),
        ("2001:db8::7", ("198.51.100.0/24", "2001:db8::/32"), True),
        ("fe80::1%eth0", ("fe80::/10",), True),
    ],
)
def test_within(address: str, networks: tuple[str, ...], found: bool) -> None:
    assert within(address, networks) is found
