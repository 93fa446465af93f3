# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lineages on this host: the facts of what lies on disk, and the certificate that the proxy serves for a name.

Chains are verified by a TLS handshake in memory: the same OpenSSL rules as a client's, without a network.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import hashlib
import os
import re
import socket
import ssl
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..._core.cert.status import Facts
from ..machine.files import remove_tree
from ..store.certificates import Reading, certificate_directory, load_pair, read_pair, validity
from ..store.layout import Paths

__all__ = (
    "Asker",
    "Served",
    "chain_problem",
    "comparison",
    "lineage_names",
    "lineage_remains",
    "read_lineage",
    "remove_lineage",
    "served",
    "trust",
    "way_in",
)

_LOOPBACK = "127.0.0.1"
_TIMEOUT = 5.0
# From so many names on it pays to look for another way to the proxy than loopback.
_MANY = 32


@dataclass(frozen=True)
class Served:
    """What the proxy answered for a name: the SHA-256 and the end of its certificate, or why there is none.

    ``chain_problem`` says why a visitor would not trust it, where that was asked.
    """

    fingerprint: str | None = None
    not_after: datetime.datetime | None = None
    error: str | None = None
    chain_problem: str | None = None


def trust(ca_bundle: str | None, *, names: bool = False) -> ssl.SSLContext:
    """Return a client context that trusts the host's roots and those of a bundle; one that is not there adds none.

    It compares the name of the server too where ``names``.
    """
    context = ssl.create_default_context()
    context.check_hostname = names
    # Python 3.13 turns this on; browsers do not, and a private CA may well lack a key identifier.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if ca_bundle and Path(ca_bundle).is_file():
        context.load_verify_locations(cafile=ca_bundle)
    return context


def chain_problem(server: ssl.SSLContext, client: ssl.SSLContext) -> str | None:
    """Return why a client would not trust what a server presents, or None."""
    # Whatever the pieces, each side reads what the other wrote; three rounds are enough for TLS 1.3.
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server, server_hostname="chain.invalid")
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    for _round in range(5):
        done = 0
        for side in (asking, answering):
            try:
                side.do_handshake()
                done += 1
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return f"clients will not trust it: {error.verify_message}"
            except ssl.SSLError as error:
                return f"it cannot be served: {error.reason or error}"
        if done == 2:
            return None
    return "it cannot be served: the handshake did not end"


def read_lineage(
    paths: Paths, domain: str, authority: str, *, client: ssl.SSLContext, answer: Served | None = None
) -> Reading:
    """Return what a lineage's files say, and whether a visitor would trust the chain.

    ``client`` (see ``trust``) is that visitor; a self-signed certificate's chain is not judged. ``answer`` is what he
    got of the proxy: where that is the very certificate, he needs not try again.
    """
    reading = read_pair(paths, domain, authority)
    facts = reading.facts
    if facts is None or facts.pair_problem or authority == "selfsigned":
        return reading
    if answer is not None and answer.fingerprint == facts.fingerprint:
        return Reading(dataclasses.replace(facts, chain_problem=answer.chain_problem))
    context, problem = load_pair(certificate_directory(paths, domain, authority))
    if context is None:
        return Reading(dataclasses.replace(facts, pair_problem=problem))
    return Reading(dataclasses.replace(facts, chain_problem=chain_problem(context, client)))


def lineage_names(paths: Paths) -> dict[str, set[str]]:
    """Return what lies on disk: ``letsencrypt`` and ``selfsigned``, each with the domains of its lineages."""
    found: dict[str, set[str]] = {}
    for kind, top in (("letsencrypt", paths.letsencrypt / "live"), ("selfsigned", paths.selfsigned)):
        try:
            found[kind] = {entry.name for entry in top.iterdir() if entry.is_dir() and not entry.name.startswith(".")}
        except FileNotFoundError:
            found[kind] = set()
    return found


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _hasty(context: ssl.SSLContext) -> ssl.SSLContext:
    """Return the context with one key exchange on offer, which all but few servers take.

    OpenSSL from 3.5 on makes a post-quantum key for each handshake too, a fifth of a client's time.
    """
    with contextlib.suppress(ValueError, ssl.SSLError):  # a policy of the host, say
        context.set_ecdh_curve("X25519")
    return context


