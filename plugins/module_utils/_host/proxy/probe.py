# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes from outside NGINX: does a site answer on TLS from its own server block, with the certificate on disk.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import hashlib
import http.client
import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..._core.settings import Settings
from ..._core.words import Words
from ..machine.tls import client_context, unverified_context
from .values import NO_BACKEND, Answer

__all__ = (
    "answering",
    "fetch",
    "fetch_site",
    "prove_closed",
    "prove_refused",
    "prove_site",
    "prove_sites",
    "serving",
)

# How long a backend has to become reachable after a reload, in which NGINX resolves its name again.
_BACKEND_SECONDS = 10.0
# How long a site may take that is asked before a change, or beside many others.
_SHORT_SECONDS = 3.0
# What a protected path answers without a password: asks for one, is not on the allow list, is over a rate limit, or is
# in maintenance.
_CLOSED = (401, 403, 429, 503)
_AT_ONCE = 8
# So long an old worker may still take a new connection, and so often it is asked again.
_OLD_WORKER_SECONDS = 1.0
_PAUSE_SECONDS = 0.02


def _unverified() -> ssl.SSLContext:
    context = unverified_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _verified(ca_bundle: Path | None) -> ssl.SSLContext:
    context = client_context(ca_bundle)
    context.set_alpn_protocols(["http/1.1"])
    return context


@contextmanager
def _connected(name: str, address: str, context: ssl.SSLContext, timeout: float) -> Iterator[ssl.SSLSocket]:
    """Open a TLS connection to port 443 of an address, with a name as SNI."""
    with (
        socket.create_connection((address, 443), timeout=timeout) as plain,
        context.wrap_socket(plain, server_hostname=name) as tls,
    ):
        yield tls


def _get(tls: ssl.SSLSocket, *head: str) -> http.client.HTTPResponse:
    tls.sendall("\r\n".join((*head, "Connection: close", "", "")).encode("ascii"))
    answer = http.client.HTTPResponse(tls)
    answer.begin()
    return answer


def prove_site(
    domain: str,
    *,
    address: str,
    marker: str,
    generation: int,
    fingerprint: str | None,
    name: str | None = None,
    timeout: float = 5.0,
    context: ssl.SSLContext | None = None,
) -> str | None:
    """Ask a site for its marker through TLS with SNI. Returns None if all is right, otherwise one line that says why.

    ``name`` is the name that the site is served under, if that is not its domain.
    The certificate is compared with the one on disk (``fingerprint``, hexadecimal SHA-256), not verified.

    An old worker calls itself finishing before it closes its sockets, so on a busy machine it may still take this
    connection. Then an earlier generation answers, and the site is asked again for a second.
    """
    name = name or domain
    deadline = time.monotonic() + _OLD_WORKER_SECONDS
    while True:
        try:
            with _connected(name, address, context or _unverified(), timeout) as tls:
                certificate = tls.getpeercert(binary_form=True) or b""
                request = ("GET /.well-known/vsa/marker HTTP/1.1", f"Host: {name}", f"X-VSA-Marker: {marker}")
                answer = _get(tls, *request)
                body = answer.read(1000).decode(errors="replace").strip()
        except (OSError, http.client.HTTPException) as error:
            return f"{domain} does not answer on TLS: {Words('it', str(error)).shown}"
        if not _is_earlier(body, domain, generation) or time.monotonic() > deadline:
            break
        time.sleep(_PAUSE_SECONDS)
    if answer.status != 200 or body != f"{generation} {domain}":
        return f"{domain} is not answered by its own server block: status {answer.status}, {Words('it', body[:80])}"
    if fingerprint is not None and hashlib.sha256(certificate).hexdigest() != fingerprint:
        return f"{domain} is served with another certificate than the one on disk"
    return None


def _is_earlier(body: str, domain: str, generation: int) -> bool:
    """Say whether a site's own server block of an earlier generation answered."""
    number, _space, answered = body.partition(" ")
    return answered == domain and number.isdecimal() and int(number) < generation


def prove_sites(
    wanted: Mapping[str, str | None],
    *,
    address: str,
    marker: str,
    generation: int,
    sites: Mapping[str, Mapping[str, Any]],
    timeout: float = 5.0,
) -> list[str]:
    """Prove many sites at once. Returns one line for each site that is wrong.

    ``wanted`` maps each domain to the fingerprint of its certificate, ``sites`` is the index of the generation.
    """
    context = _unverified()

    def prove(domain: str) -> str | None:
        return prove_site(
            domain,
            address=address,
            marker=marker,
            generation=generation,
            fingerprint=wanted[domain],
            name=_served_name(sites, domain),
            timeout=timeout,
            context=context,
        )

    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return [problem for problem in pool.map(prove, wanted) if problem]


