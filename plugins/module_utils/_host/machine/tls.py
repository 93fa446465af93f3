# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS contexts of a client: one that verifies as a visitor's browser does, and one that verifies nothing.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

__all__ = ("client_context", "made_when_needed", "offer_one_key_exchange", "unverified_context")


def client_context(ca_bundle: Path | str | None = None, *, check_name: bool = True) -> ssl.SSLContext:
    """Return a context that trusts the host's roots, and those in ``ca_bundle`` if that file exists.

    With ``check_name`` the context also compares the server's name with the certificate.
    """
    context = ssl.create_default_context()
    context.check_hostname = check_name
    # Python 3.13 sets this flag. Browsers do not check as strictly: a private CA may well lack a key identifier.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if ca_bundle and Path(ca_bundle).is_file():
        context.load_verify_locations(cafile=str(ca_bundle))
    return context


def unverified_context() -> ssl.SSLContext:
    """Return a context that accepts any certificate: the caller looks at the certificate itself, or at its date."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def offer_one_key_exchange(context: ssl.SSLContext) -> ssl.SSLContext:
    """Make a context offer X25519 only, which all but few servers accept; returns the context.

    OpenSSL 3.5 and later also make a post-quantum key for each handshake. That takes a fifth of a client's time.
    """
    with contextlib.suppress(ValueError, ssl.SSLError):  # a policy of the host may forbid the choice
        context.set_ecdh_curve("X25519")
    return context


def made_when_needed(make: Callable[[], ssl.SSLContext]) -> Callable[[], ssl.SSLContext]:
    """Return a function that returns a context, which the first call makes. Several threads may call it.

    A context that trusts the host's roots reads all of them, which takes 10 to 20 ms.
    """
    lock = threading.Lock()
    made: list[ssl.SSLContext] = []

    def context() -> ssl.SSLContext:
        with lock:
            if not made:
                made.append(make())
            return made[0]

    return context