class Asker:
    """Asks the proxy by TLS handshakes with SNI which certificates it serves.

    With ``verify`` the answers also say whether a visitor trusts the chain, one who trusts ``ca_bundle`` too.
    """

    def __init__(
        self, *, verify: bool = False, ca_bundle: str | None = None, address: str = _LOOPBACK, port: int = 443
    ) -> None:
        self._where = (address, port)
        self._plain = _unverified()
        make = functools.partial(trust, ca_bundle) if verify else _unverified
        self._clients = (_hasty(make()), make())

    def ask(self, domains: Iterable[str]) -> dict[str, Served]:
        """Return what the proxy serves for each name, or why nothing; they are asked eight at a time."""
        wanted = list(domains)
        with ThreadPoolExecutor(max_workers=8) as pool:
            return dict(zip(wanted, pool.map(self._ask, wanted), strict=True))

    def _ask(self, domain: str) -> Served:
        try:
            return self._judged(domain)
        except ssl.SSLError as error:
            return Served(error=f"the proxy refuses this name: {error.reason or error}")
        except OSError as error:
            where = ":".join(map(str, self._where))
            return Served(error=f"the proxy does not answer on {where}: {error.strerror or error}")

    def _judged(self, domain: str) -> Served:
        hasty, patient = self._clients
        try:
            try:
                return self._shake(domain, hasty)
            except ssl.SSLCertVerificationError:
                raise
            except ssl.SSLError:
                return self._shake(domain, patient)
        except ssl.SSLCertVerificationError as error:
            # Who it is, all the same.
            found = self._shake(domain, self._plain)
            return dataclasses.replace(found, chain_problem=f"clients will not trust it: {error.verify_message}")

    def _shake(self, domain: str, context: ssl.SSLContext) -> Served:
        from cryptography import x509

        with (
            socket.create_connection(self._where, timeout=_TIMEOUT) as plain,
            context.wrap_socket(plain, server_hostname=domain) as tls,
        ):
            der = tls.getpeercert(binary_form=True) or b""
        return Served(hashlib.sha256(der).hexdigest(), validity(x509.load_der_x509_certificate(der))[1])


def way_in(names: int, *, port: int = 443) -> str:
    """Return the address of this host at which to ask the proxy for so many names.

    On loopback every byte goes through a process of Docker's (docker-proxy), which makes up a third of a handshake; to
    another address of the host the kernel leads, as it does with visitors. For a few names, or where the proxy does not
    answer there, it is loopback.
    """
    if names < _MANY:
        return _LOOPBACK
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only looks up the way out (RFC 5737)
            address = str(probe.getsockname()[0])
        socket.create_connection((address, port), timeout=1.0).close()
    except OSError:
        return _LOOPBACK
    return address


def served(domains: Iterable[str], *, port: int = 443) -> dict[str, Served]:
    """Return what the proxy serves for each name, without a word on whether a visitor trusts it."""
    wanted = list(domains)
    return Asker(address=way_in(len(wanted), port=port), port=port).ask(wanted)


def comparison(facts: Facts | None, answer: Served | None) -> str | None:
    """Return how what is served compares with the disk: ``same``, ``older``, ``newer``, ``other`` or ``none``."""
    if answer is None:
        return None
    if answer.fingerprint is None or answer.not_after is None:
        return "none"
    if facts is None:
        return "other"
    if answer.fingerprint == facts.fingerprint:
        return "same"
    if answer.not_after == facts.not_after:
        return "other"
    return "older" if answer.not_after < facts.not_after else "newer"


def _parts(paths: Paths, domain: str) -> list[Path]:
    """Return all that is named after a lineage, in the order in which it goes: first what would have it renewed."""
    top, name = paths.letsencrypt, re.escape(domain)
    # certbot numbers a second lineage of the same name; ours carry a time. Another domain that begins so is no match.
    places = (
        (top / "renewal", rf"{name}(-\d{{4}})?\.conf"),
        (top / "vsa-attempts", rf"{name}\.json"),
        (top / "live", rf"{name}(-\d{{4}})?"),
        (top / "archive", rf"{name}(-\d{{4}})?"),
        (top / "vsa-aside", rf"{name}\.\d+"),
        (paths.certs, rf"{name}\.yml"),
        (paths.selfsigned, name),
        (paths.selfsigned / ".pairs", rf"{name}\.(by-hand\.)?\d{{8}}T\d+"),
    )
    found = []
    for directory, form in places:
        try:
            names = sorted(os.listdir(directory))
        except FileNotFoundError:
            continue
        found += [directory / entry for entry in names if re.fullmatch(form, entry)]
    return found


def lineage_remains(paths: Paths, domain: str) -> list[str]:
    """Return the paths of everything that belongs to a domain's certificate, its record of failed tries included."""
    return [str(part) for part in _parts(paths, domain)]


def remove_lineage(paths: Paths, domain: str) -> list[str]:
    """Remove a domain's certificate with its keys and whatever would renew it; returns the paths that went.

    Safe to interrupt: what is left is found again. The caller holds certbot's lock.
    """
    gone = []
    for part in _parts(paths, domain):
        if part.is_dir() and not part.is_symlink():
            remove_tree(part)
        else:
            part.unlink(missing_ok=True)
        gone.append(str(part))
    return gone
