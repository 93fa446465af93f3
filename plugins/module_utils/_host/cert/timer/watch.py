# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The renewal that needs no controller: renews what is due, then tells somebody what is late all the same.

A timer of the host runs it, from copies of these very files below /usr/local/lib/vsa (see ``cert_timer``). It says
nothing while all is well.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...._core.cert.status import rfc3339
from ...._core.errors import VsaError
from ...store.layout import Paths
from ...store.settings import read_settings
from ..listing import list_certificates
from ..renew import renew_certificates
from .alerts import Alerts

__all__ = ("late_certificates", "main", "watch")

_LOG_MAX = 1024 * 1024


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


class _Log:
    """A file with a line for each thing that happened; one older file is kept."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def say(self, words: str) -> None:
        """Write a line, to the file and to whatever started this."""
        line = f"{rfc3339(_now())} {words}"
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        with contextlib.suppress(OSError):
            if self._path.exists() and self._path.stat().st_size > _LOG_MAX:
                os.replace(self._path, f"{self._path}.1")
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
            with os.fdopen(handle, "a", encoding="utf-8") as stream:
                stream.write(f"{line}\n")


def _why(entry: Mapping[str, Any], failed: bool, now: str) -> str | None:
    """Return why somebody should look at a certificate, or None.

    Past two thirds of its life it should have been renewed, unless its CA itself wants it later (ARI) and nothing
    failed.
    """
    used = entry["site"] or entry["ca"] != "selfsigned"
    if entry["state"] in ("expired", "mismatch", "missing") and (entry["site"] or entry["state"] == "expired"):
        return str(entry["problem"] or entry["state"])
    window = entry["ari"] or {}
    waits = not failed and str(window.get("end") or "") > now
    if used and entry["past_two_thirds"] and not waits:
        return str(entry["problem"] or "two thirds of its life have passed, and it was not renewed")
    if entry["site"] and entry["served"] in ("older", "other", "none"):
        return str(entry["problem"] or "the proxy does not serve what lies on disk")
    return None


def late_certificates(
    entries: list[dict[str, Any]], failed: Mapping[str, str], *, now: datetime.datetime
) -> list[dict[str, Any]]:
    """Return the certificates that somebody should look at, from the entries of ``cert_info``, each with ``why``.

    ``failed`` has the words of renewals that just failed, by domain; the empty name stands for all of them.
    """
    stamp = rfc3339(now) or ""
    found = []
    for entry in entries:
        words = failed.get(entry["domain"]) or failed.get("")
        why = _why(entry, words is not None, stamp)
        if why:
            told = ("domain", "state", "not_after", "fraction_left", "served", "issuer")
            found.append(
                {**{key: entry[key] for key in told}, "why": why if not words or words in why else f"{why}: {words}"}
            )
    return found


def _renew(paths: Paths, log: _Log) -> dict[str, str]:
    """Renew what is due; returns the words of what failed, by domain."""
    try:
        done = renew_certificates({"domain": None, "force": False}, check=False, paths=paths)
    except VsaError as error:
        failed = {name: words for name, _colon, words in (line.partition(": ") for line in error.details) if words}
        log.say(f"not renewed: {error.message}")
        return failed or {"": error.message}
    except Exception as error:  # whatever it is, the certificates are looked at all the same
        log.say(f"not renewed: {type(error).__name__}: {error}")
        return {"": str(error)}
    for step in done["steps"]:
        log.say(f"{step['name']}: {step['text']}" + "".join(f"; {note}" for note in step["notes"]))
    return {}


def watch(paths: Paths) -> int:
    """Renew what is due and tell what is late. Returns 0 while all is well, else 1: a failed unit is seen too."""
    log = _Log(Path(paths.root, "var/log/vsa/cert-renew.log"))
    failed = _renew(paths, log)
    try:
        entries = list_certificates(None, paths=paths)["certificates"]
        late = late_certificates(entries, failed, now=_now())
        alerts = Alerts(read_settings(paths), paths.state / "cert-alerts.json", now=_now())
        for words in alerts.tell(late):
            log.say(words)
    except VsaError as error:
        log.say(f"the certificates could not be looked at: {error.message}")
        return 1
    return 1 if late else 0


def main() -> int:
    """Run once on this host."""
    if os.geteuid() != 0:
        sys.stderr.write("this needs root\n")
        return 2
    os.umask(0o027)
    return watch(Paths())
