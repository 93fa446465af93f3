# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lineages on this host: the facts of what lies on disk, and the certificate that the proxy serves for a name.

Chains are verified by a TLS handshake in memory: the same OpenSSL rules as a client's, without a network.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

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
from typing import Any

from .._core.certificate import Facts, renewal_server
from .certificates import certificate_directory, validity
from .files import read_text, remove_tree
from .paths import Paths

__all__ = (
    "Served",
    "chain_problem",
    "lineage_names",
    "lineage_remains",
    "read_facts",
    "remove_lineage",
    "served",
    "trust",
)

_UTC = datetime.timezone.utc


@dataclass(frozen=True)
class Served:
    """What the proxy answered for a name: the SHA-256 and the end of its certificate, or why there is none."""

    fingerprint: str | None = None
    not_after: datetime.datetime | None = None
    error: str | None = None


def trust(ca_bundle: str | None) -> ssl.SSLContext:
    """Return a client context that trusts the host's roots and those of a bundle; one that is not there adds none."""
    context = ssl.create_default_context()
    context.check_hostname = False
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


def _pair(directory: Path) -> tuple[ssl.SSLContext | None, str | None]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Without a pass phrase at hand an encrypted key would ask for it on the terminal.
        context.load_cert_chain(directory / "fullchain.pem", directory / "privkey.pem", password="")
    except FileNotFoundError:
        return None, "there is no privkey.pem"
    except (ssl.SSLError, OSError, ValueError) as error:
        return None, f"key and certificate are not a pair: {getattr(error, 'reason', None) or error}"
    return context, None


def _names(leaf: Any) -> tuple[str, ...]:
    from cryptography import x509

    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(names.get_values_for_type(x509.DNSName))


def _issuer(leaf: Any) -> str:
    from cryptography.x509.oid import NameOID

    for kind in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
        found = leaf.issuer.get_attributes_for_oid(kind)
        if found:
            return str(found[0].value)
    return str(leaf.issuer.rfc4514_string()) or "unknown"


def _key(leaf: Any) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    key = leaf.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ECDSA"
    return f"RSA {key.key_size}" if isinstance(key, rsa.RSAPublicKey) else type(key).__name__


def read_facts(paths: Paths, domain: str, authority: str, *, client: ssl.SSLContext) -> Facts | None:
    """Return the facts of a lineage, or None where there is no certificate that can be read.

    ``client`` (see ``trust``) is the view of a visitor; a self-signed certificate's chain is not judged.
    """
    from cryptography import x509

    directory = certificate_directory(paths, domain, authority)
    text = read_text(directory / "fullchain.pem")
    if text is None:
        return None
    try:
        leaf = x509.load_pem_x509_certificate(text.encode())
        names = _names(leaf)
    except ValueError:
        return None
    server, pair_problem = _pair(directory)
    selfsigned = authority == "selfsigned"
    renewal = None if selfsigned else read_text(paths.letsencrypt / "renewal" / f"{domain}.conf")
    not_before, not_after = validity(leaf)
    return Facts(
        names=names,
        not_before=not_before,
        not_after=not_after,
        issuer="self-signed" if selfsigned else _issuer(leaf),
        fingerprint=hashlib.sha256(ssl.PEM_cert_to_DER_cert(_first(text))).hexdigest(),
        key=_key(leaf),
        self_signed=leaf.issuer == leaf.subject,
        server=renewal_server(renewal or ""),
        pair_problem=pair_problem,
        chain_problem=None if selfsigned or server is None else chain_problem(server, client),
    )


def _first(text: str) -> str:
    end = "-----END CERTIFICATE-----"
    return text[text.index("-----BEGIN CERTIFICATE-----") : text.index(end) + len(end)]


def lineage_names(paths: Paths) -> dict[str, set[str]]:
    """Return what lies on disk: ``letsencrypt`` and ``selfsigned``, each with the domains of its lineages."""
    found: dict[str, set[str]] = {}
    for kind, top in (("letsencrypt", paths.letsencrypt / "live"), ("selfsigned", paths.selfsigned)):
        try:
            found[kind] = {entry.name for entry in top.iterdir() if entry.is_dir() and not entry.name.startswith(".")}
        except FileNotFoundError:
            found[kind] = set()
    return found


def _ask(domain: str, address: str, port: int, timeout: float) -> Served:
    from cryptography import x509

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((address, port), timeout=timeout) as plain,
            context.wrap_socket(plain, server_hostname=domain) as tls,
        ):
            der = tls.getpeercert(binary_form=True) or b""
    except ssl.SSLError as error:
        return Served(error=f"the proxy refuses this name: {error.reason or error}")
    except OSError as error:
        return Served(error=f"the proxy does not answer on {address}:{port}: {error.strerror or error}")
    leaf = x509.load_der_x509_certificate(der)
    return Served(hashlib.sha256(der).hexdigest(), validity(leaf)[1])


def served(
    domains: Iterable[str], *, address: str = "127.0.0.1", port: int = 443, timeout: float = 5.0
) -> dict[str, Served]:
    """Return what the proxy serves for each name, asked eight at a time with SNI."""
    wanted = list(domains)
    with ThreadPoolExecutor(max_workers=8) as pool:
        return dict(zip(wanted, pool.map(lambda name: _ask(name, address, port, timeout), wanted), strict=True))


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
