# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof from outside NGINX: a site answers on TLS from its own server block, with the certificate that lies on disk.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import hashlib
import http.client
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = (
    "Answer",
    "fetch_site",
    "prove_closed",
    "prove_refused",
    "prove_site",
    "prove_sites",
    "serving",
)


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context


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
    """Ask a site for its mark through TLS with SNI. Returns None when all is right, else what is wrong, one line.

    ``name`` is the one that the site is served under, where that is not its domain.
    The certificate is compared with the one on disk (``fingerprint``, hexadecimal SHA-256), not verified.
    """
    try:
        with (
            socket.create_connection((address, 443), timeout=timeout) as plain,
            (context or _unverified()).wrap_socket(plain, server_hostname=name or domain) as tls,
        ):
            served = hashlib.sha256(tls.getpeercert(binary_form=True) or b"").hexdigest()
            head = (
                "GET /.well-known/vsa/marker HTTP/1.1",
                f"Host: {name or domain}",
                f"X-VSA-Marker: {marker}",
                "Connection: close",
            )
            tls.sendall("\r\n".join((*head, "", "")).encode("ascii"))
            answer = http.client.HTTPResponse(tls)
            answer.begin()
            body = answer.read(1000).decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        return f"{domain} does not answer on TLS: {error}"
    if answer.status != 200 or body != f"{generation} {domain}":
        return f"{domain} is not answered by its own server block: status {answer.status}, {body[:80]!r}"
    if fingerprint is not None and served != fingerprint:
        return f"{domain} is served with another certificate than the one on disk"
    return None


def prove_sites(
    wanted: dict[str, str | None],
    *,
    address: str,
    marker: str,
    generation: int,
    sites: Mapping[str, Mapping[str, Any]],
    timeout: float = 5.0,
) -> list[str]:
    """Prove many sites (domain to fingerprint), eight at a time. Returns what is wrong, empty when all is right.

    ``sites`` is the index of the generation, which says under which name each is served.
    """
    context = _unverified()
    with ThreadPoolExecutor(max_workers=8) as pool:
        results = pool.map(
            lambda item: prove_site(
                item[0],
                address=address,
                marker=marker,
                generation=generation,
                fingerprint=item[1],
                name=_served(sites, item[0]),
                timeout=timeout,
                context=context,
            ),
            wanted.items(),
        )
        return [wrong for wrong in results if wrong]


def _served(sites: Mapping[str, Mapping[str, Any]], domain: str) -> str:
    # A generation of an earlier version does not say: its sites are served under their domain.
    return str(sites.get(domain, {}).get("served", domain))


def serving(
    domains: Iterable[str], *, address: str, marker: str, generation: int, sites: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Return those of the domains that are answered by their own server block now, asked eight at a time."""
    wanted = list(domains)

    def wrong(domain: str) -> str | None:
        name = _served(sites, domain)
        return prove_site(domain, name=name, address=address, marker=marker, generation=generation, fingerprint=None)

    with ThreadPoolExecutor(max_workers=8) as pool:
        return [domain for domain, said in zip(wanted, pool.map(wrong, wanted), strict=True) if said is None]


def prove_refused(domain: str, *, address: str, timeout: float = 5.0) -> str | None:
    """Ask for a name that no site claims any more. Returns None when the handshake is refused, else what is wrong."""
    try:
        with (
            socket.create_connection((address, 443), timeout=timeout) as plain,
            _unverified().wrap_socket(plain, server_hostname=domain),
        ):
            return f"{domain} is still answered on TLS"
    except ssl.SSLError:
        return None
    except OSError as error:
        return f"the proxy does not answer on {address}:443: {error}"


# To somebody without a password: asked for one, not on the allow list, over a limit, in maintenance.
_CLOSED = (401, 403, 429, 503)


def prove_closed(domain: str, *, path: str, address: str, timeout: float = 5.0) -> str | None:
    """Ask for a protected path without a password. Returns None when it is closed, else what is wrong, one line."""
    try:
        status = _status(domain, path, address, _unverified(), timeout)
    except (OSError, http.client.HTTPException) as error:
        return f"{domain}{path} could not be asked whether it is closed: {error}"
    return None if status in _CLOSED else f"{domain}{path} answers {status} to somebody without a password"


@dataclass(frozen=True)
class Answer:
    """What a site's own URL gave: ``status`` is None where nothing came, ``chain`` None when verified, else why not."""

    status: int | None
    milliseconds: int
    chain: str | None
    error: str | None = None


def _context(ca_bundle: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if ca_bundle is not None and ca_bundle.exists():
        context.load_verify_locations(cafile=str(ca_bundle))
    return context


def fetch_site(
    domain: str, *, path: str, address: str, ca_bundle: Path | None, verify: bool = True, timeout: float = 15.0
) -> Answer:
    """Fetch one path of a site as a client would, connecting to ``address``; verify the chain unless told not to.

    Where the chain does not verify the site is asked again without, so that the answer says both.
    """
    chain: str | None = None if verify else "not verified"
    started = time.monotonic()
    try:
        status = _status(domain, path, address, _context(ca_bundle) if verify else _unverified(), timeout)
    except ssl.SSLCertVerificationError as error:
        chain = error.verify_message
        try:
            status = _status(domain, path, address, _unverified(), timeout)
        except (OSError, http.client.HTTPException) as second:
            return Answer(None, round((time.monotonic() - started) * 1000), chain, str(second))
    except (OSError, http.client.HTTPException) as error:
        return Answer(None, round((time.monotonic() - started) * 1000), chain, str(error))
    return Answer(status, round((time.monotonic() - started) * 1000), chain)


def _status(domain: str, path: str, address: str, context: ssl.SSLContext, timeout: float) -> int:
    with (
        socket.create_connection((address, 443), timeout=timeout) as plain,
        context.wrap_socket(plain, server_hostname=domain) as tls,
    ):
        head = (f"GET {path} HTTP/1.1", f"Host: {domain}", "User-Agent: vsa", "Accept: */*", "Connection: close")
        tls.sendall("\r\n".join((*head, "", "")).encode("ascii"))
        answer = http.client.HTTPResponse(tls)
        answer.begin()
        return answer.status
