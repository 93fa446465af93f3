# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Visit sites through the proxy: a TLS handshake, the marker and one page of each, all at the same time.

The requests carry the secret marker of the live generation. So NGINX writes them to no access log and counts them for
no limit. Backends do not get the marker.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import hashlib
import resource
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ..._core.libraries import library
from ..._core.site.visitor import Visit
from ..cert.served import ServedCertificate
from ..machine.tls import client_context, made_when_needed, offer_one_key_exchange, unverified_context
from ..machine.together import done_in_time
from ..store.certificates import validity

__all__ = ("VISIT_SECONDS", "Ask", "Target", "Visited", "visit_sites")

VISIT_SECONDS = 5.0
"""All sites of a host have this time together."""

_AT_ONCE = 16
_MOST_BYTES = 1 << 16
_MARKER_PATH = "/.well-known/vsa/marker"
_BY_BACKEND = b"\nx-vsa-answer: backend"
# Descriptors that the process needs besides one for each site.
_OTHER_FILES = 256


@dataclass(frozen=True)
class Ask:
    """A site to visit: its domain, the name that it is served under, a path, and whether its chain is verified."""

    domain: str
    name: str
    path: str = "/"
    verify: bool = True


@dataclass(frozen=True)
class Target:
    """The proxy: its address, and the marker and the number of the generation that is live on disk.

    ``on_disk``: returns the fingerprint of a site's certificate on disk. Somebody else may listen while NGINX does not
    run; the marker is sent to nobody but the holder of a certificate that browsers accept, or of the one on disk.
    ``keeps_marker``: NGINX does not pass the marker on. The generations of earlier versions do, so the request for a
    page is sent to them without the marker.
    """

    address: str
    marker: str
    generation: int
    on_disk: Callable[[str], str | None]
    port: int = 443
    ca_bundle: str | None = None
    keeps_marker: bool = True


@dataclass(frozen=True)
class Visited:
    """What a visitor got, and the certificate that the proxy served."""

    visit: Visit
    certificate: ServedCertificate


@dataclass
class _Opened:
    """A site whose page has been asked for. ``rest`` is what came after the answer to the marker."""

    ask: Ask
    visited: Visited
    tls: ssl.SSLSocket | None = None
    rest: bytearray = field(default_factory=bytearray)


def visit_sites(asks: Sequence[Ask], target: Target, *, seconds: float = VISIT_SECONDS) -> dict[str, Visited]:
    """Visit sites, and return by domain what each gave within so many seconds, all together."""
    _allow_open_files(len(asks))
    deadline = time.monotonic() + seconds
    visitor = _Visitor(target, deadline)
    late = Visited(Visit(late=True), ServedCertificate(error=f"the proxy did not answer within {seconds:.0f} s"))
    results = {ask.domain: late for ask in asks}
    opened = done_in_time(visitor.open, asks, at_once=_AT_ONCE, seconds=seconds)
    for found in _await_pages(list(opened.values()), deadline):
        results[found.ask.domain] = found.visited
    return results


def _allow_open_files(sites: int) -> None:
    """Raise this process's own limit of open files, as far as the host allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = sites + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class _Visitor:
    """Opens the connections. Each method may run in many threads at once."""

    def __init__(self, target: Target, deadline: float) -> None:
        self._target = target
        self._deadline = deadline
        self._browser = offer_one_key_exchange(client_context(target.ca_bundle))
        self._browser_complete = made_when_needed(lambda: client_context(target.ca_bundle))
        self._unverified = unverified_context()

    def open(self, ask: Ask) -> _Opened:
        """Do the handshake, ask for marker and page, and read the answer to the marker."""
        try:
            tls, untrusted = self._handshake(ask)
        except TimeoutError:
            return _Opened(ask, Visited(Visit(late=True), ServedCertificate(error="the proxy did not answer in time")))
        except ssl.SSLError as error:
            return _unreachable(ask, f"the proxy refuses this name: {error.reason or error}")
        except OSError as error:
            where = f"{self._target.address}:{self._target.port}"
            return _unreachable(ask, f"the proxy does not answer on {where}: {error.strerror or error}")
        found = _Opened(ask, Visited(Visit(late=True, untrusted=untrusted), _certificate(tls, untrusted)), tls)
        known = untrusted is None or found.visited.certificate.fingerprint == self._target.on_disk(ask.domain)
        try:
            tls.sendall(self._requests(ask, marked=known))
            own = known and self._read_marker(found)
        except TimeoutError:
            return found
        except OSError as error:
            tls.close()
            return _unreachable(ask, f"the proxy closed the connection: {error.strerror or error}")
        found.visited = replace(found.visited, visit=replace(found.visited.visit, own=own))
        return found

    def _left(self) -> float:
        return max(0.01, self._deadline - time.monotonic())

    def _handshake(self, ask: Ask) -> tuple[ssl.SSLSocket, str | None]:
        """Return the connection, and why a browser would not have made it."""
        if not ask.verify:
            return self._connect(ask.name, self._unverified), "it is self-signed"
        try:
            return self._connect(ask.name, self._browser), None
        except ssl.SSLCertVerificationError as error:
            return self._connect(ask.name, self._unverified), error.verify_message
        except ssl.SSLError:
            pass
        # The proxy may not know the only key exchange that was offered.
        try:
            return self._connect(ask.name, self._browser_complete()), None
        except ssl.SSLCertVerificationError as error:
            return self._connect(ask.name, self._unverified), error.verify_message

    def _connect(self, name: str, context: ssl.SSLContext) -> ssl.SSLSocket:
        plain = socket.create_connection((self._target.address, self._target.port), timeout=self._left())
        try:
            return context.wrap_socket(plain, server_hostname=name)
        except BaseException:
            plain.close()
            raise

    def _requests(self, ask: Ask, *, marked: bool) -> bytes:
        """Return both requests, the second one for the same connection after the first; without marker the second."""
        host, secret = f"Host: {ask.name}", f"X-VSA-Marker: {self._target.marker}"
        own = (secret,) if marked and self._target.keeps_marker else ()
        marker = (f"GET {_MARKER_PATH} HTTP/1.1", host, secret, "") if marked else ()
        page = (f"GET {ask.path} HTTP/1.1", host, *own, "User-Agent: vsa-status", "Accept: text/html")
        return "\r\n".join((*marker, *page, "Connection: close", "", "")).encode("ascii")

    def _read_marker(self, found: _Opened) -> bool:
        """Read the answer to the marker; say whether the site's own server block of the live generation gave it."""
        tls, data = found.tls, found.rest
        while tls is not None and (answer := _whole_answer(data)) is None:
            tls.settimeout(self._left())
            part = tls.recv(8192)
            if not part or len(data) > _MOST_BYTES:
                return False
            data += part
        status, body, used = answer or (0, b"", 0)
        del data[:used]
        right = f"{self._target.generation} {found.ask.domain}"
        return status == 200 and body.decode(errors="replace").strip() == right


