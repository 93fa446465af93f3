# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container says on a port, from servers on this machine: HTTP, TLS, silence, and other protocols."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site import backend
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.backend import (
    NO_CONNECTION,
    BackendAnswer,
    ask_backend,
)

import certs

Serve = Callable[[Callable[[socket.socket], None]], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """``serve(talk)``: a server whose connections are given to ``talk``, one after the other. Returns its port."""
    with contextlib.ExitStack() as stack:
        ended = threading.Event()
        stack.callback(ended.set)

        def start(talk: Callable[[socket.socket], None]) -> int:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            listener.settimeout(0.1)

            def loop() -> None:
                while not ended.is_set():
                    with contextlib.suppress(OSError):
                        connection, _address = listener.accept()
                        with connection:
                            connection.settimeout(5)
                            talk(connection)

            threading.Thread(target=loop, daemon=True).start()
            return int(listener.getsockname()[1])

        yield start


def asked(port: int, *addresses: str) -> str | None:
    answer = ask_backend(addresses or ("127.0.0.1",), port, path="/x/", host="shop.example.com", seconds=0.5)
    return answer.problem


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "500 Internal Server Error", "401 Unauthorized"])
def test_any_status_is_an_answer(serve: Serve, status: str) -> None:
    requests: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        requests.append(connection.recv(4096))
        connection.sendall(f"HTTP/1.1 {status}\r\n\r\n".encode())

    assert asked(serve(talk)) is None
    assert requests[0].startswith(b"GET /x/ HTTP/1.1\r\nHost: shop.example.com\r\n")


def test_an_answer_may_come_in_pieces(serve: Serve) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(4096)
        for piece in (b"HT", b"TP/1.1 ", b"200 OK\r\n\r\n"):
            connection.sendall(piece)

    assert asked(serve(talk)) is None


def test_a_port_that_hangs(serve: Serve) -> None:
    problem = asked(serve(lambda connection: connection.recv(4096) and connection.recv(4096)))
    assert problem == "it accepts a connection and does not answer a request within 0.5 seconds"


def test_a_port_that_closes_the_connection(serve: Serve) -> None:
    assert asked(serve(lambda connection: None)) == "it closes the connection without an answer"


@pytest.mark.parametrize("words", [b"SSH-2.0-OpenSSH_10.0\r\n", b"220 mail ESMTP\r\n", b"-ERR unknown command\r\n"])
def test_another_protocol(serve: Serve, words: bytes) -> None:
    assert asked(serve(lambda connection: connection.sendall(words))) == "it does not speak HTTP there"


def test_tls_even_if_the_server_refuses_a_plain_request_in_plain_text(serve: Serve, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pair = certs.make_pair(["localhost"])
    certs.put_pair(tmp_path, chain=pair.chain, key=pair.key_pem)
    context.load_cert_chain(tmp_path / "fullchain.pem", tmp_path / "privkey.pem")

    def talk(connection: socket.socket) -> None:
        if connection.recv(1, socket.MSG_PEEK) == b"\x16":
            with contextlib.suppress(OSError):
                context.wrap_socket(connection, server_side=True).close()
        else:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.")

    assert asked(serve(talk)) == "it speaks TLS there, and the proxy speaks plain HTTP to containers"


def test_a_plain_400_is_an_answer(serve: Serve) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    assert asked(serve(talk)) is None


def test_the_first_address_that_answers_counts(serve: Serve) -> None:
    port = serve(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n"))
    assert asked(port, "127.0.0.2", "127.0.0.1") is None


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert asked(port) == NO_CONNECTION
    assert ask_backend((), port, path="/", host="shop.example.com") == BackendAnswer(NO_CONNECTION)


@pytest.mark.parametrize(
    ("head", "streams"),
    [
        ("Content-Type: text/event-stream", True),
        ("content-type:Text/Event-Stream; charset=utf-8", True),
        ("Content-Type: text/html", False),
        ("X-Content-Type: text/event-stream", False),
        ("", False),
    ],
)
def test_issue_14_item_7_a_stream_is_seen_in_the_head(serve: Serve, head: str, streams: bool) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(4096)
        # The head comes in two parts, and the stream goes on.
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        time.sleep(0.05)
        connection.sendall(f"{head}\r\n\r\ndata: 1\n\n".encode())
        connection.recv(1)

    answer = ask_backend(("127.0.0.1",), serve(talk), path="/", host="shop.example.com", seconds=0.5)
    assert answer == BackendAnswer(None, streams=streams)


def test_a_head_that_does_not_end_is_an_answer(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "_HEAD_SECONDS", 0.1)

    def talk(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
        connection.recv(1)

    answer = ask_backend(("127.0.0.1",), serve(talk), path="/", host="shop.example.com", seconds=0.5)
    assert answer.problem is None
