# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the DNS of a container's network namespace for the addresses of names, as the container itself would ask.

Docker's DNS listens on 127.0.0.11 inside the namespace of each container. Source: RFC 1035, section 4.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import ctypes
import ipaddress
import os
import socket
import struct
import threading
import time
from collections.abc import Collection, Sequence

__all__ = ("ask_in_namespace", "parse_answer", "query")

_SERVER = ("127.0.0.11", 53)
# Docker answers for its own containers at once. For other names it asks the host's DNS, whose answer is not needed.
_SECONDS = 0.5
_ALL_SECONDS = 3.0
_AT_ONCE = 100
_CLONE_NEWNET = 0x40000000
_TYPES = {1: 4, 28: 16}  # A and AAAA, with the length of their addresses


def query(name: str, kind: int, number: int) -> bytes:
    """Return the packet that asks for the addresses of one kind (1: A, 28: AAAA)."""
    labels = b"".join(bytes([len(part)]) + part.encode("ascii") for part in name.split("."))
    return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)


def parse_answer(packet: bytes, number: int) -> frozenset[str]:
    """Return the addresses in an answer; empty if the packet is no answer to the query of this number."""
    try:
        found, flags, questions, answers, _authority, _more = struct.unpack_from(">HHHHHH", packet)
        if found != number or not flags & 0x8000 or flags & 0x000F:
            return frozenset()
        place = 12
        for _question in range(questions):
            place = _after_name(packet, place) + 4
        addresses = set()
        for _answer in range(answers):
            place = _after_name(packet, place)
            kind, _class, _ttl, length = struct.unpack_from(">HHIH", packet, place)
            place += 10
            data = packet[place : place + length]
            if _TYPES.get(kind) == len(data):
                addresses.add(str(ipaddress.ip_address(data)))
            place += length
    except (struct.error, IndexError):
        return frozenset()
    return frozenset(addresses)


def _after_name(packet: bytes, place: int) -> int:
    """Return the place after a name, which ends with an empty label or with a pointer."""
    while True:
        length = packet[place]
        if length & 0xC0 == 0xC0:
            return place + 2
        place += 1 + length
        if length == 0:
            return place


def ask_in_namespace(pid: int, names: Collection[str]) -> dict[str, frozenset[str]]:
    """Return the addresses of each name, as a process of the namespace of ``pid`` gets them; empty if there are none.

    A thread enters the namespace: setns(2) changes the calling thread alone. OSError if the thread may not enter.
    """
    found: dict[str, frozenset[str]] = {}
    problems: list[OSError] = []

    def ask() -> None:
        try:
            _enter(pid)
            wanted = list(dict.fromkeys(names))
            deadline = time.monotonic() + _ALL_SECONDS
            for start in range(0, len(wanted), _AT_ONCE):
                seconds = min(_SECONDS, deadline - time.monotonic())
                found.update(_addresses(wanted[start : start + _AT_ONCE], seconds=seconds))
        except OSError as error:
            problems.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    if problems:
        raise problems[0]
    return found


def _enter(pid: int) -> None:
    handle = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(handle, _CLONE_NEWNET):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(handle)


def _addresses(names: Sequence[str], *, seconds: float) -> dict[str, frozenset[str]]:
    """Ask for all names at once, and collect the answers that come in time."""
    found: dict[str, frozenset[str]] = dict.fromkeys(names, frozenset())
    asked = [(name, kind) for name in names for kind in _TYPES]
    waiting = dict(enumerate(asked, start=1))
    deadline = time.monotonic() + seconds
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(_SERVER)
        try:
            for number, (name, kind) in waiting.items():
                client.send(query(name, kind, number))
            while waiting and (left := deadline - time.monotonic()) > 0:
                client.settimeout(left)
                packet = client.recv(4096)
                number = int.from_bytes(packet[:2], "big")
                if number in waiting:
                    name, _kind = waiting.pop(number)
                    found[name] |= parse_answer(packet, number)
        except (TimeoutError, ConnectionError):
            return found
    return found
