"""The line to the hub: slow, silent, cut, and with a proxy's answer in place of the hub's."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.answer import Refusal
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.sender import hub as line
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.sender.hub import Address, Hub

from agenthost import NODE, TOKEN
from certs import put_pair
from fakehub import FakeHub, Refuse, fake_hub


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[FakeHub]:
    with fake_hub(tmp_path, TOKEN) as made:
        yield made


def address(hub: FakeHub, **more: str) -> Address:
    return Address(hub.url, NODE, more.get("token", TOKEN), hub.ca)


def test_the_token_is_in_no_text(hub: FakeHub) -> None:
    assert TOKEN not in repr(address(hub))
    hub.url = "https://localhost:9"
    found = Hub(address(hub)).send(b"x")
    assert isinstance(found, Refusal)
    assert TOKEN not in repr(found)
    assert "refused" in found.message


@pytest.mark.parametrize("url", ["https://no-such-host.invalid", "https://localhost:9"])
def test_a_hub_that_cannot_be_reached(hub: FakeHub, url: str) -> None:
    found = Hub(Address(url, NODE, TOKEN)).send(b"x")
    assert isinstance(found, Refusal)
    assert (found.status, found.code) == (0, "no_answer")


def test_one_connection_serves_several_beats_and_is_made_anew(hub: FakeHub) -> None:
    sender = Hub(address(hub))
    hub.always = Refuse("database")
    assert isinstance(sender.send(b"x"), Refusal)
    connection = sender._connection
    assert isinstance(sender.send(b"x"), Refusal)
    assert sender._connection is connection
    assert connection is not None
    assert connection.sock is not None
    connection.sock.shutdown(socket.SHUT_RDWR)  # the hub closed it meanwhile
    found = sender.send(b"x")
    assert isinstance(found, Refusal)
    assert found.code == "database"
    sender.close()


def test_a_token_with_a_line_break_cannot_add_a_header(hub: FakeHub) -> None:
    with pytest.raises(ValueError, match="Invalid header value"):
        Hub(address(hub, token=f"{TOKEN}\r\nX: y")).send(b"x")


def _silent(tmp_path: Path, ca: str, *, read: bool, rate: int | None = None) -> Iterator[tuple[int, list[int]]]:
    """Serve TLS, read the request at a rate in bytes per second, and never answer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "fullchain.pem", tmp_path / "privkey.pem")
    got = [0]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

        def serve() -> None:
            try:
                plain, _peer = listener.accept()
                tls = context.wrap_socket(plain, server_side=True)
                while read:
                    part = tls.recv(2048)
                    got[0] += len(part)
                    if not part:
                        return
                    if rate:
                        time.sleep(len(part) / rate)
                time.sleep(5)
            except OSError:
                return

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1], got


def test_a_hub_that_never_answers(hub: FakeHub, tmp_path: Path) -> None:
    for port, _got in _silent(tmp_path, hub.ca, read=False):
        began = time.monotonic()
        found = Hub(Address(f"https://localhost:{port}", NODE, TOKEN, hub.ca), silence=0.5).send(b"x")
        assert isinstance(found, Refusal)
        assert "timed out" in found.message
        assert time.monotonic() - began < 4


def test_a_slow_line_may_take_longer_than_the_longest_silence(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As 20 kbit/s: each piece goes through in time, and all of them together take longer than one may."""
    monkeypatch.setattr(line, "_CHUNK", 1024)
    for port, got in _silent(tmp_path, hub.ca, read=True, rate=200_000):
        began = time.monotonic()
        Hub(Address(f"https://localhost:{port}", NODE, TOKEN, hub.ca), silence=1.0).send(b"x" * 600_000)
        assert got[0] >= 600_000
        assert time.monotonic() - began > 2


def test_a_line_that_is_too_slow_is_given_up(hub: FakeHub, tmp_path: Path) -> None:
    for port, _got in _silent(tmp_path, hub.ca, read=True, rate=200_000):
        found = Hub(Address(f"https://localhost:{port}", NODE, TOKEN, hub.ca), seconds=0.3).send(b"x" * 4_000_000)
        assert isinstance(found, Refusal)
        assert "too slow" in found.message


def test_another_certificate_than_the_trusted_one(hub: FakeHub, tmp_path: Path) -> None:
    from certs import make_pair

    other = make_pair(["localhost"])
    put_pair(tmp_path / "other", chain=other.chain, key=other.key_pem)
    found = Hub(Address(hub.url, NODE, TOKEN, other.chain)).send(b"x")
    assert isinstance(found, Refusal)
    assert "its certificate is not trusted" in found.message
