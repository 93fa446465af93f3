# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether visitors trust the chain of a certificate on disk.

A TLS handshake in memory verifies the chain: by the OpenSSL rules of a real client, and without a network.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import ssl

from ..._core.forms import SELFSIGNED
from ..store.certificates import Reading, certificate_directory, load_pair, read_pair
from ..store.layout import Paths
from .served import ServedCertificate, untrusted

__all__ = ("chain_problem", "read_lineage")

# Both sides finish TLS 1.3 within three rounds, however the messages are split.
_ROUNDS = 5


def chain_problem(server: ssl.SSLContext, client: ssl.SSLContext) -> str | None:
    """Return why ``client`` would not trust the certificate of ``server``; None if it would."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server, server_hostname="chain.invalid")
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    for _round in range(_ROUNDS):
        done = 0
        for side in (asking, answering):
            try:
                side.do_handshake()
                done += 1
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return untrusted(error)
            except ssl.SSLError as error:
                return f"it cannot be served: {error.reason or error}"
        if done == 2:
            return None
    return "it cannot be served: the handshake did not end"


def read_lineage(
    paths: Paths, domain: str, authority: str, *, client: ssl.SSLContext, answer: ServedCertificate | None = None
) -> Reading:
    """Read the files of a lineage, and check whether ``client`` trusts the chain.

    The chain of a self-signed certificate is not checked. ``answer`` is what the proxy served for this name, if
    somebody asked with verification: for the same certificate, its result is taken instead of a second handshake.
    """
    reading = read_pair(paths, domain, authority)
    facts = reading.facts
    if facts is None or facts.pair_problem or authority == SELFSIGNED:
        return reading
    if answer is not None and answer.fingerprint == facts.fingerprint:
        return Reading(dataclasses.replace(facts, chain_problem=answer.chain_problem))
    context, problem = load_pair(certificate_directory(paths, domain, authority))
    if context is None:
        return Reading(dataclasses.replace(facts, pair_problem=problem))
    return Reading(dataclasses.replace(facts, chain_problem=chain_problem(context, client)))
