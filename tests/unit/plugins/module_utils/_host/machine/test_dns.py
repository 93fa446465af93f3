"""Questions to a DNS, and its answers. A test on a host asks in the namespace of a container."""

from __future__ import annotations

import os
import socket
import struct
import threading

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine import dns
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.dns import ask_in_namespace, parse_answer, query

NAME = "beta-web.flowbiz_ext_beta"
QUESTION = query(NAME, 1, 7)


def answer(*records: tuple[int, bytes], number: int = 7, flags: int = 0x8180, question: bytes = QUESTION) -> bytes:
    """Return an answer whose records name the question by a pointer."""
    head = struct.pack(">HHHHHH", number, flags, 1, len(records), 0, 0)
    body = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 600, len(data)) + data for kind, data in records)
    return head + question[12:] + body


def test_a_question() -> None:
    assert query("a.b", 28, 1) == b"\x00\x01\x01\x00\x00\x01\0\0\0\0\0\0\x01a\x01b\x00\x00\x1c\x00\x01"


def test_the_addresses_of_an_answer() -> None:
    packet = answer((1, bytes([172, 18, 0, 2])), (5, b"\x01x\x00"), (28, bytes(15) + b"\x01"), (1, b"short"))
    assert parse_answer(packet, 7) == {"172.18.0.2", "::1"}


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x00" * 11,
        answer((1, bytes(4)), number=8),
        answer((1, bytes(4)), flags=0x8183),
        answer((1, bytes(4)), flags=0x0100),
        answer((1, bytes(4)))[:-8],
        struct.pack(">HHHHHH", 7, 0x8180, 1, 1, 0, 0) + b"\x3f",
    ],
    ids=["empty", "short", "another question", "no such name", "no answer", "cut", "cut in a name"],
)
def test_what_is_no_answer(packet: bytes) -> None:
    assert parse_answer(packet, 7) == frozenset()


def test_a_namespace_that_is_gone() -> None:
    with pytest.raises(OSError, match="No such file"):
        ask_in_namespace(2**22 + 1, [NAME])


def test_each_name_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns, "_enter", lambda pid: None)
    asked: list[list[str]] = []

    def addresses(names: list[str], *, seconds: float) -> dict[str, frozenset[str]]:
        assert 0 < seconds <= 0.5
        asked.append(names)
        return {name: frozenset({f"of {name}"}) for name in names}

    monkeypatch.setattr(dns, "_addresses", addresses)
    assert ask_in_namespace(os.getpid(), ["a", "b", "a"]) == {"a": {"of a"}, "b": {"of b"}}
    assert asked == [["a", "b"]], "each name is asked once"
    ask_in_namespace(os.getpid(), [f"n{number}" for number in range(250)])
    assert [len(names) for names in asked[1:]] == [100, 100, 50]


def test_answers_that_come_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of the test answers for one name, sends noise, and is silent about the other name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        monkeypatch.setattr(dns, "_SERVER", server.getsockname())
        monkeypatch.setattr(dns, "_enter", lambda pid: None)

        def serve() -> None:
            for _question in range(4):
                packet, client = server.recvfrom(4096)
                number = int.from_bytes(packet[:2], "big")
                server.sendto(b"\xff\xff noise", client)
                if b"\x05known" in packet and packet.endswith(b"\x00\x01\x00\x01"):
                    server.sendto(answer((1, bytes([192, 0, 2, 7])), number=number, question=packet), client)

        thread = threading.Thread(target=serve)
        thread.start()
        assert ask_in_namespace(os.getpid(), ["known.n", "other.n"]) == {"known.n": {"192.0.2.7"}, "other.n": set()}
        thread.join()
