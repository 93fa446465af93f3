# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that measure streams, WebSockets, uploads and slow answers through the proxy of a VPS.

Client and backends read the same clock, because they all run on one kernel.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

__all__ = ("WebSocket", "ask", "connect", "events", "upload")


def connect(address: str, domain: str, *, timeout: float = 30) -> ssl.SSLSocket:
    """Return a TLS connection to a site at an address, without a check of the certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection((address, 443), timeout=timeout)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(plain, server_hostname=domain)


def _answer(tls: ssl.SSLSocket) -> http.client.HTTPResponse:
    answer = http.client.HTTPResponse(tls)
    answer.begin()
    return answer


def ask(address: str, domain: str, path: str, *, timeout: float = 30) -> tuple[int, float]:
    """Return the status of a GET and the seconds until its first byte."""
    with connect(address, domain, timeout=timeout) as tls:
        began = time.monotonic()
        tls.sendall(f"GET {path} HTTP/1.1\r\nHost: {domain}\r\nConnection: close\r\n\r\n".encode("ascii"))
        answer = _answer(tls)
        return answer.status, time.monotonic() - began


def events(address: str, domain: str, path: str, *, accept: str = "text/event-stream") -> Iterator[float]:
    """Yield, for each event of a stream, the seconds between the write of the backend and the arrival."""
    with connect(address, domain) as tls:
        tls.sendall(f"GET {path} HTTP/1.1\r\nHost: {domain}\r\nAccept: {accept}\r\n\r\n".encode("ascii"))
        answer = _answer(tls)
        assert answer.status == 200
        while line := answer.readline():
            if line.startswith(b"data: "):
                yield time.time() - float(line.split()[-1])


def upload(address: str, domain: str, path: str, *, size: int, seconds: float = 0) -> tuple[int, dict[str, Any]]:
    """Send a body over so many seconds; returns the status and the backend's report, with ``began`` added.

    ``began`` and ``sent`` are when the first and the last byte left.
    """
    part = os.urandom(min(1 << 20, max(1, size // 64)))
    with connect(address, domain, timeout=120) as tls:
        head = f"POST {path} HTTP/1.1\r\nHost: {domain}\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
        tls.sendall(head.encode("ascii"))
        began, left = time.time(), size
        try:
            while left:
                left -= tls.send(part[: min(left, len(part))])
                if seconds:
                    time.sleep(max(0.0, began + seconds * (1 - left / size) - time.time()))
        except OSError:
            pass  # the server refused the body before it was sent, and the answer says so
        sent = time.time()
        answer = _answer(tls)
        body = answer.read()
    return answer.status, {"began": began, "sent": sent, **(json.loads(body) if answer.status == 200 else {})}


class WebSocket:
    """A client that sends nothing by itself: no pings, so an idle connection is idle (RFC 6455)."""

    def __init__(self, address: str, domain: str, path: str) -> None:
        self._tls = connect(address, domain)
        head = (
            f"GET {path} HTTP/1.1", f"Host: {domain}", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        )  # fmt: skip
        self._tls.sendall("\r\n".join((*head, "", "")).encode("ascii"))
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            part = self._tls.recv(1)
            assert part, f"the connection ended: {answer!r}"
            answer += part
        assert answer.startswith(b"HTTP/1.1 101 "), answer

    def echo(self, text: str) -> str:
        """Send a text and return the answer; an empty string if the connection is closed."""
        data, mask = text.encode(), os.urandom(4)
        assert len(data) < 126
        frame = bytes((0x81, 0x80 | len(data))) + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
        try:
            self._tls.sendall(frame)
            head = self._tls.recv(2)
            return self._tls.recv(head[1]).decode() if len(head) == 2 else ""
        except (OSError, ssl.SSLError):
            return ""

    def seconds_until_closed(self, most: float) -> float | None:
        """Wait until the other side closes, and return the seconds; None if it does not close."""
        self._tls.settimeout(most)
        began = time.monotonic()
        try:
            self._tls.recv(1)
        except TimeoutError:
            return None
        except OSError:
            pass
        return time.monotonic() - began

    def close(self) -> None:
        """Hang up."""
        self._tls.close()
