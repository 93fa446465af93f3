# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates that the proxy of this host serves: asked for on loopback, only for the names in the snapshot.

Each name is asked every ten minutes, and at once after its files or its site changed. So that no beat asks for 500
names, a few come due with each beat.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ...._core.agent.beat import ABSENT, FAILED, INTERVAL, OK, Reading, section_of
from ...._core.cert.der import issuer_and_end
from ...._core.times import rfc3339
from ...machine.tls import offer_one_key_exchange, unverified_context
from ..clock import Clock, stamp
from ..kept import Kept, most_due
from ..places import AgentPlaces

__all__ = ("ask_proxy", "served_section")

_EVERY = 600.0
_LOOPBACK = ("127.0.0.1", 443)
_SECONDS = 5.0
_AT_ONCE = 8

Ask = Callable[[str], Mapping[str, Any]]


def ask_proxy(domain: str, *, target: tuple[str, int] = _LOOPBACK) -> dict[str, Any]:
    """Return what the proxy serves for a name, without a check of the chain: the hub compares it with the file."""
    answer: dict[str, Any] = {"fingerprint": None, "not_after": None, "issuer": None, "error": None}
    try:
        context = offer_one_key_exchange(unverified_context())
        with (
            socket.create_connection(target, timeout=_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=domain) as tls,
        ):
            certificate = tls.getpeercert(binary_form=True) or b""
        issuer, end = issuer_and_end(certificate)
    except ssl.SSLError as error:
        return {**answer, "error": f"the proxy refuses this name: {error.reason or error}"}
    except OSError as error:
        return {**answer, "error": f"the proxy does not answer: {error.strerror or error}"}
    except ValueError as error:
        return {**answer, "error": f"the proxy serves no certificate that can be read: {error}"}
    return {
        **answer,
        "fingerprint": hashlib.sha256(certificate).hexdigest(),
        "not_after": rfc3339(end),
        "issuer": issuer,
    }


def served_section(
    snapshot: Mapping[str, Any], places: AgentPlaces, clock: Clock, *, ask: Ask = ask_proxy
) -> dict[str, Any]:
    """Return the section ``served``: kept answers, and new ones for the names that are due."""
    sections = snapshot["sections"]
    domains = sections.get("domains") or {}
    at = stamp(clock.now())
    if domains.get("status") == ABSENT:
        return section_of("served", Reading(ABSENT, at))
    if domains.get("status") != OK:
        return section_of("served", Reading(FAILED, at, error="the names are not known: the sites could not be read"))
    stamps = _stamps(domains["rows"], (sections.get("certificates") or {}).get("rows") or ())
    path = places.state_in_memory.with_name("served.json")
    known = _read(path)
    kept = Kept(known, now=clock.since_boot())

    def asked(names: Sequence[str]) -> dict[str, dict[str, Any]]:
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            answers = zip(names, pool.map(ask, names), strict=True)
            return {name: {"domain": name, "at": stamp(clock.now()), **answer} for name, answer in answers}

    # Early enough that the last of those that come due is asked in time.
    beats = math.ceil(len(stamps) / most_due(len(stamps)))
    rows = kept.rows("served", stamps, asked, every=max(0.0, _EVERY - INTERVAL * beats))
    if kept.as_json() != known:
        _write(path, kept.as_json())
    return section_of("served", Reading(OK, at, rows))


def _stamps(sites: Sequence[Mapping[str, Any]], certificates: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return what changes if a site or the file of its certificate changes, by domain."""
    files = {row["name"]: row.get("fingerprint") for row in certificates}
    return {
        row["domain"]: [(row.get("last_change") or {}).get("at"), files.get(row["domain"])]
        for row in sites
        if isinstance(row.get("last_change"), dict)  # a site that was never live has no server block
    }


def _read(path: os.PathLike[str]) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as stream:
            data = json.load(stream)
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _write(path: os.PathLike[str], kept: Mapping[str, Any]) -> None:
    """Keep the answers on the tmpfs. An error is no matter: the names are asked again."""
    draft = f"{os.fspath(path)}.new"
    try:
        with open(draft, "w", encoding="utf-8") as stream:
            stream.write(json.dumps(kept))
        os.replace(draft, path)
    except OSError:
        return
