# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates that the proxy serves: asked for by TLS handshakes with SNI, and compared with those on disk.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ..._core.cert.status import Facts
from ..._core.errors import RefusedError
from ..._core.forms import SELFSIGNED
from ..._core.libraries import library
from ..._core.site.manifest import certificate_authority
from ..machine.tls import client_context, made_when_needed, offer_one_key_exchange, unverified_context
from ..store.certificates import validity
from ..store.host import Host

__all__ = (
    "MANY",
    "NEWER",
    "NOT_SERVED",
    "OLDER",
    "OTHER",
    "OTHER_CERTIFICATE_SERVED",
    "SAME",
    "SERVED_WITHIN",
    "ServedCertificate",
    "TlsProbe",
    "comparison",
    "probe_address",
    "served_certificates",
    "serves_lineage",
    "untrusted",
    "wait_until_served",
)

# How the served certificate compares with the one on disk.
SAME, OLDER, NEWER, OTHER, NOT_SERVED = "same", "older", "newer", "other", "none"
OTHER_CERTIFICATE_SERVED = "the proxy serves another certificate than the one on disk"

# The longest time until the proxy serves a renewed certificate. The reloader looks every two seconds, but reloads
# once a minute at the most; NGINX keeps a certificate in its own cache for 30 seconds.
SERVED_WITHIN = 40.0
# Each worker has a cache of its own, and nobody can choose the worker that answers: so many answers in a row count.
_IN_A_ROW = 6
_POLL_SECONDS = 0.3

_LOOPBACK = "127.0.0.1"
_TIMEOUT = 5.0
_AT_ONCE = 8

MANY = 32
"""From this many names on, it pays to look for a faster address than loopback."""


@dataclass(frozen=True)
class ServedCertificate:
    """What the proxy served for a name: the SHA-256 and the end of the certificate, or ``error`` if it served none.

    ``chain_problem`` says why a visitor would not trust the certificate, if the probe verified the chain.
    """

    fingerprint: str | None = None
    not_after: datetime.datetime | None = None
    error: str | None = None
    chain_problem: str | None = None


def untrusted(error: ssl.SSLCertVerificationError) -> str:
    """Return the problem of a certificate that a client does not trust."""
    return f"clients will not trust it: {error.verify_message}"


class TlsProbe:
    """Asks the proxy by TLS handshakes which certificate it serves for a name.

    With ``verify`` the answers also say whether a visitor trusts the chain: one who trusts ``ca_bundle`` as well.
    """

    def __init__(
        self, *, verify: bool = False, ca_bundle: str | None = None, address: str = _LOOPBACK, port: int = 443
    ) -> None:
        self._target = (address, port)
        self._unverified = unverified_context()

        def make() -> ssl.SSLContext:
            return client_context(ca_bundle, check_name=False) if verify else unverified_context()

        self._fast = offer_one_key_exchange(make())
        self._complete = made_when_needed(make)

    def ask(self, domains: Iterable[str]) -> dict[str, ServedCertificate]:
        """Return what the proxy serves for each name; asks for eight names at a time."""
        names = list(domains)
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            return dict(zip(names, pool.map(self._ask, names), strict=True))

    def _ask(self, domain: str) -> ServedCertificate:
        try:
            return self._verified(domain)
        except ssl.SSLError as error:
            return ServedCertificate(error=f"the proxy refuses this name: {error.reason or error}")
        except OSError as error:
            address, port = self._target
            return ServedCertificate(error=f"the proxy does not answer on {address}:{port}: {error.strerror or error}")

    def _verified(self, domain: str) -> ServedCertificate:
        try:
            return self._negotiate(domain)
        except ssl.SSLCertVerificationError as error:
            # Asked once more without verification, to learn which certificate it is.
            found = self._handshake(domain, self._unverified)
            return dataclasses.replace(found, chain_problem=untrusted(error))

    def _negotiate(self, domain: str) -> ServedCertificate:
        """Do the handshake with the fast context; with the complete one if the proxy does not accept the first."""
        try:
            return self._handshake(domain, self._fast)
        except ssl.SSLCertVerificationError:
            raise
        except ssl.SSLError:
            return self._handshake(domain, self._complete())

    def _handshake(self, domain: str, context: ssl.SSLContext) -> ServedCertificate:
        with library("cryptography"):
            from cryptography import x509

        with (
            socket.create_connection(self._target, timeout=_TIMEOUT) as plain,
            context.wrap_socket(plain, server_hostname=domain) as tls,
        ):
            der = tls.getpeercert(binary_form=True) or b""
        _start, end = validity(x509.load_der_x509_certificate(der))
        return ServedCertificate(hashlib.sha256(der).hexdigest(), end)


