"""On which addresses the hub listens."""

from __future__ import annotations

import socket

import pytest

from hub.serve import listening


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _answers(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 2).close()
    except OSError:
        return False
    return True


def test_it_listens_on_loopback_and_on_the_named_network_alone() -> None:
    port = _free()
    sockets = listening("127.0.0.7", port=port)
    try:
        assert [_answers(f"127.0.0.{part}", port) for part in (1, 7, 8)] == [True, True, False]
    finally:
        for entry in sockets:
            entry.close()


def test_a_name_that_leads_nowhere_is_an_error() -> None:
    with pytest.raises(OSError, match=r".+"):
        listening("nowhere.invalid", port=_free())
