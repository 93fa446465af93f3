# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Self-signed pairs, for hosts without a CA: make one, and replace the previous one in one rename.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
import os
from pathlib import Path

from ..._core.libraries import library
from ..machine.files import fsync_directory, point_link, remove_tree
from ..store.certificates import set_directory_rights
from ..store.key_group import group_below

__all__ = ("LIFETIME", "make_pair")

# The longest lifetime that clients of all platforms accept for a certificate that a user trusts by hand.
# Source: https://support.apple.com/en-us/103769
LIFETIME = datetime.timedelta(days=825)


def make_pair(top: Path, names: tuple[str, ...], *, now: datetime.datetime) -> None:
    """Make a key and its certificate over ``names``, and put them live.

    ``<top>/<names[0]>`` is a symbolic link to the pair's directory. One rename replaces the link, so key and
    certificate change together, and a killed run leaves the previous pair in place.
    """
    store = top / ".pairs"
    group = group_below(top)
    for directory in (top, store):
        directory.mkdir(mode=0o700, exist_ok=True)
        set_directory_rights(directory, group=group)
    link = top / names[0]
    before = os.readlink(link) if link.is_symlink() else None
    fresh = store / f"{names[0]}.{now:%Y%m%dT%H%M%S%f}"
    fresh.mkdir(mode=0o700)
    try:
        set_directory_rights(fresh, group=group)
        certificate, key = _pair(names, now)
        _write(fresh / "fullchain.pem", certificate, group, 0o644)
        _write(fresh / "privkey.pem", key, group, 0o640)
        fsync_directory(fresh)
        _point(link, fresh, aside=store / f"{names[0]}.by-hand.{now:%Y%m%dT%H%M%S%f}")
    except BaseException:
        # No key stays that nothing uses.
        remove_tree(fresh)
        raise
    if before and before.startswith(".pairs/"):
        remove_tree(top / before)


def _point(link: Path, fresh: Path, *, aside: Path) -> None:
    """Let the link lead to a new pair. A directory in its place, which an operator made by hand, is moved aside."""
    by_hand = link.is_dir() and not link.is_symlink()
    if by_hand:
        os.rename(link, aside)
    try:
        point_link(link, f".pairs/{fresh.name}")
    except OSError:
        if by_hand:
            os.rename(aside, link)
        raise


def _pair(names: tuple[str, ...], now: datetime.datetime) -> tuple[bytes, bytes]:
    """Return certificate and key as PEM."""
    with library("cryptography"):
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    # A common name has at most 64 characters (RFC 5280, appendix A.1). Clients read only the alternative names.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


def _write(path: Path, data: bytes, group: int, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as stream:
        os.fchown(stream.fileno(), 0, group)
        os.fchmod(stream.fileno(), mode)
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
