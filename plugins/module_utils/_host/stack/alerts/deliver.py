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

from ...._core.errors import VsaError
from ...._core.settings import Settings
from ...._core.shape import MapOf
from ...._core.stack.alerts import COMMAND, Alert, Answers, Ledger, message_of, news, reported_alerts
from ...._core.stack.manifest import Stack
from ...._core.words import escaped
from ...machine.alert import hooks_of, send_by
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
    """Tell each hook what fires, once a day, and what is resolved. Returns a line for each thing that went wrong."""
    answers, failures = _ask(paths, engine)
    settings = read_settings(paths)
    hooks = hooks_of(settings)
    firing = [alert for alerts in answers.values() for alert in alerts or () if not alert.quiet]
    if firing and not hooks:
        failures.append(f"{len(firing)} alert(s) fire, and the host has neither alert_command nor alert_url")
    # Each hook has a ledger of its own: one that fails is told again by the next run, and the other one is not.
    told = read_document(paths.state / _STATE, MapOf(MapOf(MapOf(str)))) or {}
    ledgers: dict[str, Ledger] = {hook: told.get(hook, {}) for hook in hooks}
    for hook in hooks:
        ledgers[hook], problem = _tell(hook, settings, answers, ledgers[hook])
        failures += [problem] if problem else []
        # Before the next hook, which may take its time: if this run is ended there, this hook is not told again.
        _note(paths, ledgers)
    return failures


def _tell(hook: str, settings: Settings, answers: Answers, told: Ledger) -> tuple[Ledger, str | None]:
    """Tell a hook what is news to it. Returns its ledger, and what went wrong."""
    now = time_now()
    found = news(answers, told, now=now)
    if not (found.firing or found.resolved):
        return found.after, None
    message = message_of(found.firing, found.resolved, host=socket.getfqdn(), now=now)
    problem = send_by(hook, settings, message)
    return (found.before, problem) if problem else (found.after, None)


def _ask(paths: Paths, engine: Engine) -> tuple[Answers, list[str]]:
    """Return what each Alertmanager reports, and a line for each one that runs and does not answer."""
    answers: dict[str, list[Alert] | None] = {}
    failures = []
    for stack in stacks_with_alerts(paths):
        name = f"{stack.tenant}/{stack.name}"
        answers[name] = None
        try:
            running = _running(engine, stack, paths)
            if not running:
                continue  # its stack's own matter, which `vsa status` tells
            done = engine.exec(running, list(COMMAND), timeout=_SECONDS)
            answers[name] = reported_alerts(done.stdout) if done.code == 0 else None
        except VsaError as error:
            failures.append(f"{name}: {error}")
            continue
        if answers[name] is None:
            failures.append(f"{name}: {stack.alerts} did not say which alerts fire")
    return answers, failures


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


def _running(engine: Engine, stack: Stack, paths: Paths) -> str | None:
    """Return the name of the container that runs Alertmanager, None if it does not run."""
    for entry in own_containers(engine, stack, paths):
        if service_of(entry) == stack.alerts and entry.running:
            return entry.name
    return None


def _note(paths: Paths, ledgers: Mapping[str, Ledger]) -> None:
    make_directory(paths.state, mode=0o750)
    write_atomically(paths.state / _STATE, f"{json.dumps(ledgers, sort_keys=True)}\n", mode=0o600)


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
