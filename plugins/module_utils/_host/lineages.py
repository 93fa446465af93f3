# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lineages on this host: the facts of what lies on disk, and the certificate that the proxy serves for a name.

Chains are verified by a TLS handshake in memory: the same OpenSSL rules as a client's, without a network.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import os
import re
import socket
import ssl
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .._core.certificate import Facts
from .certificates import Reading, certificate_directory, load_pair, read_pair, validity
from .files import remove_tree
from .paths import Paths

__all__ = (
    "Served",
    "chain_problem",
    "comparison",
    "lineage_names",
    "lineage_remains",
    "read_lineage",
    "remove_lineage",
    "served",
    "trust",
)


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


def _shake(domain: str, address: tuple[str, int], context: ssl.SSLContext, timeout: float) -> Served:
    from cryptography import x509

    with (
        socket.create_connection(address, timeout=timeout) as plain,
        context.wrap_socket(plain, server_hostname=domain) as tls,
    ):
        der = tls.getpeercert(binary_form=True) or b""
    return Served(hashlib.sha256(der).hexdigest(), validity(x509.load_der_x509_certificate(der))[1])


def _ask(
    domain: str, address: tuple[str, int], context: ssl.SSLContext, plain: ssl.SSLContext, timeout: float
) -> Served:
    where = ":".join(map(str, address))
    try:
        try:
            return _shake(domain, address, context, timeout)
        except ssl.SSLCertVerificationError as error:
            # Who it is, all the same.
            found = _shake(domain, address, plain, timeout)
            return dataclasses.replace(found, chain_problem=f"clients will not trust it: {error.verify_message}")
    except ssl.SSLError as error:
        return Served(error=f"the proxy refuses this name: {error.reason or error}")
    except OSError as error:
        return Served(error=f"the proxy does not answer on {where}: {error.strerror or error}")


def served(
    domains: Iterable[str],
    *,
    client: ssl.SSLContext | None = None,
    address: str = "127.0.0.1",
    port: int = 443,
    timeout: float = 5.0,
) -> dict[str, Served]:
    """Return what the proxy serves for each name, asked eight at a time with SNI.

    With ``client`` (see ``trust``) the answers also say whether a visitor trusts the chain.
    """
    wanted = list(domains)
    plain = _unverified()
    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = pool.map(lambda name: _ask(name, (address, port), client or plain, plain, timeout), wanted)
        return dict(zip(wanted, answers, strict=True))


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
