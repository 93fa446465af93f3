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
import os
import socket
import stat
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...._core.settings import Settings
from ...._core.shape import MapOf
from ...._core.times import rfc3339
from ...._core.words import Words, escaped
from ...machine.files import read_text, write_atomically
from ...store.documents import read_document

__all__ = ("Alerts",)

_REPEAT = datetime.timedelta(hours=24)
_TIMEOUT = 60
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
        body = json.dumps(message).encode()
        failures = []
        if self._settings.alert_command:
            problem = _run(self._settings.alert_command, body, text)
            if problem:
                failures.append(f"alert_command failed: {problem}")
        if self._settings.alert_url:
            problem = _post(self._settings.alert_url, body)
            if problem:
                failures.append(f"alert_url failed: {problem}")
        return failures


def _run(command: str, body: bytes, text: str) -> str | None:
    """Run the alert program with the message on its standard input. Returns what went wrong, or None.

    A program that somebody else than root could change is not run, because it would run as root.
    """
    unsafe = _writable_by_others(Path(command))
    if unsafe:
        return unsafe
    try:
        # The path is absolute and comes from the host's own settings; no shell is involved. On the host's timer there
        # is no Ansible module, so run_command is not available.
        done = subprocess.run(  # pylint: disable=ansible-bad-function
            [command],
            input=body,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
            env={"PATH": os.environ.get("PATH", os.defpath), "VSA_ALERT_TEXT": text},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return escaped(str(error))
    if done.returncode == 0:
        return None
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    said = f" and says: {Words('alert_command', lines[-1]).shown}" if lines else ""
    return f"it ended with {done.returncode}{said}"


def _writable_by_others(program: Path) -> str | None:
    """Return why somebody else than root could change a program or a folder above it, None if nobody could."""
    try:
        real = program.resolve(strict=True)
        for place in (real, *real.parents):
            found = place.stat()
            sticky = place != real and found.st_mode & stat.S_ISVTX
            if found.st_uid not in (0, os.geteuid()) or (found.st_mode & 0o022 and not sticky):
                return f"it was not run, because others than root may change {place}: chown root, chmod go-w"
    except OSError as error:
        return f"{program}: {error.strerror}"
    return None


def _post(setting: str, body: bytes) -> str | None:
    """Post the message to the webhook. Returns what went wrong, or None; never the address, which may hold a token."""
    try:
        request = urllib.request.Request(  # noqa: S310  _webhook and the setting's form allow http and https only
            _webhook(setting), body, {"Content-Type": "application/json", "User-Agent": "vsa"}, method="POST"
        )
        # On the host's timer there is no Ansible, so its open_url is not available.
        with urllib.request.build_opener().open(request, timeout=_TIMEOUT):
            return None
    except urllib.error.HTTPError as error:
        return f"it answered {error.code}"
    except (OSError, ValueError) as error:
        return Words("the webhook", str(getattr(error, "reason", None) or error)).shown


def _webhook(setting: str) -> str:
    """Return the address of the webhook: the setting itself, or the content of a file that only root may read."""
    if not setting.startswith("/"):
        return setting
    path = Path(setting)
    address = (read_text(path) or "").strip()
    if not address:
        raise ValueError(f"there is no address in {setting}")
    found = path.stat()
    if found.st_uid != 0 or found.st_mode & 0o077:
        raise ValueError(f"others than root may read {setting}: chmod 600 {setting}")
    if not address.startswith(("http://", "https://")):
        raise ValueError(f"{setting} holds no http or https address")
    return address
