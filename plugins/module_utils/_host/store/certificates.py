# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate files of a site: where they lie, what they say, who may read them, and whether NGINX can serve them.

NGINX takes the file names from a variable and reads the files at the handshake, so ``nginx -t`` does not check them.
``certificate_problem`` does, before a generation is staged.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import base64
import datetime
import functools
import hashlib
import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..._core.cert.status import UNUSABLE, Facts, judge, renewal_server
from ..._core.errors import RefusedError
from ..._core.forms import SELFSIGNED
from ..._core.libraries import library
from ..._core.words import Words
from ..machine.clock import time_now
from ..machine.files import read_bytes, read_text
from ..machine.walk import walk
from .key_group import group_below
from .layout import Paths

if TYPE_CHECKING:
    from cryptography import x509

__all__ = (
    "Reading",
    "certificate_directory",
    "certificate_problem",
    "certificate_top",
    "leaf_fingerprint",
    "live_fingerprint",
    "load_pair",
    "read_pair",
    "set_directory_rights",
    "set_rights",
    "validity",
    "wrong_rights",
)

_BEGIN = "-----BEGIN CERTIFICATE-----"
_END = "-----END CERTIFICATE-----"

_DIRECTORY_MODE = 0o750
_FILE_MODES = (("fullchain.pem", 0o644), ("privkey.pem", 0o640))


@dataclass(frozen=True)
class Reading:
    """What the files of a lineage say. ``facts`` is None without a whole certificate; ``unreadable`` then says why."""

    facts: Facts | None = None
    unreadable: str | None = None


# Where the files lie


def certificate_top(paths: Paths, authority: str) -> Path:
    """Return the directory of all certificates of a kind: of certbot, or self-signed."""
    return paths.selfsigned if authority == SELFSIGNED else paths.letsencrypt


def certificate_directory(paths: Paths, domain: str, authority: str) -> Path:
    """Return the directory of a site's fullchain.pem and privkey.pem."""
    return paths.selfsigned / domain if authority == SELFSIGNED else paths.letsencrypt / "live" / domain


# What they say


def leaf_fingerprint(pem: str) -> str | None:
    """Return the SHA-256 of the first certificate of a PEM text; None without a whole certificate."""
    start = pem.find(_BEGIN)
    stop = pem.find(_END, start)
    if start < 0 or stop < 0:
        return None
    try:
        content = ssl.PEM_cert_to_DER_cert(pem[start : stop + len(_END)])
    except ValueError:
        return None
    return hashlib.sha256(content).hexdigest() if content else None


def live_fingerprint(paths: Paths, domain: str, authority: str) -> str | None:
    """Return the SHA-256 of a site's certificate on disk; None without one."""
    return leaf_fingerprint(read_text(certificate_directory(paths, domain, authority) / "fullchain.pem") or "")


def validity(certificate: x509.Certificate) -> tuple[datetime.datetime, datetime.datetime]:
    """Return the first and the last moment of a certificate, in UTC.

    Debian 12 has cryptography 38, which has only the older names, for times in UTC without a zone.
    """
    start = getattr(certificate, "not_valid_before_utc", None) or certificate.not_valid_before
    end = getattr(certificate, "not_valid_after_utc", None) or certificate.not_valid_after
    utc = datetime.timezone.utc
    return start.replace(tzinfo=utc), end.replace(tzinfo=utc)