def serving(
    domains: Iterable[str], *, address: str, marker: str, generation: int, sites: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Return the domains that are answered by their own server block now."""
    asked = list(domains)

    def prove(domain: str) -> str | None:
        name = _served_name(sites, domain)
        return prove_site(domain, name=name, address=address, marker=marker, generation=generation, fingerprint=None)

    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        problems = list(pool.map(prove, asked))
    return [domain for domain, problem in zip(asked, problems, strict=True) if problem is None]


def _served_name(sites: Mapping[str, Mapping[str, Any]], domain: str) -> str:
    # The record of a generation from an earlier version does not say: its sites are served under their domain.
    return str(sites.get(domain, {}).get("served", domain))


def prove_refused(name: str, *, address: str, timeout: float = 5.0) -> str | None:
    """Ask for a name that no site claims any more. Returns None if NGINX refuses it, otherwise what is wrong."""
    try:
        with _connected(name, address, _unverified(), timeout):
            return f"{name} is still answered on TLS"
    except ssl.SSLError:
        return None
    except OSError as error:
        return f"the proxy does not answer on {address}:443: {error}"


def prove_closed(domain: str, *, path: str, address: str, timeout: float = 5.0) -> str | None:
    """Ask for a protected path without a password. Returns None if the path is closed, otherwise what is wrong."""
    try:
        status = _status(domain, path, address, _unverified(), timeout)
    except (OSError, http.client.HTTPException) as error:
        return f"{domain}{path} could not be asked whether it is closed: {Words('it', str(error)).shown}"
    return None if status in _CLOSED else f"{domain}{path} answers {status} to somebody without a password"


def fetch(domain: str, entry: Mapping[str, Any], *, settings: Settings, address: str = "127.0.0.1") -> Answer:
    """Fetch a site's first path as a client would; ``entry`` is the site's entry in the index of its generation.

    A backend that answers 502 or 504 right after a reload gets some time, in which NGINX resolves its name again.
    """
    bundle = Path(settings.ca_bundle) if settings.ca_bundle else None
    deadline = time.monotonic() + _BACKEND_SECONDS
    while True:
        answer = fetch_site(
            entry.get("served", domain),
            path=entry.get("path", "/"),
            address=address,
            ca_bundle=bundle,
            verify=entry["ca"] != "selfsigned",
        )
        if answer.status not in NO_BACKEND or time.monotonic() > deadline:
            return answer
        time.sleep(0.2)


def answering(
    sites: Mapping[str, Mapping[str, Any]], *, address: str = "127.0.0.1", timeout: float = _SHORT_SECONDS
) -> list[str]:
    """Ask each site once for its first path, and return those that somebody else than the proxy answers."""

    def answers(domain: str) -> bool:
        entry = sites[domain]
        name, path = entry.get("served", domain), entry.get("path", "/")
        return not fetch_site(name, path=path, address=address, ca_bundle=None, verify=False, timeout=timeout).silent

    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        found = list(pool.map(answers, sites))
    return [domain for domain, good in zip(sites, found, strict=True) if good]


def fetch_site(
    domain: str, *, path: str, address: str, ca_bundle: Path | None, verify: bool = True, timeout: float = 15.0
) -> Answer:
    """Fetch one path of a site from an address as a client would, and verify the certificate chain if ``verify``.

    If the chain cannot be verified, the site is asked again without verification, so that the answer says both.
    """
    chain: str | None = None if verify else "not verified"
    context = _verified(ca_bundle) if verify else _unverified()
    started = time.monotonic()
    status, problem = None, None
    try:
        try:
            status = _status(domain, path, address, context, timeout)
        except ssl.SSLCertVerificationError as error:
            chain = error.verify_message
            status = _status(domain, path, address, _unverified(), timeout)
    except (OSError, http.client.HTTPException) as error:
        problem = Words("the site", str(error)).shown
    return Answer(status, round((time.monotonic() - started) * 1000), chain, problem)


def _status(domain: str, path: str, address: str, context: ssl.SSLContext, timeout: float) -> int:
    with _connected(domain, address, context, timeout) as tls:
        return _get(tls, f"GET {path} HTTP/1.1", f"Host: {domain}", "User-Agent: vsa", "Accept: */*").status
