# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alerts about late certificates: an alert program of the host, and a webhook.

The same problem is sent once a day, not with each run of the timer.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
import json
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...._core.settings import Settings
from ...._core.shape import MapOf
from ...._core.times import rfc3339
from ...machine.alert import send_alert
from ...machine.files import write_atomically
from ...store.documents import read_document

__all__ = ("Alerts",)

_REPEAT = datetime.timedelta(hours=24)
_LISTED = 10


class Alerts:
    """The alert hooks in ``settings``. The file ``state`` records when which problem was sent."""

    def __init__(self, settings: Settings, state: Path, *, now: datetime.datetime) -> None:
        self._settings = settings
        self._state = state
        self._now = now

    def send(self, late: Sequence[Mapping[str, Any]]) -> list[str]:
        """Send an alert for the late certificates that were not reported within a day. Returns lines for the log."""
        sent = self._read_state()
        fresh = [entry for entry in late if self._is_news(sent.get(entry["domain"]), entry)]
        messages = [f"late: {entry['domain']}: {entry['why']}" for entry in late]
        delivered = False
        if fresh:
            failures = self._run_hooks(fresh)
            delivered = self._has_hook and not failures
            messages += failures
        if delivered:
            messages.append(f"alert sent for {', '.join(entry['domain'] for entry in fresh[:_LISTED])}")
        elif fresh and not self._has_hook:
            messages.append("no alert was sent: the host's settings have neither alert_command nor alert_url")
        # A failed alert is not recorded, so that the next run sends it again.
        self._write_state(sent, late, fresh if delivered else [])
        return messages

    @property
    def _has_hook(self) -> bool:
        return bool(self._settings.alert_command or self._settings.alert_url)

    def _is_news(self, before: Mapping[str, Any] | None, entry: Mapping[str, Any]) -> bool:
        if before is None or before.get("state") != entry["state"]:
            return True
        repeat = rfc3339(self._now - _REPEAT)
        return str(before.get("time") or "") <= repeat

    def _read_state(self) -> dict[str, dict[str, Any]]:
        return dict(read_document(self._state, MapOf(dict)) or {})

    def _write_state(
        self,
        before: Mapping[str, dict[str, Any]],
        late: Sequence[Mapping[str, Any]],
        sent: Sequence[Mapping[str, Any]],
    ) -> None:
        """Record what was sent now, and forget the certificates that are no longer late."""
        still_late = {entry["domain"] for entry in late}
        state = {domain: entry for domain, entry in before.items() if domain in still_late}
        for entry in sent:
            state[entry["domain"]] = {"state": entry["state"], "time": rfc3339(self._now)}
        if state != before:
            self._state.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(self._state, f"{json.dumps(state, sort_keys=True)}\n", mode=0o600)

    def _run_hooks(self, late: Sequence[Mapping[str, Any]]) -> list[str]:
        """Send one message to each hook. Returns a line for each hook that failed."""
        host = socket.getfqdn()
        lines = [f"{entry['domain']}: {entry['why']} (until {entry['not_after'] or 'unknown'})" for entry in late]
        plural = "s" if len(late) > 1 else ""
        text = f"{host}: {len(late)} certificate{plural} late: {'; '.join(lines[:_LISTED])}"
        # Chat webhooks show the key "text".
        message = {"schema": 1, "text": text, "host": host, "time": rfc3339(self._now), "certificates": list(late)}
        return send_alert(self._settings, message)
