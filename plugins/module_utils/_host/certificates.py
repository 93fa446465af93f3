# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate files of a site on this host: where they lie, and whether NGINX could serve them.

NGINX reads them by variable at the handshake, so its configuration test does not see them; this does, before staging.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from .files import read_text
from .paths import Paths
from .proof import leaf_fingerprint

if TYPE_CHECKING:
    from cryptography import x509

_BEGIN = "-----BEGIN CERTIFICATE-----"

__all__ = ("certificate_directory", "certificate_problem", "live_fingerprint", "validity")


def certificate_directory(paths: Paths, domain: str, authority: str) -> Path:
    """Return the directory of a site's fullchain.pem and privkey.pem."""
    return paths.selfsigned / domain if authority == "selfsigned" else paths.letsencrypt / "live" / domain


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


def certificate_problem(
    paths: Paths, domain: str, authority: str, *, now: datetime.datetime | None = None
) -> str | None:
    """Return why the pair on disk cannot be served, one line; None when it is there, matches and is in its time."""
    from cryptography import x509

    directory = certificate_directory(paths, domain, authority)
    chain = directory / "fullchain.pem"
    text = read_text(chain)
    if text is None:
        return "there is no fullchain.pem"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            chain,
            directory / "privkey.pem",
            password="",  # never asked for on a terminal; NGINX could not be told one either
        )
    except FileNotFoundError:
        return "there is no privkey.pem"
    except (ssl.SSLError, OSError) as error:
        return f"key and certificate are not a pair: {getattr(error, 'reason', None) or error}"
    try:
        leaf = x509.load_pem_x509_certificate(text.encode())
    except ValueError as error:
        return f"fullchain.pem is not a certificate: {error}"
    blocks = [f"{_BEGIN}{block}".encode() for block in text.split(_BEGIN)[1:]]
    if len(blocks) > 1:
        try:
            issuer = x509.load_pem_x509_certificate(blocks[1])
        except ValueError as error:
            return f"the chain is not whole: {error}"
        if leaf.issuer != issuer.subject:
            return "the second certificate of the chain is not the issuer of the first"
    moment = now or datetime.datetime.now(datetime.timezone.utc)
    start, end = validity(leaf)
    if moment > end:
        return f"it expired on {end:%Y-%m-%d}"
    if moment < start - datetime.timedelta(minutes=5):
        return f"it is valid only from {start:%Y-%m-%d} on"
    return None