def probe_address(names: int, *, port: int = 443) -> str:
    """Return the address of this host at which to ask the proxy about so many names.

    On loopback each byte passes through docker-proxy, which takes a third of the time of a handshake. The kernel itself
    forwards to the other addresses of the host, as it does for visitors. Loopback serves for a few names, and if the
    proxy does not answer on the other address.
    """
    if names < MANY:
        return _LOOPBACK
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            # Sends nothing: it makes the kernel choose the source address (RFC 5737 reserves the target).
            probe.connect(("192.0.2.1", 9))
            address = str(probe.getsockname()[0])
        socket.create_connection((address, port), timeout=1.0).close()
    except OSError:
        return _LOOPBACK
    return address


def served_certificates(domains: Iterable[str], *, port: int = 443) -> dict[str, ServedCertificate]:
    """Return what the proxy serves for each name, without a check of the chains."""
    names = list(domains)
    return TlsProbe(address=probe_address(len(names), port=port), port=port).ask(names)


def comparison(facts: Facts | None, answer: ServedCertificate | None) -> str | None:
    """Compare the served certificate with the one on disk: SAME, OLDER, NEWER, OTHER or NOT_SERVED.

    None if nobody asked the proxy.
    """
    if answer is None:
        return None
    if answer.fingerprint is None or answer.not_after is None:
        return NOT_SERVED
    if facts is None:
        return OTHER
    if answer.fingerprint == facts.fingerprint:
        return SAME
    if answer.not_after == facts.not_after:
        return OTHER
    return OLDER if answer.not_after < facts.not_after else NEWER


def serves_lineage(host: Host, domain: str, authority: str) -> bool:
    """Return whether the host has a site of this name that uses the lineage: one of the same kind of CA."""
    try:
        site = host.site(domain)
    except RefusedError:
        return False
    if site is None:
        return False
    used = certificate_authority(site, host.settings)
    return (used == SELFSIGNED) == (authority == SELFSIGNED)


def wait_until_served(
    fingerprints: Mapping[str, str], *, seconds: float = SERVED_WITHIN, port: int = 443
) -> dict[str, str]:
    """Wait until the proxy serves the certificates with these fingerprints, by domain.

    Returns a message for each domain whose certificate the proxy does not serve in the end. A name for which the proxy
    serves no certificate at all counts as done: no visitor sees an old one.
    """
    missing = dict(fingerprints)
    in_a_row = dict.fromkeys(fingerprints, 0)
    deadline = time.monotonic() + seconds
    while True:
        answers = served_certificates(missing, port=port)
        for name, fingerprint in missing.items():
            if answers[name].fingerprint in (None, fingerprint):
                in_a_row[name] += 1
            else:
                in_a_row[name] = 0
        missing = {name: fingerprint for name, fingerprint in missing.items() if in_a_row[name] < _IN_A_ROW}
        if not missing or time.monotonic() > deadline:
            break
        time.sleep(_POLL_SECONDS)
    message = f"after {seconds:.0f} s the proxy still serves the previous certificate: docker logs vsa-nginx"
    return dict.fromkeys(missing, message)
