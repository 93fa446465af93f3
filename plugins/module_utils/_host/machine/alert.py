# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send an alert: run the alert program of the host, and post to its webhook.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import http.client
import json
import os
import stat
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..._core.settings import Settings
from ..._core.words import Words, escaped
from .files import read_text

__all__ = ("hooks_of", "send_alert", "send_by")

_TIMEOUT = 60


def hooks_of(settings: Settings) -> list[str]:
    """Return the settings that name a hook of this host."""
    return [name for name in ("alert_command", "alert_url") if getattr(settings, name)]


def send_alert(settings: Settings, message: Mapping[str, Any]) -> list[str]:
    """Send a message to each hook in the settings. Returns a line for each hook that failed.

    ``message`` has the key ``text``, which chat webhooks show and which the alert program gets as VSA_ALERT_TEXT.
    """
    sent = [send_by(hook, settings, message) for hook in hooks_of(settings)]
    return [problem for problem in sent if problem]


def send_by(hook: str, settings: Settings, message: Mapping[str, Any]) -> str | None:
    """Send a message to one hook. Returns what went wrong, or None; see ``send_alert`` for the message."""
    target = str(getattr(settings, hook))
    body = json.dumps(message).encode()
    problem = _run(target, body, str(message["text"])) if hook == "alert_command" else _post(target, body)
    return f"{hook} failed: {problem}" if problem else None


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
        address = _webhook(setting)
    except (OSError, ValueError) as error:
        return Words("the webhook", str(error)).shown
    try:
        request = urllib.request.Request(  # noqa: S310  _webhook and the setting's form allow http and https only
            address, body, {"Content-Type": "application/json", "User-Agent": "vsa"}, method="POST"
        )
        # On the host's timer there is no Ansible, so its open_url is not available.
        with urllib.request.build_opener(_NoRedirect()).open(request, timeout=_TIMEOUT):
            return None
    except urllib.error.HTTPError as error:
        return f"it answered {error.code}"
    except OSError as error:
        return Words("the webhook", str(getattr(error, "reason", None) or error)).shown
    except (http.client.HTTPException, ValueError) as error:
        # Python repeats a part of the address in these errors, so only their kind is told.
        return f"the address or the answer has not the form of HTTP ({type(error).__name__})"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an error: urllib would ask the new address with GET, and the message would be lost."""

    def redirect_request(self, *_words: Any, **_more: Any) -> None:
        """Follow nothing."""


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
