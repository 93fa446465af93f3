# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate files of a site on this host: where they lie, and whether NGINX could serve them.

NGINX reads them by variable at the handshake, so its configuration test does not see them; this does, before staging.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import base64
import datetime
import functools
import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..._core.cert.status import Facts, judge, renewal_server
from ..machine.files import read_bytes, read_text
from .layout import Paths

if TYPE_CHECKING:
    from cryptography import x509

_BEGIN = "-----BEGIN CERTIFICATE-----"
_END = "-----END CERTIFICATE-----"

__all__ = (
    "Reading",
    "certificate_directory",
    "certificate_problem",
    "leaf_fingerprint",
    "live_fingerprint",
    "load_pair",
    "read_pair",
    "validity",
)


@dataclass(frozen=True)
class Reading:
    """What a lineage's files say: ``facts``, or None where there is no certificate, or ``unreadable`` says why not."""

    facts: Facts | None = None
    unreadable: str | None = None


def certificate_directory(paths: Paths, domain: str, authority: str) -> Path:
    """Return the directory of a site's fullchain.pem and privkey.pem."""
    return paths.selfsigned / domain if authority == "selfsigned" else paths.letsencrypt / "live" / domain


def leaf_fingerprint(pem: str) -> str | None:
    """Return the SHA-256 of the first certificate of a PEM text, or None where there is none that is whole."""
    end = "-----END CERTIFICATE-----"
    start = pem.find("-----BEGIN CERTIFICATE-----")
    stop = pem.find(end)
    if start < 0 or stop < start:
        return None
    try:
        content = ssl.PEM_cert_to_DER_cert(pem[start : stop + len(end)])
    except ValueError:
        return None
    return hashlib.sha256(content).hexdigest() if content else None


def live_fingerprint(paths: Paths, domain: str, authority: str) -> str | None:
    """Return the SHA-256 of the certificate on disk, or None where there is none."""
    return leaf_fingerprint(read_text(certificate_directory(paths, domain, authority) / "fullchain.pem") or "")


def validity(certificate: x509.Certificate) -> tuple[datetime.datetime, datetime.datetime]:
    """Return the first and the last moment of a certificate, in UTC.

    Debian 12 has cryptography 38, which lacks the names that come with a zone; the older ones mean UTC.
    """
    start = getattr(certificate, "not_valid_before_utc", None) or certificate.not_valid_before
    end = getattr(certificate, "not_valid_after_utc", None) or certificate.not_valid_after
    utc = datetime.timezone.utc
    return start.replace(tzinfo=utc), end.replace(tzinfo=utc)


def load_pair(directory: Path) -> tuple[ssl.SSLContext | None, str | None]:
    """Return a server's context with the pair of a directory, or why there can be none."""
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


def _issuer(issuer: Any) -> str:
    from cryptography.x509.oid import NameOID

    for kind in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
        found = issuer.get_attributes_for_oid(kind)
        if found:
            return str(found[0].value)
    return str(issuer.rfc4514_string()) or "unknown"


def _key(key: Any) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ECDSA"
    return f"RSA {key.key_size}" if isinstance(key, rsa.RSAPublicKey) else type(key).__name__


def _ari_id(leaf: Any) -> str | None:
    """Return a certificate's name in renewal information (RFC 9773, section 4.1), or None for one of no CA."""
    from cryptography import x509

    try:
        issuer = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return None
    number = leaf.serial_number
    serial = number.to_bytes(number.bit_length() // 8 + 1, "big")  # DER: a leading zero where the first bit is set
    parts = [base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (issuer or b"", serial)]
    return ".".join(parts) if issuer else None


def _pair_problem(directory: Path, public_key: Any) -> str | None:
    """Return why key and certificate of a directory are not a pair, or None.

    OpenSSL's own check takes ten times as long; it is asked for its words where something is wrong.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    try:
        key = serialization.load_pem_private_key(read_bytes(f"{directory}/privkey.pem") or b"", None)
        if key.public_key().public_bytes(*form) == public_key.public_bytes(*form):
            return None
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        pass  # load_pair says it in OpenSSL's words
    _context, problem = load_pair(directory)
    return problem


@functools.lru_cache(maxsize=32)
def _next_subject(rest: str) -> Any:
    """Return whose certificate comes second in a chain; many lineages share it. ValueError where it is none."""
    from cryptography import x509

    blocks = [f"{_BEGIN}{block}".encode() for block in rest.split(_BEGIN)[1:]]
    issuer, *_others = [x509.load_pem_x509_certificate(block) for block in blocks]
    return issuer.subject


def _link_problem(issuer: Any, text: str) -> str | None:
    """Return why the second certificate of a chain is not that of the first one's issuer, or None."""
    second = text.find(_BEGIN, text.index(_BEGIN) + len(_BEGIN))
    if second < 0:
        return None
    try:
        subject = _next_subject(text[second:])
    except ValueError as error:
        return f"the chain is not whole: {error}"
    return None if issuer == subject else "the second certificate of the chain is not the first one's issuer"


def read_pair(paths: Paths, domain: str, authority: str) -> Reading:
    """Return what a lineage's files say, all of it but whether clients trust the chain."""
    from cryptography import x509

    directory = certificate_directory(paths, domain, authority)
    try:
        text = read_text(f"{directory}/fullchain.pem")
    except (UnicodeDecodeError, OSError) as error:
        return Reading(unreadable=f"fullchain.pem cannot be read: {error}")
    if text is None:
        return Reading()
    try:
        leaf = x509.load_pem_x509_certificate(text.encode())
        names = _names(leaf)
    except ValueError:
        return Reading(unreadable="fullchain.pem is not a certificate, or not a whole one")
    public_key, issuer = leaf.public_key(), leaf.issuer
    problem = _pair_problem(directory, public_key)
    selfsigned = authority == "selfsigned"
    renewal = None if selfsigned else read_text(f"{paths.letsencrypt}/renewal/{domain}.conf")
    not_before, not_after = validity(leaf)
    begin = text.index(_BEGIN)
    facts = Facts(
        names=names,
        not_before=not_before,
        not_after=not_after,
        issuer="self-signed" if selfsigned else _issuer(issuer),
        fingerprint=hashlib.sha256(
            ssl.PEM_cert_to_DER_cert(text[begin : text.index(_END, begin) + len(_END)])
        ).hexdigest(),
        key=_key(public_key),
        self_signed=issuer == leaf.subject,
        server=renewal_server(renewal or ""),
        pair_problem=problem or _link_problem(issuer, text),
        ari_id=None if selfsigned else _ari_id(leaf),
    )
    return Reading(facts)


def certificate_problem(
    paths: Paths, domain: str, authority: str, *, now: datetime.datetime | None = None
) -> str | None:
    """Return why the pair on disk cannot be served, one line; None when it is there, matches and is in its time."""
    reading = read_pair(paths, domain, authority)
    moment = now or datetime.datetime.now(datetime.timezone.utc)
    verdict = judge(reading.facts, names=(), now=moment, unreadable=reading.unreadable)
    return verdict.problem if verdict.state in ("missing", "mismatch", "expired") else None
