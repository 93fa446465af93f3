"""Many clients at once against one proxy: HTTP/2 with many streams, half-open requests, half-finished uploads.

HTTP/2 is written here by hand, because the attacks need more than a library allows. An attack runs in a process of its
own, so that it does not slow down the test beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import ssl
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ("attacking", "browse", "pages")

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SETTINGS, _HEADERS, _WINDOW, _PING, _GOAWAY, _RESET, _DATA = 4, 1, 8, 6, 7, 3, 0


def _context(*protocols: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def _literal(name: str, value: str) -> bytes:
    """Return a header as HPACK's literal without indexing, with a name of its own (RFC 7541, 6.2.2)."""
    parts = b"".join(_length(text) + text.encode() for text in (name, value))
    return b"\x00" + parts


def _length(text: str) -> bytes:
    size = len(text)
    return bytes([size]) if size < 127 else bytes([127, size - 127])


def _request(domain: str, path: str, headers: dict[str, str]) -> bytes:
    fields = {":method": "GET", ":scheme": "https", ":authority": domain, ":path": path, **headers}
    return b"".join(_literal(name, value) for name, value in fields.items())


class Http2:
    """One HTTP/2 connection that reads the statuses of its streams. ``most`` is what the server allows at once."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, domain: str) -> None:
        self._reader, self._writer, self._domain = reader, writer, domain
        self.most = 100
        self._next = 1

    @classmethod
    async def open(cls, address: str, domain: str) -> Http2:
        reader, writer = await asyncio.open_connection(address, 443, ssl=_context("h2"), server_hostname=domain)
        # A large window for each stream and for the connection.
        writer.write(_PREFACE + _frame(_SETTINGS, 0, 0, struct.pack("!HI", 4, (1 << 31) - 1)))
        writer.write(_frame(_WINDOW, 0, 0, struct.pack("!I", (1 << 31) - 1 - 65535)))
        self = cls(reader, writer, domain)
        await self._read()
        return self

    def ask(self, path: str, **headers: str) -> int:
        stream, self._next = self._next, self._next + 2
        self._writer.write(_frame(_HEADERS, 5, stream, _request(self._domain, path, headers)))
        return stream

    async def _read(self) -> tuple[int, int, int, bytes]:
        head = await self._reader.readexactly(9)
        size = int.from_bytes(head[:3], "big")
        kind, flags, stream = struct.unpack("!BBI", head[3:])
        payload = await self._reader.readexactly(size)
        if kind == _SETTINGS and not flags & 1:
            for start in range(0, size, 6):
                name, value = struct.unpack("!HI", payload[start : start + 6])
                self.most = value if name == 3 else self.most
            self._writer.write(_frame(_SETTINGS, 1, 0, b""))
        if kind == _PING and not flags & 1:
            self._writer.write(_frame(_PING, 1, 0, payload))
        if kind == _GOAWAY:
            raise ConnectionResetError("GOAWAY")
        return kind, flags, stream, payload

    async def statuses(self, paths: list[str], **headers: str) -> list[str]:
        """Ask for all paths, as many at once as the server allows, and return the statuses. "reset" is one too."""
        waiting, open_streams, found = list(paths), {}, []
        while waiting or open_streams:
            while waiting and len(open_streams) < self.most:
                open_streams[self.ask(waiting.pop(), **headers)] = ""
            await self._writer.drain()
            kind, flags, stream, payload = await asyncio.wait_for(self._read(), 60)
            if stream not in open_streams:
                continue
            if kind == _HEADERS and not open_streams[stream]:
                open_streams[stream] = _status(payload)
            if kind == _RESET:
                open_streams[stream] = "reset"
            if kind == _RESET or (kind in (_HEADERS, _DATA) and flags & 1):
                found.append(open_streams.pop(stream))
        return found

    async def drain(self) -> None:
        """Read whatever comes, until the connection ends."""
        while True:
            await self._read()

    def close(self) -> None:
        self._writer.close()


def _status(block: bytes) -> str:
    """Return the status of an answer: NGINX writes it first, indexed or with an indexed name (RFC 7541, appendix A)."""
    indexed = {0x88: "200", 0x89: "204", 0x8B: "304", 0x8C: "400", 0x8D: "404", 0x8E: "500"}
    while block and block[0] >> 5 == 1:  # a change of the table's size
        block = block[1:]
    if block[0] in indexed:
        return indexed[block[0]]
    size = block[1] & 0x7F
    text = block[2 : 2 + size]
    return text.decode() if not block[1] & 0x80 else _huffman_digits(text)


def _huffman_digits(text: bytes) -> str:
    codes = {"00000": "0", "00001": "1", "00010": "2"}
    codes |= {f"{0x19 + number - 3:06b}": str(number) for number in range(3, 10)}
    bits, found = "".join(f"{byte:08b}" for byte in text), ""
    while len(found) < 3:
        size = next(size for size in (5, 6) if bits[:size] in codes)
        found, bits = found + codes[bits[:size]], bits[size:]
    return found


async def _browser(address: str, domain: str, paths: list[str]) -> list[str]:
    connection = await Http2.open(address, domain)
    try:
        return await connection.statuses(paths)
    finally:
        connection.close()


def browse(address: str, domain: str, *, browsers: int, files: int, path: str = "/file") -> dict[str, int]:
    """Have browsers ask for so many files each, all at the same time, and return how often each status came."""

    async def run() -> list[str]:
        paths = [f"{path}?{number}" if "?" not in path else f"{path}&{number}" for number in range(files)]
        found = await asyncio.gather(*(_browser(address, domain, paths) for _number in range(browsers)))
        return [status for statuses in found for status in statuses]

    statuses = asyncio.run(run())
    return {status: statuses.count(status) for status in set(statuses)}


def pages(address: str, domain: str, *, count: int, at_once: int = 10, path: str = "/") -> dict[str, Any]:
    """Ask for a page over HTTP/1.1, each time on a new connection. Returns the statuses, and the seconds at p99.

    What was not asked within a minute and a half counts as late.
    """
    seconds: list[float] = []
    end = time.monotonic() + 90

    async def one(gate: asyncio.Semaphore) -> str:
        async with gate:
            began = time.monotonic()
            if began > end:
                return "late"
            try:
                async with asyncio.timeout(10):
                    opened = asyncio.open_connection(address, 443, ssl=_context(), server_hostname=domain)
                    reader, writer = await opened
                    writer.write(f"GET {path} HTTP/1.1\r\nHost: {domain}\r\nConnection: close\r\n\r\n".encode())
                    line = await reader.readline()
                    await reader.read()
                    writer.close()
            except (OSError, TimeoutError, ssl.SSLError) as error:
                return type(error).__name__
            seconds.append(time.monotonic() - began)
            return line.split()[1].decode() if line else "nothing"

    async def run() -> list[str]:
        gate = asyncio.Semaphore(at_once)
        return list(await asyncio.gather(*(one(gate) for _number in range(count))))

    statuses = asyncio.run(run())
    seconds.sort()
    p99 = seconds[int(len(seconds) * 0.99) - 1] if seconds else float("inf")
    return {"statuses": {status: statuses.count(status) for status in set(statuses)}, "p99": p99}


# The attacks


async def _hanging(address: str, domain: str, connections: int) -> None:
    """Open connections, each with as many streams to a page that hangs as the server allows."""

    async def one() -> None:
        connection = await Http2.open(address, domain)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            for _stream in range(connection.most):
                connection.ask("/slow?ms=600000")
            await connection.drain()

    await _all(one, connections)


async def _half_open(address: str, domain: str, connections: int) -> None:
    """Open connections that send the beginning of a request and then nothing."""

    async def one() -> None:
        _reader, writer = await asyncio.open_connection(address, 443, ssl=_context(), server_hostname=domain)
        writer.write(f"GET / HTTP/1.1\r\nHost: {domain}\r\nX-Slow: ".encode())
        await writer.drain()
        await asyncio.sleep(600)

    await _all(one, connections)


async def _half_upload(address: str, domain: str, connections: int) -> None:
    """Begin uploads of 60 MiB, send some of each, and then nothing."""

    async def one() -> None:
        _reader, writer = await asyncio.open_connection(address, 443, ssl=_context(), server_hostname=domain)
        writer.write(f"POST /upload HTTP/1.1\r\nHost: {domain}\r\nContent-Length: {60 << 20}\r\n\r\n".encode())
        writer.write(b"x" * 200_000)
        await writer.drain()
        await asyncio.sleep(600)

    await _all(one, connections)


async def _all(one: Any, count: int) -> None:
    gate = asyncio.Semaphore(50)
    made = 0

    async def started() -> None:
        nonlocal made
        async with gate:
            task = asyncio.ensure_future(one())
            await asyncio.sleep(0.05)
        made += 1
        with contextlib.suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError, TimeoutError):
            await task

    everyone = [asyncio.ensure_future(started()) for _number in range(count)]
    while made < count:
        await asyncio.sleep(0.1)
    await asyncio.sleep(3)
    print("started", flush=True)
    await asyncio.gather(*everyone)
    await asyncio.sleep(600)


_ATTACKS = {"hanging": _hanging, "half-open": _half_open, "half-upload": _half_upload}


@contextmanager
def attacking(name: str, address: str, domain: str, connections: int) -> Iterator[None]:
    """Run an attack meanwhile; the block begins when all connections are open."""
    words = [sys.executable, str(Path(__file__)), json.dumps([name, address, domain, connections])]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "started\n"
            yield
        finally:
            process.kill()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    attack, *rest = json.loads(sys.argv[1])
    asyncio.run(_ATTACKS[attack](*rest))
