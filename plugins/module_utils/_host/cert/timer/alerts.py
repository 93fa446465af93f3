# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alert hooks of a host: a program that is told on its standard input, and a webhook that is posted to.

The same trouble is told once a day, not with every run.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
import json
import os
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from ...._core.cert.status import rfc3339
from ...._core.settings import Settings
from ...machine.files import read_json, read_text, write_atomically

__all__ = ("Alerts",)

_AGAIN = datetime.timedelta(hours=24)
_TIMEOUT = 60


class Alerts:
    """The hooks of ``settings``; what was told when is remembered in the file ``state``."""

    def __init__(self, settings: Settings, state: Path, *, now: datetime.datetime) -> None:
        self._settings = settings
        self._state = state
        self._now = now

    def tell(self, late: list[dict[str, Any]]) -> list[str]:
        """Tell the hooks what is late and was not told within a day; returns what was done, in words."""
        said = read_json(self._state)
        said = (
            {name: entry for name, entry in said.items() if isinstance(entry, dict)} if isinstance(said, dict) else {}
        )
        fresh = [entry for entry in late if self._is_news(said.get(entry["domain"]), entry)]
        words = [f"late: {entry['domain']}: {entry['why']}" for entry in late]
        failures, hooks = self._send(fresh) if fresh else ([], 0)
        words += failures
        if fresh and not hooks:
            words.append("nobody was told: the host's settings have neither alert_command nor alert_url")
        elif fresh and not failures:
            words.append(f"told of {', '.join(entry['domain'] for entry in fresh[:10])}")
        told = fresh if hooks and not failures else []
        kept = {entry["domain"]: said[entry["domain"]] for entry in late if entry["domain"] in said}
        kept.update({entry["domain"]: {"state": entry["state"], "time": rfc3339(self._now)} for entry in told})
        if kept != said:
            self._state.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(self._state, f"{json.dumps(kept, sort_keys=True)}\n", mode=0o600)
        return words

    def _is_news(self, before: dict[str, Any] | None, entry: dict[str, Any]) -> bool:
        again = rfc3339(self._now - _AGAIN) or ""
        return before is None or before.get("state") != entry["state"] or str(before.get("time") or "") <= again

    def _send(self, late: list[dict[str, Any]]) -> tuple[list[str], int]:
        """Send one message to every hook; returns what went wrong, and how many hooks there are."""
        host = socket.getfqdn()
        lines = [f"{entry['domain']}: {entry['why']} (until {entry['not_after'] or 'unknown'})" for entry in late]
        text = f"{host}: {len(late)} certificate{'s' if len(late) > 1 else ''} late: " + "; ".join(lines[:10])
        # "text" is what chat webhooks show.
        message = {"schema": 1, "text": text, "host": host, "time": rfc3339(self._now), "certificates": late}
        body = json.dumps(message).encode()
        command, address = self._settings.alert_command, self._settings.alert_url
        failures = []
        if command and (wrong := _run(command, body, text)):
            failures.append(f"alert_command failed: {wrong}")
        if address and (wrong := _post(address, body)):
            failures.append(f"alert_url failed: {wrong}")
        return failures, bool(command) + bool(address)


def _run(command: str, body: bytes, text: str) -> str | None:
    try:
        # An absolute path of the host's own settings, without a shell; the host's timer has no module to call.
        done = subprocess.run(  # pylint: disable=ansible-bad-function
            [command],
            input=body,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
            env={"PATH": os.environ.get("PATH", os.defpath), "VSA_ALERT_TEXT": text},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    words = done.stderr.decode(errors="replace").strip().splitlines()
    return None if done.returncode == 0 else f"it ended with {done.returncode}{': ' + words[-1] if words else ''}"


def _address(said: str) -> str:
    """Return the webhook's address: as said, or from a file that only root may read."""
    if not said.startswith("/"):
        return said
    path = Path(said)
    text = (read_text(path) or "").strip()
    if not text:
        raise ValueError(f"there is no address in {said}")
    state = path.stat()
    if state.st_uid != 0 or state.st_mode & 0o077:
        raise ValueError(f"others than root may read {said}: chmod 600 {said}")
    if not text.startswith(("http://", "https://")):
        raise ValueError(f"{said} holds no http or https address")
    return text


def _post(said: str, body: bytes) -> str | None:
    """Post a message; returns what went wrong, never the address: it may hold a token."""
    try:
        request = urllib.request.Request(  # noqa: S310  http or https, by its form
            _address(said), body, {"Content-Type": "application/json", "User-Agent": "vsa"}, method="POST"
        )
        # The host's timer runs this without Ansible, so its open_url is not there.
        with urllib.request.build_opener().open(request, timeout=_TIMEOUT):
            return None
    except urllib.error.HTTPError as error:
        return f"it answered {error.code}"
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", None) or error)
