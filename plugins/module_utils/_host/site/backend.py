# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a container whether it speaks HTTP on a port, before a CA is asked and before the proxy is changed.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass

from ..machine.tls import unverified_context

__all__ = ("NO_CONNECTION", "BackendAnswer", "ask_backend")

NO_CONNECTION = "no connection"
"""The problem of a port on which no address of the container accepts a connection."""

_CONNECT_SECONDS = 3.0
_ANSWER_SECONDS = 5.0
_START = b"HTTP/"
_STATUS_LINE = 15  # bytes: HTTP/1.1 400, and what follows
# The rest of the head only tells whether the answer is a stream, so it is not waited for as long.
_HEAD_SECONDS = 1.0
_MOST_HEAD = 16384
_HEAD_END = b"\r\n\r\n"
_TLS = "it speaks TLS there, and the proxy speaks plain HTTP to containers"


@dataclass(frozen=True)
class BackendAnswer:
    """What a container answers on a port.

    * ``problem``: why the proxy could not serve it, None if it answers a request by HTTP.
    * ``streams``: the answer is a stream of events (``text/event-stream``).
    """

    problem: str | None = None
    streams: bool = False


def ask_backend(
    addresses: Iterable[str], port: int, *, path: str, host: str, seconds: float = _ANSWER_SECONDS
) -> BackendAnswer:
    """Ask a container for a path.

    The addresses are asked in their order, and the first that accepts a connection counts. Any status is an answer,
    because the application chooses its statuses.
    """
    for address in addresses:
        try:
            plain = socket.create_connection((address, port), timeout=_CONNECT_SECONDS)
        except OSError:
            continue
        with plain:
            return _answer(plain, address, port, path=path, host=host, seconds=seconds)
    return BackendAnswer(NO_CONNECTION)


def _answer(plain: socket.socket, address: str, port: int, *, path: str, host: str, seconds: float) -> BackendAnswer:
    try:
        start = _first_bytes(plain, path=path, host=host, seconds=seconds)
    except TimeoutError:
        if _speaks_tls(address, port):
            return BackendAnswer(_TLS)
        return BackendAnswer(f"it accepts a connection and does not answer a request within {seconds:g} seconds")
    except OSError:
        start = b""
    # Servers of TLS often answer a plain request by a status 400 in plain text.
    refused = start.startswith(_START) and start[9:12] == b"400"
    if (refused or not start.startswith(_START)) and _speaks_tls(address, port):
        return BackendAnswer(_TLS)
    if start.startswith(_START):
        return BackendAnswer(streams=_is_stream(_head(plain, start)))
    return BackendAnswer("it does not speak HTTP there" if start else "it closes the connection without an answer")


def _head(plain: socket.socket, data: bytes) -> bytes:
    """Read on to the end of an answer's head, as far as it comes in time."""
    deadline = time.monotonic() + _HEAD_SECONDS
    with contextlib.suppress(OSError):
        while _HEAD_END not in data and len(data) < _MOST_HEAD and (left := deadline - time.monotonic()) > 0:
            plain.settimeout(left)
            part = plain.recv(4096)
            if not part:
                break
            data += part
    return data.partition(_HEAD_END)[0]


def _is_stream(head: bytes) -> bool:
    for line in head.lower().split(b"\r\n"):
        name, _colon, value = line.partition(b":")
        if name == b"content-type":
            return value.strip().startswith(b"text/event-stream")
    return False


def _first_bytes(plain: socket.socket, *, path: str, host: str, seconds: float) -> bytes:
    """Send a request and return the first bytes of the answer. TimeoutError if too few come in time."""
    lines = (f"GET {path} HTTP/1.1", f"Host: {host}", "X-Forwarded-Proto: https", "User-Agent: vsa-preflight")
    plain.settimeout(seconds)
    plain.sendall("\r\n".join((*lines, "Connection: close", "", "")).encode("ascii"))
    deadline = time.monotonic() + seconds
    data = b""
    while len(data) < _STATUS_LINE and (data == b"" or _START.startswith(data[: len(_START)]) or data[:5] == _START):
        plain.settimeout(max(0.01, deadline - time.monotonic()))
        part = plain.recv(_STATUS_LINE)
        if not part:
            break
        data += part
    return data


def _speaks_tls(address: str, port: int) -> bool:
    with contextlib.suppress(OSError):
        plain = socket.create_connection((address, port), timeout=_CONNECT_SECONDS)
        with plain, unverified_context().wrap_socket(plain):
            return True
    return False
