"""The challenge that tells whether an address leads to this host: who answers it, and that nothing of it stays."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.challenge import (
    answers_challenge,
    placed_challenge,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

import certs


def test_who_answers_the_challenge(monkeypatch: pytest.MonkeyPatch) -> None:
    class Connection:
        def __init__(self, answer: bytes) -> None:
            self._parts = [answer, b""]

        def __enter__(self) -> Connection:
            return self

        def __exit__(self, *_error: object) -> None:
            return None

        def sendall(self, _request: bytes) -> None:
            return None

        def recv(self, _size: int) -> bytes:
            return self._parts.pop(0)

    answers = {
        b"HTTP/1.0 200 OK\r\n\r\nvsa-1": True,
        b"HTTP/1.0 404\r\n\r\nno": False,
        # A server that shows the path that it was asked for.
        b"HTTP/1.0 404 Not Found\r\n\r\nno /.well-known/acme-challenge/vsa-1 here": False,
        b"HTTP/1.0 200 OK\r\n\r\n": False,
        # Cut off, or no HTTP: nobody knows who that was.
        b"": None,
        b"HTTP/1.0 200 OK\r\n": None,
        b"SSH-2.0-OpenSSH_10.0\r\n\r\n": None,
    }
    for answer, expected in answers.items():
        monkeypatch.setattr(socket, "create_connection", lambda *_a, answer=answer, **_m: Connection(answer))
        assert answers_challenge("203.0.113.7", "a.example", "vsa-1", seconds=2) is expected

    def refuse(*_arguments: Any, **_more: Any) -> Any:
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refuse)
    assert answers_challenge("203.0.113.7", "a.example", "vsa-1", seconds=2) is None


def test_a_server_that_answers_late_is_not_taken_for_another_host() -> None:
    with socket.create_server(("127.0.0.1", 0)) as late:
        port = late.getsockname()[1]
        assert answers_challenge("127.0.0.1", "a.example", "vsa-1", seconds=0.2, port=port) is None


# -- redirects: a CA follows them, and verifies no certificate --------------------------------------------------------

A, TOKEN = "a.example", "vsa-1"
PATH = f"/.well-known/acme-challenge/{TOKEN}"


class Web:
    """A server of HTTP and one of TLS. ``said``: by scheme and path, a body, or where a redirect leads."""

    def __init__(self, stack: contextlib.ExitStack, pair: Path) -> None:
        self.said: dict[tuple[str, str], str] = {}
        self.hosts: list[str] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair / "fullchain.pem", pair / "privkey.pem")
        self.ports = [self._serve(stack, "http", None), self._serve(stack, "https", context)]

    def _serve(self, stack: contextlib.ExitStack, scheme: str, context: ssl.SSLContext | None) -> int:
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.hosts.append(self.headers["Host"])
                said = web.said.get((scheme, self.path), "nothing")
                leads = said.startswith("-> ")
                self.send_response(301 if leads else 200)
                if leads:
                    self.send_header("Location", said.removeprefix("-> "))
                self.end_headers()
                self.wfile.write(b"" if leads else said.encode())

            def log_message(self, *_words: object) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        return int(server.server_address[1])

    def asked(self) -> bool | None:
        """Ask this server for the challenge."""
        return answers_challenge("127.0.0.1", A, TOKEN, seconds=2, port=self.ports[0], tls_port=self.ports[1])


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    pair = certs.make_pair(["someone.else"])
    certs.put_pair(tmp_path, chain=pair.chain, key=pair.key_pem)
    with contextlib.ExitStack() as stack:
        yield Web(stack, tmp_path)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({("http", PATH): f"-> https://{A}{PATH}", ("https", PATH): TOKEN}, True),
        ({("http", PATH): f"-> https://{A}{PATH}"}, False),
        ({("http", PATH): "-> /elsewhere?x=1", ("http", "/elsewhere?x=1"): TOKEN}, True),
        ({("http", PATH): f"-> {PATH}"}, False),
        ({("http", PATH): f"-> ftp://{A}{PATH}"}, False),
        ({("http", PATH): f"-> http://{A}:8080{PATH}"}, False),
        ({("http", PATH): f"-> http://{A}:99999{PATH}"}, False),
        ({("http", PATH): "-> https://"}, False),
    ],
)
def test_a_redirect_is_followed_and_no_certificate_is_verified(
    web: Web, said: dict[tuple[str, str], str], expected: bool
) -> None:
    web.said = said
    assert web.asked() is expected
    assert set(web.hosts) == {A}


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1"])
def test_a_redirect_to_another_name_never_leads_to_what_only_this_host_can_reach(
    web: Web, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    real = socket.getaddrinfo

    def getaddrinfo(name: str, *more: Any, **named: Any) -> Any:
        return [(0, 0, 0, "", (address, 80))] if name == "evil.example" else real(name, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    web.said = {("http", PATH): f"-> http://evil.example:{web.ports[0]}{PATH}"}
    assert web.asked() is False
    assert web.hosts == [A]


def test_a_challenge_is_where_the_proxy_serves_it_and_is_gone_afterwards(tmp_path: Path) -> None:
    paths = Paths(str(tmp_path))
    with placed_challenge(paths) as token:
        place = paths.acme / ".well-known" / "acme-challenge" / token
        assert place.read_text() == token
    assert not place.exists()
