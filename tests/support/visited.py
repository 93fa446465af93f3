# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy for visits: a TLS server that answers the marker and the page of each name as a test says."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from certs import Pair, put_pair

__all__ = ("page", "proxy_of")

Answer = Callable[[ssl.SSLSocket, bytes], None]


def page(status: int, *, marker: bytes = b"", extra: str = "", parts: int = 1) -> Answer:
    """Return an answer: the marker's text (404 if empty), then a page with this status, in so many parts."""

    def answer(client: ssl.SSLSocket, _request: bytes) -> None:
        first = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(marker), marker)
        if not marker:
            first = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"
        whole = first + f"HTTP/1.1 {status} X\r\n{extra}Connection: close\r\n\r\nbody".encode()
        size = -(-len(whole) // parts)
        for start in range(0, len(whole), size):
            client.sendall(whole[start : start + size])

    return answer


@contextmanager
def proxy_of(
    directory: Path,
    answers: Mapping[str, Answer],
    pairs: Mapping[str, Pair],
    *,
    seen: list[bytes] | None = None,
    requests: int = 2,
) -> Iterator[int]:
    """Serve each name with its pair and its answer; refuse other names. Yields the port; ``seen`` gets the requests.

    An answer is sent after so many requests of one connection.
    """
    contexts = {}
    for name, pair in pairs.items():
        put_pair(directory / name, chain=pair.chain, key=pair.key_pem)
        contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        contexts[name].load_cert_chain(directory / name / "fullchain.pem", directory / name / "privkey.pem")
    names: dict[int, str] = {}

    def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        if name not in contexts:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = contexts[name]
        names[threading.get_ident()] = name
        return None

    def serve_one(plain: socket.socket) -> None:
        try:
            with first.wrap_socket(plain, server_side=True) as client:
                data = b""
                while data.count(b"\r\n\r\n") < requests and (part := client.recv(8192)):
                    data += part
                if seen is not None:
                    seen.append(data)
                answers[names[threading.get_ident()]](client, data)
        except OSError:
            plain.close()

    first = next(iter(contexts.values()))
    first.sni_callback = choose  # type: ignore[assignment]
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:

        def serve() -> None:
            while True:
                try:
                    plain, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve_one, args=(plain,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
