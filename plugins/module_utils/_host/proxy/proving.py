# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prove a generation: the changed sites are served, the removed ones are not, and protected paths ask for a password.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..._core.settings import Settings
from ..store.certificates import certificate_problem, live_fingerprint
from ..store.generations import Record
from ..store.layout import Paths
from ..store.settings import read_settings
from .values import Outcome

if TYPE_CHECKING:
    from .protocols import ProxyNginx

__all__ = ("neighbours_serving", "newly_closed", "prove_generation", "still_silent")

# How many neighbours of a removed site are asked, before and after the change: each costs two handshakes.
_MOST_NEIGHBOURS = 50
# How long a site has until NGINX has resolved the name of its container again.
_WATCH_SECONDS = 10.0
_PAUSE_SECONDS = 0.2

_Index = Mapping[str, Mapping[str, Any]]


def neighbours_serving(nginx: ProxyNginx, record: Record, base: Record | None = None) -> list[str]:
    """Return sites that serve now and that a removal must not hurt; if there are many, every n-th of them.

    ``base`` is the record of the generation that is asked.
    """
    if not record.removed or nginx.master() is None:
        return []
    others = [domain for domain in sorted(record.sites) if domain not in record.changed]
    interval = max(1, -(-len(others) // _MOST_NEIGHBOURS))
    marker = (base or record).marker
    return nginx.serving(others[::interval], marker=marker, generation=record.base, sites=record.sites)


def newly_closed(record: Record, base: Record | None) -> bool:
    """Say whether a path asks for a password now that did not before."""
    for domain in record.changed:
        before = base.sites.get(domain, {}) if base else {}
        if set(record.sites[domain].get("closed") or ()) - set(before.get("closed") or ()):
            return True
    return False


def prove_generation(
    paths: Paths,
    nginx: ProxyNginx,
    record: Record,
    base: Record | None,
    outcome: Outcome,
    *,
    certificates: Mapping[str, str | None],
    settings: Settings | None,
) -> list[str]:
    """Prove a generation that NGINX serves now. Returns what is wrong, empty if all is right.

    ``certificates`` maps sites whose certificate was checked already to what is wrong with it. A site whose certificate
    cannot be served is not proven; ``outcome`` gets a note. ``outcome`` also names the neighbours to ask, and it gets
    the answers of the backends. ``settings`` may be None: then they are read if a backend has to be asked.
    """
    fingerprints = _fingerprints(paths, record, outcome, certificates)
    proof: dict[str, Any] = {"marker": record.marker, "generation": record.number, "sites": record.sites}
    problems = nginx.prove_sites(fingerprints, **proof)
    problems += nginx.prove_refused(_released_names(record, base))
    problems += nginx.prove_sites(dict.fromkeys(outcome.neighbours), **proof)
    problems += nginx.prove_closed(_closed_paths(record, fingerprints))
    if problems:
        return problems
    for domain in record.answering:
        answer = nginx.fetch(domain, record.sites[domain], settings=settings or read_settings(paths))
        outcome.answers[domain] = answer
        if answer.silent:
            said = f"does not answer ({answer.error})" if answer.status is None else f"answers {answer.status}"
            return [f"https://{domain}/ {said}, and it answered before the change"]
    return []


def still_silent(
    nginx: ProxyNginx, watched: Sequence[str], sites: _Index, *, clock: Callable[[], float] = time.monotonic
) -> list[str]:
    """Return the watched sites that do not answer, even after NGINX had the time to find their containers."""
    silent = list(watched)
    deadline = clock() + _WATCH_SECONDS
    while silent:
        answering = nginx.answering({domain: sites[domain] for domain in silent})
        silent = [domain for domain in silent if domain not in answering]
        if clock() > deadline:
            break
        if silent:
            time.sleep(_PAUSE_SECONDS)
    return silent


def _fingerprints(
    paths: Paths, record: Record, outcome: Outcome, certificates: Mapping[str, str | None]
) -> dict[str, str | None]:
    """Return the certificate's fingerprint of each changed site that can be proven."""
    found = {}
    for domain in record.changed:
        authority = record.sites[domain]["ca"]
        problem = certificates.get(domain)
        if domain not in certificates:
            problem = certificate_problem(paths, domain, authority)
        if problem:
            outcome.notes.append(f"{domain} is not proven: {problem}")
        else:
            found[domain] = live_fingerprint(paths, domain, authority)
    return found


def _released_names(record: Record, base: Record | None) -> list[str]:
    """Return the names of removed sites that no other site has taken over."""
    before: _Index = base.sites if base else {}
    claimed = {name for entry in record.sites.values() for name in entry["names"]}
    released = []
    for domain in record.removed:
        names = before.get(domain, {}).get("names", [domain])
        released += [name for name in names if name not in claimed]
    return released


def _closed_paths(record: Record, proven: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return (name, path) of every path that must ask for a password, of the changed sites that can be proven."""
    found = []
    for domain in record.changed:
        if domain in proven:
            entry = record.sites[domain]
            found += [(entry.get("served", domain), path) for path in entry.get("closed") or ()]
    return found
