# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A challenge that only this host's proxy can answer: it tells whether an address leads to this host.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from ..machine.files import make_directory, write_new
from ..machine.tls import unverified_context
from ..store.layout import Paths

__all__ = ("answers_challenge", "placed_challenge")

_MOST_BYTES = 65536
_MOST_REDIRECTS = 10
_REDIRECTS = (["301"], ["302"], ["303"], ["307"], ["308"])
_UNSAFE = re.compile(r"[\x00-\x20\x7f]")


@contextmanager
def placed_challenge(paths: Paths) -> Iterator[str]:
    """Place a challenge where the proxy serves those of ACME, and yield its token. OSError if it cannot be placed."""
    token = f"vsa-{secrets.token_hex(16)}"
    place = paths.acme / ".well-known" / "acme-challenge" / token
    make_directory(place.parent, mode=0o755)
    try:
        write_new(place, token.encode(), mode=0o644)
        yield token
    finally:
        # What stays there harms nobody: a token that nothing asks for any more.
        with contextlib.suppress(OSError):
            place.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Place:
    """Where to ask: an address and a port there, the host name of the request, its path, and whether by TLS."""

    address: str
    port: int
    name: str
    path: str
    tls: bool = False


def answers_challenge(
    address: str, name: str, token: str, *, seconds: float, port: int = 80, tls_port: int = 443
) -> bool | None:
    """Ask an address for the challenge: True if it has it, False if another server answers, None if nobody does.

    None says nothing about where the address leads: an answer that is late, cut off or missing is no answer of another
    host. This works behind address translation too. Each step of the connection may take ``seconds``.

    Redirects are followed and certificates are not verified, as a CA does. Source:
    https://letsencrypt.org/docs/challenge-types/
    """
    place: _Place | None = _Place(address, port, name, f"/.well-known/acme-challenge/{token}")
    for _number in range(_MOST_REDIRECTS + 1):
        if place is None:
            return False
        try:
            answer = _fetched(place, seconds=seconds)
        except (OSError, ValueError):
            return None
        head, blank, body = answer.partition(b"\r\n\r\n")
        if not blank or not head.startswith(b"HTTP/"):
            return None
        location = _location(head)
        if location is None:
            # A page that shows its own address holds the token too. A CA wants the token and nothing else.
            return body.strip() == token.encode()
        place = _next_place(place, location, first=(name, address), ports={"http": port, "https": tls_port})
    return False


def _fetched(place: _Place, *, seconds: float) -> bytes:
    request = f"GET {place.path} HTTP/1.0\r\nHost: {place.name}\r\n\r\n".encode("ascii")
    answer = b""
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(socket.create_connection((place.address, place.port), timeout=seconds))
        if place.tls:
            client = stack.enter_context(unverified_context().wrap_socket(client, server_hostname=place.name))
        client.sendall(request)
        while len(answer) < _MOST_BYTES and (part := client.recv(4096)):
            answer += part
    return answer


def _location(head: bytes) -> str | None:
    """Return where a redirect leads, None if the answer is no redirect."""
    status, *lines = head.decode("latin-1").split("\r\n")
    if status.split(" ")[1:2] not in _REDIRECTS:
        return None
    found = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("location:")]
    return found[0] if found else None


def _next_place(place: _Place, location: str, *, first: tuple[str, str], ports: Mapping[str, int]) -> _Place | None:
    """Return where a redirect leads, None if no CA would follow it.

    ``first`` is the name that was asked for, with its address; ``ports`` are those of both schemes. Another name may
    lead anywhere, so only its public addresses are asked: a redirect must not make this host ask what only this host
    can reach.
    """
    here = f"{'https' if place.tls else 'http'}://{place.name}{place.path}"
    try:
        target = urlsplit(urljoin(here, location))
        port = target.port
    except ValueError:
        return None
    name = (target.hostname or "").rstrip(".")
    if target.scheme not in ports or not name or not location.isascii() or _UNSAFE.search(location):
        return None
    if port not in (None, *ports.values()):
        return None
    address = first[1] if name == first[0] else _public_address(name)
    if address is None:
        return None
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    return _Place(address, port or ports[target.scheme], name, path, tls=target.scheme == "https")


def _public_address(name: str) -> str | None:
    try:
        answers = socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return None
    found = [str(answer[4][0]).partition("%")[0] for answer in answers]
    return next((address for address in found if ipaddress.ip_address(address).is_global), None)
