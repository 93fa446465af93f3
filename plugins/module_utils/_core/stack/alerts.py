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

__all__ = ("COMMAND", "Alert", "Answers", "Ledger", "News", "message_of", "news", "reported_alerts")

COMMAND = (
    *("amtool", "alert", "query", "--output=json", "--alertmanager.url=http://127.0.0.1:9093"),
    *("--active", "--silenced", "--inhibited", "--unprocessed"),
)
"""What prints all alerts in the container of Alertmanager. One that somebody silenced goes on, so it is printed too."""

_REPEAT = datetime.timedelta(hours=24)
# A restarted Alertmanager knows no alert until Prometheus sends it again, which Prometheus does once a minute.
_SETTLES = datetime.timedelta(minutes=3)
_MOST = 100
_LISTED = 10


@dataclass(frozen=True)
class Alert:
    """An alert of a stack. ``key`` tells it from all others; a ``quiet`` one is silenced or inhibited."""

    key: str
    name: str
    severity: str = ""
    summary: str = ""
    action: str = ""
    quiet: bool = False

    @property
    def line(self) -> str:
        """Return the alert in one line, with the command to run next."""
        return f"{self.words} (try: {self.action})" if self.action else self.words

    @property
    def words(self) -> str:
        """Return what the alert says."""
        return self.summary or self.name


Answers = Mapping[str, "Sequence[Alert] | None"]
"""What the Alertmanager of each stack reports, by the name of the stack; None if it does not answer."""

Ledger = Mapping[str, Mapping[str, str]]
"""What a hook has been told, by the key of the alert: ``stack``, ``time``, ``name``, ``severity``, ``summary``, and
since when the alert is not reported any more (``gone``)."""


@dataclass(frozen=True)
class News:
    """What a hook must be told: alerts that fire, and alerts that it was told of and that are resolved.

    ``before`` is its ledger as long as it did not take the message, ``after`` its ledger if it did.
    """

    firing: Sequence[Alert]
    resolved: Sequence[Alert]
    before: Ledger
    after: Ledger


def reported_alerts(text: str) -> list[Alert] | None:
    """Return the alerts that ``amtool`` printed, by severity and name; None if the text is not its JSON."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list):
        return None
    alerts = [_alert(entry) for entry in found[:_MOST] if isinstance(entry, dict)]
    return sorted(alerts, key=lambda alert: (alert.severity, alert.name, alert.key))


def _alert(entry: Mapping[str, Any]) -> Alert:
    labels, annotations = _part(entry, "labels"), _part(entry, "annotations")
    return Alert(
        key=_text(entry, "fingerprint"),
        name=_text(labels, "alertname"),
        severity=_text(labels, "severity"),
        summary=_text(annotations, "summary"),
        action=_text(annotations, "action"),
        quiet=_text(_part(entry, "status"), "state") in ("suppressed", "unprocessed"),
    )


def _part(entry: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = entry.get(name)
    return found if isinstance(found, dict) else {}


def _text(values: Mapping[str, Any], key: str) -> str:
    return shortened(escaped(str(values.get(key) or "")))


def news(answers: Answers, told: Ledger, *, now: datetime.datetime) -> News:
    """Return what a hook must be told, from what it ``told`` before.

    An alert that fires is told once a day. It is resolved if its stack answers and does not report it for a while.
    A stack that is not in ``answers`` was taken down: nobody asks for its alerts any more.
    """
    reported = {_key(stack, alert): (stack, alert) for stack, alerts in answers.items() for alert in alerts or ()}
    answered = {stack for stack, alerts in answers.items() if alerts is not None}
    before = {
        key: _marked(entry, gone=key not in reported, now=now) if entry["stack"] in answered else entry
        for key, entry in told.items()
        if entry.get("stack") in answers
    }
    resolved = {key: entry for key, entry in before.items() if entry["stack"] in answered and _is_over(entry, now=now)}
    fresh = {
        key: (stack, alert)
        for key, (stack, alert) in reported.items()
        if not alert.quiet and _is_due(before.get(key, {}), now=now)
    }
    after = {key: entry for key, entry in before.items() if key not in resolved}
    after |= {key: _entry(stack, alert, now=now) for key, (stack, alert) in fresh.items()}
    return News(
        [alert for _stack, alert in fresh.values()], [_alert_of(entry) for entry in resolved.values()], before, after
    )


def _key(stack: str, alert: Alert) -> str:
    return f"{stack} {alert.key}"


def _marked(entry: Mapping[str, str], *, gone: bool, now: datetime.datetime) -> Mapping[str, str]:
    """Return an entry with the time since when its alert is not reported, if it is not."""
    if gone:
        return {"gone": rfc3339(now), **entry}
    return {key: value for key, value in entry.items() if key != "gone"}


def _is_over(entry: Mapping[str, str], *, now: datetime.datetime) -> bool:
    return "gone" in entry and entry["gone"] <= rfc3339(now - _SETTLES)


def _is_due(entry: Mapping[str, str], *, now: datetime.datetime) -> bool:
    return entry.get("time", "") <= rfc3339(now - _REPEAT)


def _entry(stack: str, alert: Alert, *, now: datetime.datetime) -> dict[str, str]:
    words = {"name": alert.name, "severity": alert.severity, "summary": alert.summary}
    return {"stack": stack, "time": rfc3339(now), **words}


def _alert_of(entry: Mapping[str, str]) -> Alert:
    return Alert("", entry.get("name", ""), entry.get("severity", ""), entry.get("summary", ""))


def message_of(
    firing: Sequence[Alert], resolved: Sequence[Alert] = (), *, host: str, now: datetime.datetime
) -> dict[str, Any]:
    """Return the message for ``alert_url`` and ``alert_command``. Chat webhooks show the key ``text``."""
    parts = []
    if firing:
        parts.append(f"{_counted(firing)}: {'; '.join(alert.line for alert in firing[:_LISTED])}")
    if resolved:
        parts.append(f"{_counted(resolved)} resolved: {'; '.join(alert.words for alert in resolved[:_LISTED])}")
    return {
        "schema": 1,
        "text": f"{host}: {'. '.join(parts)}",
        "host": host,
        "time": rfc3339(now),
        "alerts": [{**_listed(alert), "action": alert.action} for alert in firing],
        "resolved": [_listed(alert) for alert in resolved],
    }


def _counted(alerts: Sequence[Alert]) -> str:
    return f"{len(alerts)} alert{'s' if len(alerts) > 1 else ''}"


def _listed(alert: Alert) -> dict[str, str]:
    return {"name": alert.name, "severity": alert.severity, "summary": alert.summary}
