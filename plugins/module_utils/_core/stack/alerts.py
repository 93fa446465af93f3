# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alerts that fire in Alertmanager, and the message about them for the hooks of the host.

What a container says is data: it is escaped and shortened, and it decides nothing but what the message shows.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..times import rfc3339
from ..words import escaped, shortened

__all__ = ("COMMAND", "Firing", "firing_alerts", "message_of", "news")

COMMAND = ("amtool", "alert", "query", "--output=json", "--alertmanager.url=http://127.0.0.1:9093")
"""What prints the alerts in the container of Alertmanager; those that somebody silenced are left out."""

_REPEAT = datetime.timedelta(hours=24)
_MOST = 100
_LISTED = 10


@dataclass(frozen=True)
class Firing:
    """An alert that fires: ``key`` tells it from all others, also from one that fired before."""

    key: str
    name: str
    severity: str = ""
    summary: str = ""
    action: str = ""

    @property
    def line(self) -> str:
        """Return the alert in one line, with the command to run next."""
        words = self.summary or self.name
        return f"{words} (try: {self.action})" if self.action else words


def firing_alerts(text: str) -> list[Firing] | None:
    """Return the alerts that ``amtool`` printed, by severity and name; None if the text is not its JSON."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    if not isinstance(found, list):
        return None
    alerts = [_firing(entry) for entry in found[:_MOST] if isinstance(entry, dict)]
    return sorted(alerts, key=lambda alert: (alert.severity, alert.name, alert.key))


def _firing(entry: Mapping[str, Any]) -> Firing:
    labels, annotations = _part(entry, "labels"), _part(entry, "annotations")
    return Firing(
        key=_text(entry, "fingerprint", "startsAt"),
        name=_text(labels, "alertname"),
        severity=_text(labels, "severity"),
        summary=_text(annotations, "summary"),
        action=_text(annotations, "action"),
    )


def _part(entry: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = entry.get(name)
    return found if isinstance(found, dict) else {}


def _text(values: Mapping[str, Any], *keys: str) -> str:
    return shortened(escaped(" ".join(str(values.get(key) or "") for key in keys)))


def news(alerts: Sequence[Firing], sent: Mapping[str, str], *, now: datetime.datetime) -> list[Firing]:
    """Return the alerts that were not sent within a day. ``sent`` has the time of the last message by key."""
    before = rfc3339(now - _REPEAT)
    return [alert for alert in alerts if str(sent.get(alert.key) or "") <= before]


def message_of(alerts: Sequence[Firing], *, host: str, now: datetime.datetime) -> dict[str, Any]:
    """Return the message for ``alert_url`` and ``alert_command``. Chat webhooks show the key ``text``."""
    plural = "s" if len(alerts) > 1 else ""
    lines = "; ".join(alert.line for alert in alerts[:_LISTED])
    listed = [
        {"name": alert.name, "severity": alert.severity, "summary": alert.summary, "action": alert.action}
        for alert in alerts
    ]
    text = f"{host}: {len(alerts)} alert{plural}: {lines}"
    return {"schema": 1, "text": text, "host": host, "time": rfc3339(now), "alerts": listed}
