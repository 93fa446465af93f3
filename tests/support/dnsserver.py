# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name servers on this machine's loopback addresses, all on one port, for tests that ask DNS."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

__all__ = ("SILENT", "Zone", "serving_dns")

SILENT = "silent"
"""As the answer to a name: the server does not answer."""

Zone = dict[str, object]
"""By name: the lines ``KIND TEXT`` of its records, an rcode (``NXDOMAIN``, ``SERVFAIL``), or SILENT.

A name that is not there does not exist.
"""


def _answer(query: dns.message.Message, zone: Zone, *, final: bool) -> dns.message.Message | None:
    question = query.question[0]
    name = question.name.to_text().rstrip(".").lower()
    said = zone.get(name, "NXDOMAIN")
    if said == SILENT:
        return None
    answer = dns.message.make_response(query)
    if final:
        answer.flags |= dns.flags.AA
    if isinstance(said, str):
        answer.set_rcode(dns.rcode.from_text(said))
        return answer
    assert isinstance(said, list)
    wanted = dns.rdatatype.to_text(question.rdtype)
    for line in said:
        kind, _blank, text = line.partition(" ")
        if kind in (wanted, "CNAME"):
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, text))
    return answer


@contextmanager
def serving_dns(zones: dict[str, Zone], *, final: tuple[str, ...] = ()) -> Iterator[int]:
    """Serve a zone on each address, and yield the port. ``final``: the addresses that answer with authority."""
    with contextlib.ExitStack() as stack:
        ended = threading.Event()
        stack.callback(ended.set)
        port = 0
        for address, zone in zones.items():
            server = stack.enter_context(
                socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
            )
            server.bind((address, port))
            port = server.getsockname()[1]
            server.settimeout(0.05)

            def loop(
                server: socket.socket = server, zone: Zone = zone, with_authority: bool = address in final
            ) -> None:
                while not ended.is_set():
                    with contextlib.suppress(OSError):
                        packet, client = server.recvfrom(4096)
                        answer = _answer(dns.message.from_wire(packet), zone, final=with_authority)
                        if answer is not None:
                            server.sendto(answer.to_wire(), client)

            threading.Thread(target=loop, daemon=True).start()
        yield port