def _unreachable(ask: Ask, why: str) -> _Opened:
    return _Opened(ask, Visited(Visit(error=why), ServedCertificate(error=why)))


def _certificate(tls: ssl.SSLSocket, untrusted: str | None) -> ServedCertificate:
    with library("cryptography"):
        from cryptography import x509

    der = tls.getpeercert(binary_form=True) or b""
    _start, end = validity(x509.load_der_x509_certificate(der))
    return ServedCertificate(hashlib.sha256(der).hexdigest(), end, chain_problem=untrusted)


def _whole_answer(data: bytearray) -> tuple[int, bytes, int] | None:
    """Return status, body and length of the first answer, None while a part of it is missing."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(data[:end]).lower()
    length = next((line[15:].strip() for line in head.split(b"\r\n") if line.startswith(b"content-length:")), b"0")
    whole = end + 4 + (int(length) if length.isdigit() else 0)
    if len(data) < whole:
        return None
    return _status(head), bytes(data[end + 4 : whole]), whole


def _status(head: bytes) -> int:
    words = head.split(b" ", 2)
    code = words[1][:3] if len(words) > 1 else b""
    return int(code) if code.isdigit() else 0


def _page(data: bytearray) -> tuple[int, bool] | None:
    """Return the status of the page, and whether the backend sent it; None while the head is not complete.

    If a backend does not speak HTTP, NGINX passes on what it says, or a status below 100.
    """
    while (end := data.find(b"\r\n\r\n")) >= 0:
        head = bytes(data[:end]).lower()
        if not 100 <= _status(head) < 200:
            return _status(head), _BY_BACKEND in head
        del data[: end + 4]
    return None


def _await_pages(opened: list[_Opened], deadline: float) -> list[_Opened]:
    """Wait for the pages of all sites at once, until the deadline. What has not come by then stays late."""
    with selectors.DefaultSelector() as selector:
        for found in opened:
            if found.tls is not None and not _settled(found):
                found.tls.setblocking(False)
                selector.register(found.tls, selectors.EVENT_READ, found)
        # What TLS has read already makes no socket readable, so each one is read once first.
        for key in list(selector.get_map().values()):
            _read_page(selector, key.data)
        while selector.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _events in selector.select(left):
                _read_page(selector, key.data)
    for found in opened:
        if found.tls is not None:
            found.tls.close()
    return opened


def _read_page(selector: selectors.BaseSelector, found: _Opened) -> None:
    """Read what is there of a page; a site whose page is known is not waited for any longer."""
    tls = found.tls
    if tls is None:
        return
    try:
        part = tls.recv(16384)
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return
    except OSError:
        part = b""
    found.rest += part
    if _is_no_http(found.rest):
        _settle(found, replace(found.visited.visit, late=False, status=0))
        selector.unregister(tls)
    elif not part or len(found.rest) > _MOST_BYTES:
        _settle(found, replace(found.visited.visit, late=False, error="the proxy closed the connection"))
        selector.unregister(tls)
    elif _settled(found):
        selector.unregister(tls)


def _is_no_http(data: bytearray) -> bool:
    return bool(data) and not b"HTTP/".startswith(data[:5]) and not data.startswith(b"HTTP/")


def _settled(found: _Opened) -> bool:
    """Note the page if its head is complete, and say so."""
    page = _page(found.rest)
    if page is None:
        return False
    status, by_backend = page
    _settle(found, replace(found.visited.visit, late=False, status=status, by_backend=by_backend))
    return True


def _settle(found: _Opened, visit: Visit) -> None:
    found.visited = replace(found.visited, visit=visit)
