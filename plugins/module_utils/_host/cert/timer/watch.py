# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The renewal that needs no controller: renew what is due, and send an alert for certificates that are still late.

A timer of the host runs it twice a day, from copies of these very files in /usr/local/lib/vsa (see ``install``). It
prints nothing while all is well.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...._core.cert.status import CANNOT_RENEW, EXPIRED, MISMATCH, MISSING
from ...._core.errors import VsaError
from ...._core.figures import certificate_figures
from ...._core.forms import SELFSIGNED
from ...._core.times import rfc3339
from ...._core.words import escaped
from ...machine.clock import time_now
from ...machine.sources import as_root
from ...store.figures import write_figures
from ...store.host import read_host
from ...store.layout import Paths
from ..listing import list_certificates
from ..renew import RenewRequest, renew_certificates
from ..served import NOT_SERVED, OLDER, OTHER
from .alerts import Alerts

__all__ = ("late_certificates", "main", "watch")

_LOG_MAX = 1024 * 1024
_SHOWN = ("domain", "state", "not_after", "fraction_left", "served", "issuer")
# Stands for all domains in a mapping of failures.
_ALL = ""


class _Log:
    """A log file; beyond 1 MiB it is rotated, and one older file is kept."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, message: str) -> None:
        """Write a line with the time to the file and to standard output, which systemd's journal keeps."""
        line = f"{rfc3339(time_now())} {message}\n"
        sys.stdout.write(line)
        sys.stdout.flush()
        with contextlib.suppress(OSError):  # a full disk must not stop the renewal
            self._append(line)

    def _append(self, line: str) -> None:
        if self._path.exists() and self._path.stat().st_size > _LOG_MAX:
            os.replace(self._path, f"{self._path}.1")
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        with os.fdopen(handle, "a", encoding="utf-8") as stream:
            os.fchmod(handle, 0o640)
            stream.write(line)


def main() -> int:
    """Run once on this host."""
    return as_root(lambda: watch(Paths()))


def watch(paths: Paths) -> int:
    """Renew what is due, and send an alert for what is late.

    Returns 0 if all is well, else 1, so that systemd shows the unit as failed.
    """
    log = _Log(Path(paths.root, "var/log/vsa/cert-renew.log"))
    failed = _renew(paths, log)
    try:
        # Read after the renewal, which may have waited for long.
        host = read_host(paths)
        entries = list_certificates(host).data["certificates"]
        problem = write_figures(paths, "certificates", certificate_figures(entries))
        if problem:
            log.write(problem)
        late = late_certificates(entries, failed, now=time_now())
        alerts = Alerts(host.settings, paths.state / "cert-alerts.json", now=time_now())
        for message in alerts.send(late):
            log.write(message)
    except VsaError as error:
        log.write(f"the certificates could not be checked: {error.message}")
        return 1
    return 1 if late else 0


def _renew(paths: Paths, log: _Log) -> dict[str, str]:
    """Renew what is due. Returns the messages of what failed, by domain; _ALL if all of it failed."""
    try:
        result = renew_certificates(read_host(paths), RenewRequest(), check=False)
    except VsaError as error:
        log.write(f"not renewed: {error.message}")
        return _failures(error.details) or {_ALL: error.message}
    except Exception as error:  # whatever went wrong, the certificates are checked all the same
        said = escaped(str(error))
        log.write(f"not renewed: {type(error).__name__}: {said}")
        return {_ALL: said}
    for step in result.steps:
        log.write("; ".join((f"{step.name}: {step.text}", *step.notes)))
    return {}


def _failures(details: Sequence[str]) -> dict[str, str]:
    """Return the messages by domain of the lines ``domain: message``."""
    failures = {}
    for line in details:
        domain, _colon, message = line.partition(": ")
        if message:
            failures[domain] = message
    return failures


def late_certificates(
    entries: Sequence[Mapping[str, Any]], failed: Mapping[str, str], *, now: datetime.datetime
) -> list[dict[str, Any]]:
    """Return the certificates that an operator should look at, each with the reason ``why``.

    * ``entries``: what ``list_certificates`` returns.
    * ``failed``: the messages of renewals that just failed, by domain; the empty name stands for all domains.
    """
    stamp = rfc3339(now)
    late = []
    for entry in entries:
        message = failed.get(entry["domain"]) or failed.get(_ALL)
        why = _why(entry, failed=message is not None, now=stamp)
        if why is None:
            continue
        if message and message not in why:
            why = f"{why}: {message}"
        late.append({**{key: entry[key] for key in _SHOWN}, "why": why})
    return late


def _why(entry: Mapping[str, Any], *, failed: bool, now: str) -> str | None:
    """Return why an operator should look at a certificate; None if all is well.

    A certificate past two thirds of its lifetime should have been renewed, unless its CA wants it renewed later (ARI)
    and no renewal failed.
    """
    state, site = entry["state"], entry["site"]
    # A lineage without a site may be incomplete, but it must not expire unnoticed.
    if state == EXPIRED or (site and state in (CANNOT_RENEW, MISMATCH, MISSING)):
        return str(entry["problem"] or state)
    used = site or entry["ca"] != SELFSIGNED
    window = entry["ari"] or {}
    ca_wants_later = str(window.get("end") or "") > now
    if used and entry["past_two_thirds"] and (failed or not ca_wants_later):
        return str(entry["problem"] or "two thirds of its lifetime have passed, and it was not renewed")
    if site and entry["served"] in (OLDER, OTHER, NOT_SERVED):
        return str(entry["problem"] or "the proxy does not serve the certificate on disk")
    return None
