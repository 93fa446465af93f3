# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alerts of a stack's Alertmanager on the way to the hooks of the host: a timer reads them once a minute.

Alertmanager itself has no way out, and no container can start a program of the host. So the host asks.
It runs from copies of these very files in /usr/local/lib/vsa (install.py).
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Mapping
from typing import Any

from ...._core.errors import VsaError
from ...._core.shape import MapOf
from ...._core.stack.alerts import COMMAND, Firing, firing_alerts, message_of, news
from ...._core.stack.manifest import Stack
from ...._core.times import rfc3339
from ...._core.words import escaped
from ...machine.alert import send_alert
from ...machine.clock import time_now
from ...machine.docker import Engine
from ...machine.files import make_directory, write_atomically
from ...machine.sources import as_root
from ...store.documents import read_document
from ...store.layout import Paths
from ...store.settings import read_settings
from ...store.stacks import known_stacks
from ..folder import find_stack
from ..health import own_containers, service_of

__all__ = ("deliver", "main", "stacks_with_alerts")

_STATE = "stack-alerts.json"
_SECONDS = 20


def deliver(paths: Paths, engine: Engine) -> list[str]:
    """Send what fires and was not sent within a day. Returns a line for each thing that went wrong."""
    failures: list[str] = []
    alerts: list[Firing] = []
    for stack in stacks_with_alerts(paths):
        found = _read(engine, stack, paths)
        if found is None:
            failures.append(f"{stack.tenant}/{stack.name}: {stack.alerts} did not say which alerts fire")
        alerts += found or []
    sent = dict(read_document(paths.state / _STATE, MapOf(str)) or {})
    now = time_now()
    fresh = news(alerts, sent, now=now)
    settings = read_settings(paths)
    if fresh and not (settings.alert_command or settings.alert_url):
        return [*failures, f"{len(fresh)} alert(s) fire, and the host has neither alert_command nor alert_url"]
    if fresh:
        problems = send_alert(settings, message_of(fresh, host=socket.getfqdn(), now=now))
        # A message that failed is not noted, so that the next run sends it again.
        sent |= {} if problems else {alert.key: rfc3339(now) for alert in fresh}
        failures += problems
    if not failures or alerts:
        _note(paths, {alert.key: sent[alert.key] for alert in alerts if alert.key in sent})
    return failures


def stacks_with_alerts(paths: Paths) -> list[Stack]:
    """Return the stacks that have alerts and should run."""
    found = []
    for tenant, name in known_stacks(paths):
        try:
            folder, stack = find_stack(paths, name, tenant=tenant)
        except VsaError:
            continue  # `vsa status` names a stack that cannot be read
        if stack.alerts and folder.should_run():
            found.append(stack)
    return found


def _read(engine: Engine, stack: Stack, paths: Paths) -> list[Firing] | None:
    """Return what fires; an empty list if the service does not run, which is its stack's own matter."""
    running = [
        entry for entry in own_containers(engine, stack, paths) if service_of(entry) == stack.alerts and entry.running
    ]
    if not running:
        return []
    done = engine.exec(running[0].name, list(COMMAND), timeout=_SECONDS)
    return firing_alerts(done.stdout) if done.code == 0 else None


def _note(paths: Paths, sent: Mapping[str, Any]) -> None:
    make_directory(paths.state, mode=0o750)
    write_atomically(paths.state / _STATE, f"{json.dumps(sent, sort_keys=True)}\n", mode=0o600)


def main() -> int:
    """Run once on this host. Returns 1 if an alert could not be sent, so that systemd shows the unit as failed."""
    return as_root(_run)


def _run() -> int:
    try:
        failures = deliver(Paths(), Engine())
    except (VsaError, OSError) as error:
        failures = [str(error)]
    sys.stderr.write("".join(f"{escaped(line)}\n" for line in failures))
    return 1 if failures else 0
