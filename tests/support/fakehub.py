# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small hub: takes beats over HTTPS as the protocol says, remembers them, and refuses when a test wants it to.

It checks each beat with the same functions as the real hub, and the chain of the audit records by itself.
"""

from __future__ import annotations

import datetime
import gzip
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.answer import (
    ACCEPTED,
    BAD_BEAT,
    OTHER_MACHINE,
    REPEATED,
    STALE,
    STATUS_OF,
    TOKEN_UNKNOWN,
    error_body,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.beat import (
    COMPRESSED_MOST,
    INFLATED_MOST,
    PATH,
    Beat,
    parsed_beat,
    record_hashes,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError

from certs import make_pair, put_pair

__all__ = ("FakeHub", "Refuse", "fake_hub")


@dataclass(frozen=True)
class Refuse:
    """An answer that the hub gives in place of its own. ``drop``: the beat is taken, and the connection closed."""

    code: str = ""
    retry_after: int | None = None
    drop: bool = False
    raw: tuple[int, bytes] | None = None


@dataclass
class FakeHub:
    """What the hub has, and how it answers next."""

    token: str
    ca: str
    url: str = ""
    address: str = ""
    port: int = 0
    time: str | None = None
    """The hub's time, as a text; the true time without one."""
    interval: int = 30
    machine: str | None = None
    epoch: str | None = None
    sequence: int = 0
    cursor: str | None = None
    records: list[str] = field(default_factory=list)
    breaks: list[str] = field(default_factory=list)
    beats: list[Beat] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    requests: int = 0
    sections: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    refusals: list[Refuse] = field(default_factory=list)
    always: Refuse | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def rows(self, section: str) -> list[dict[str, Any]]:
        """Return the rows of a section that arrived last."""
        return list(self.sections[section]["rows"])

    def take(self, beat: Beat) -> dict[str, Any]:
        """Take a beat as the real hub does, and return the answer."""
        result = ACCEPTED
        if beat.epoch == self.epoch and beat.sequence <= self.sequence:
            result = REPEATED if beat.sequence == self.sequence else STALE
        else:
            self.beats.append(beat)
            self.epoch, self.sequence = beat.epoch, beat.sequence
            for name, section in beat.sections.items():
                self.sections[name] = section
            self._follow(beat)
        return {
            "result": result,
            "sequence": self.sequence,
            "audit_after": self.cursor,
            "more": beat.left > 0,
            "interval": self.interval,
            "time": self.time or datetime.datetime.now(datetime.UTC).isoformat(),
            "agent_minimum": "0.1.0",
        }

    def _follow(self, beat: Beat) -> None:
        for line in beat.records:
            before, claimed, true = record_hashes(line)
            if claimed != true:
                self.breaks.append(f"edited {claimed}")
            elif self.cursor is not None and before != self.cursor:
                self.breaks.append(f"gap before {claimed}")
            self.records.append(line)
            self.cursor = claimed


def _handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with hub.lock:
                hub.requests += 1
                hub.bodies.append(body)
                wanted = hub.refusals.pop(0) if hub.refusals else hub.always
                if wanted is not None and not wanted.drop:
                    self._refuse(wanted)
                    return
                status, answer = self._judged(body)
            if wanted is not None:
                self.close_connection = True
                self.connection.close()
                return
            self._answer(status, answer)

        def _judged(self, body: bytes) -> tuple[int, Any]:
            assert self.path == PATH
            assert self.headers["Content-Encoding"] == "gzip"
            assert self.headers["User-Agent"].startswith("vsa-agent/")
            if self.headers["Authorization"] != f"Bearer {hub.token}":
                return STATUS_OF[TOKEN_UNKNOWN], error_body(TOKEN_UNKNOWN, "this token is not known")
            assert len(body) <= COMPRESSED_MOST
            inflated = gzip.decompress(body)
            assert len(inflated) <= INFLATED_MOST
            try:
                beat = parsed_beat(json.loads(inflated))
            except RefusedError as error:
                return STATUS_OF[BAD_BEAT], error_body(BAD_BEAT, error.message, field=error.field)
            hub.machine = hub.machine or beat.machine
            if beat.machine != hub.machine:
                return STATUS_OF[OTHER_MACHINE], error_body(OTHER_MACHINE, "another machine has this token")
            return 200, hub.take(beat)

        def _refuse(self, wanted: Refuse) -> None:
            if wanted.raw is not None:
                self._send(wanted.raw[0], wanted.raw[1], wanted.retry_after)
                return
            data = json.dumps(error_body(wanted.code, f"refused by the test: {wanted.code}")).encode()
            self._send(STATUS_OF[wanted.code], data, wanted.retry_after)

        def _answer(self, status: int, data: Any) -> None:
            self._send(status, json.dumps(data).encode(), None)

        def _send(self, status: int, data: bytes, retry_after: int | None) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            if retry_after is not None:
                self.send_header("Retry-After", str(retry_after))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

    return Handler


@contextmanager
def fake_hub(
    folder: Path, token: str, *, name: str = "localhost", address: str = "127.0.0.1", port: int = 0
) -> Iterator[FakeHub]:
    """Serve beats under a name, on an address of this machine. The server's pair is written into ``folder``."""
    now = datetime.datetime.now(datetime.UTC)
    pair = make_pair([name], start=now - datetime.timedelta(days=3), end=now + datetime.timedelta(days=3))
    put_pair(folder, chain=pair.chain, key=pair.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "fullchain.pem", folder / "privkey.pem")
    hub = FakeHub(token=token, ca=pair.chain)
    server = ThreadingHTTPServer((address, port), _handler(hub))
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    hub.address, hub.port = address, int(server.server_address[1])
    hub.url = f"https://{name}:{hub.port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
