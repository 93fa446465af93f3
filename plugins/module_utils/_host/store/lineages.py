# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lineages on a host: which there are, all files that belong to one, and its removal.

A lineage is a certificate with its predecessors and its renewal settings, named after the domain of the site.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..machine.lock import LOCK_SECONDS, file_lock
from ..machine.walk import walk
from .layout import Paths

__all__ = ("Lineages", "certbot_lock", "lineage_remains", "read_lineages", "remove_lineage")


@dataclass(frozen=True)
class Lineages:
    """The domains with a lineage on the host: ``acme`` those of certbot, ``selfsigned`` those made without a CA."""

    acme: frozenset[str]
    selfsigned: frozenset[str]

    @property
    def domains(self) -> frozenset[str]:
        """Return the domains of both kinds."""
        return self.acme | self.selfsigned


def read_lineages(paths: Paths) -> Lineages:
    """Return the lineages that lie on disk."""
    return Lineages(_directories(paths.letsencrypt / "live"), _directories(paths.selfsigned))


def _directories(top: Path) -> frozenset[str]:
    try:
        return frozenset(entry.name for entry in top.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    except FileNotFoundError:
        return frozenset()


@contextmanager
def certbot_lock(paths: Paths, *, timeout: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the lock that each run of certbot takes (stacks/reverse-proxy/bin/certbot.sh).

    RefusedError with the field ``lock`` if certbot, or somebody else, still holds it after ``timeout`` seconds.
    Does nothing if certbot never ran on the host: then there is no lock file, and perhaps no directory for one.
    """
    if not paths.certbot_lock.exists():
        yield
        return
    with file_lock(paths.certbot_lock, name="certbot's lock", timeout=timeout):
        yield


def lineage_remains(paths: Paths, domain: str) -> list[str]:
    """Return the paths of everything that belongs to a domain's certificate, its record of failed attempts included."""
    return [str(part) for part in _parts(paths, domain)]


def remove_lineage(paths: Paths, domain: str) -> list[str]:
    """Remove a domain's certificate, its keys and what would renew it; returns the paths that were removed.

    Safe to interrupt: the next run removes what is left. The caller holds ``certbot_lock``.
    """
    removed = []
    for part in _parts(paths, domain):
        # Certbot's container can write below data/letsencrypt, and make a link of any directory there.
        top = next((each for each in (paths.letsencrypt, paths.selfsigned) if each in part.parents), part.parent)
        with walk(top) as tree:
            tree.remove(str(part.relative_to(top)))
        removed.append(str(part))
    return removed


def _parts(paths: Paths, domain: str) -> list[Path]:
    """Return all paths that are named after a lineage, in the order of removal: the renewal settings come first."""
    top, name = paths.letsencrypt, re.escape(domain)
    # certbot numbers a second lineage of the same name; VSA adds a time. A longer domain that begins with this one
    # must not match.
    patterns = (
        (top / "renewal", rf"{name}(-\d{{4}})?\.conf"),
        (top / "vsa-attempts", rf"{name}\.json"),
        (top / "live", rf"{name}(-\d{{4}})?"),
        (top / "archive", rf"{name}(-\d{{4}})?"),
        (top / "vsa-aside", rf"{name}\.\d+"),
        (paths.certs, rf"{name}\.yml"),
        (paths.selfsigned, name),
        (paths.selfsigned / ".pairs", rf"{name}\.(by-hand\.)?\d{{8}}T\d+"),
    )
    found: list[Path] = []
    for directory, pattern in patterns:
        try:
            entries = sorted(os.listdir(directory))
        except FileNotFoundError:
            continue
        found += [directory / entry for entry in entries if re.fullmatch(pattern, entry)]
    return found