def load_pair(directory: Path) -> tuple[ssl.SSLContext | None, str | None]:
    """Return a server's TLS context with the pair in a directory, or None and why OpenSSL does not load the pair."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Without a password here, OpenSSL would ask for that of an encrypted key on the terminal.
        context.load_cert_chain(directory / "fullchain.pem", directory / "privkey.pem", password="")
    except FileNotFoundError:
        return None, "there is no privkey.pem"
    except (ssl.SSLError, OSError, ValueError) as error:
        return None, f"key and certificate are not a pair: {getattr(error, 'reason', None) or error}"
    return context, None


def read_pair(paths: Paths, domain: str, authority: str) -> Reading:
    """Read the files of a lineage. Everything is checked but whether clients trust the chain."""
    with library("cryptography"):
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
    # cryptography parses these anew at each access.
    public_key, issuer = leaf.public_key(), leaf.issuer
    selfsigned = authority == SELFSIGNED
    renewal = None if selfsigned else read_text(f"{paths.letsencrypt}/renewal/{domain}.conf")
    not_before, not_after = validity(leaf)
    facts = Facts(
        names=names,
        not_before=not_before,
        not_after=not_after,
        issuer="self-signed" if selfsigned else Words("the CA", _issuer(issuer)).shown,
        fingerprint=leaf_fingerprint(text) or "",
        key=_key(public_key),
        self_signed=issuer == leaf.subject,
        server=renewal_server(renewal or ""),
        pair_problem=_pair_problem(directory, public_key) or _link_problem(issuer, text),
        ari_id=None if selfsigned else _ari_id(leaf),
    )
    return Reading(facts)


def _names(leaf: Any) -> tuple[str, ...]:
    with library("cryptography"):
        from cryptography import x509

    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(names.get_values_for_type(x509.DNSName))


def _issuer(issuer: Any) -> str:
    with library("cryptography"):
        from cryptography.x509.oid import NameOID

    for kind in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
        found = issuer.get_attributes_for_oid(kind)
        if found:
            return str(found[0].value)
    return str(issuer.rfc4514_string()) or "unknown"


def _key(key: Any) -> str:
    with library("cryptography"):
        from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ECDSA"
    return f"RSA {key.key_size}" if isinstance(key, rsa.RSAPublicKey) else type(key).__name__


def _ari_id(leaf: Any) -> str | None:
    """Return a certificate's identifier in renewal information (RFC 9773, section 4.1); None if no CA issued it."""
    with library("cryptography"):
        from cryptography import x509

    try:
        issuer = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return None
    if not issuer:
        return None
    number = leaf.serial_number
    # As in DER: a leading zero byte if the first bit is set.
    serial = number.to_bytes(number.bit_length() // 8 + 1, "big")
    parts = [base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (issuer, serial)]
    return ".".join(parts)


def _pair_problem(directory: Path, public_key: Any) -> str | None:
    """Return why key and certificate of a directory are not a pair; None if they are.

    OpenSSL's own check takes ten times as long, so it runs only for its message, after this check has failed.
    """
    with library("cryptography"):
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization

    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    try:
        key = serialization.load_pem_private_key(read_bytes(f"{directory}/privkey.pem") or b"", None)
        if key.public_key().public_bytes(*form) == public_key.public_bytes(*form):
            return None
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        pass  # load_pair finds the same problem and has OpenSSL's message for it
    _context, problem = load_pair(directory)
    return problem


def _link_problem(issuer: Any, text: str) -> str | None:
    """Return why the second certificate of a chain did not issue the first one; None if it did or if there is none."""
    second = text.find(_BEGIN, text.index(_BEGIN) + len(_BEGIN))
    if second < 0:
        return None
    try:
        subject = _next_subject(text[second:])
    except ValueError as error:
        return f"the chain is not whole: {error}"
    return None if issuer == subject else "the second certificate of the chain is not the first one's issuer"


@functools.lru_cache(maxsize=32)  # many lineages have the same issuers
def _next_subject(rest: str) -> Any:
    """Return the subject of the first certificate in the rest of a chain. ValueError if a part is no certificate."""
    with library("cryptography"):
        from cryptography import x509

    blocks = [f"{_BEGIN}{block}".encode() for block in rest.split(_BEGIN)[1:]]
    issuer, *_others = [x509.load_pem_x509_certificate(block) for block in blocks]
    return issuer.subject


def certificate_problem(
    paths: Paths, domain: str, authority: str, *, now: datetime.datetime | None = None
) -> str | None:
    """Return in one line why NGINX cannot serve the pair on disk; None if it is there, matches and is valid now."""
    reading = read_pair(paths, domain, authority)
    status = judge(reading.facts, names=(), now=now or time_now(), unreadable=reading.unreadable)
    return status.problem if status.state in UNUSABLE else None


# Who may read them


def wrong_rights(paths: Paths, domain: str, authority: str) -> list[tuple[Path, int]]:
    """Return the paths with a wrong owner, group or mode, each with the right mode.

    With the right ones NGINX's workers can read the pair of a domain, and nobody else can read its key.
    """
    top = certificate_top(paths, authority)
    directory = certificate_directory(paths, domain, authority)
    modes = dict.fromkeys((top, directory.parent, directory), _DIRECTORY_MODE)
    for name, mode in _FILE_MODES:
        file = (directory / name).resolve()
        # A restored link may lead out of the tree. It is left alone: NGINX in its container cannot follow it.
        if top.resolve() in file.parents and file.exists():
            modes[file] = mode
            modes.update({parent: _DIRECTORY_MODE for parent in file.parents if top.resolve() in parent.parents})
    group = group_below(top)
    return [(path, mode) for path, mode in modes.items() if not _has_rights(path, group, mode)]


def _has_rights(path: Path, group: int, mode: int) -> bool:
    found = path.stat()
    return (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (0, group, mode)


def set_rights(paths: Paths, domain: str, authority: str) -> bool:
    """Correct what ``wrong_rights`` finds. Returns whether anything was changed.

    Certbot's container can write there, so each path is walked again without following a link: RefusedError at one.
    """
    wrong = wrong_rights(paths, domain, authority)
    if not wrong:
        return False
    top = certificate_top(paths, authority).resolve()
    group = group_below(top)
    with walk(top) as tree:
        for path, mode in wrong:
            # The directory of a self-signed pair is a link to the newest pair.
            real = path.resolve()
            if real != top and top not in real.parents:
                raise RefusedError(f"{path} leads out of {top}", field="path", value=str(path))
            tree.give(str(real.relative_to(top)), owner=0, group=group, mode=mode)
    return True


def set_directory_rights(directory: Path, *, group: int) -> None:
    """Let root and the group of NGINX's workers into a directory, and nobody else."""
    os.chown(directory, 0, group)
    os.chmod(directory, _DIRECTORY_MODE)
