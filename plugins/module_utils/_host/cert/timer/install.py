# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install the renewal that needs no controller: copies of the files that ``watch`` imports, and a timer or a cron job.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import hashlib
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ...._core.errors import RefusedError, RolledBackError
from ...._core.hints import Advice, Hint
from ...._core.result import CHANGED, OK, WOULD_CHANGE, Result, Step
from ...._core.words import Words
from ...machine.disk import disk_errors_told
from ...machine.files import make_directory, read_text, remove_tree, write_atomically
from ...machine.sources import imported_sources, starting_program
from ...store.host import Host
from . import watch

__all__ = ("UNIT", "TimerRequest", "set_timer")

UNIT = "vsa-cert-renew"
_HOME = "usr/local/lib/vsa"
_MADE = "# Written by `vsa cert install-cron`, which overwrites changes.\n"

_PROGRAM = starting_program(watch.__name__, f"/{_HOME}/python", note=_MADE)

_SERVICE = f"""{_MADE}[Unit]
Description=Renew certificates that are due, and send an alert for those that are late (VSA)
Wants=network-online.target
After=network-online.target docker.service

[Service]
Type=oneshot
ExecStart=/{_HOME}/cert-renew
TimeoutStartSec=45min
Nice=10
"""

# RandomizedDelaySec: the hosts of a fleet must not ask the CA in the same minute. Persistent: a host that was off
# catches up after its start. OnUnitInactiveSec counts by a clock that nobody can set: if the time of day was set back,
# the next run comes a day after the last one at the latest.
_TIMER = f"""{_MADE}[Unit]
Description=Twice a day: {UNIT}.service

[Timer]
OnCalendar=*-*-* 03,15:00:00
OnUnitInactiveSec=24h
RandomizedDelaySec=3h
Persistent=true

[Install]
WantedBy=timers.target
"""


_UNITS = (f"etc/systemd/system/{UNIT}.service", f"etc/systemd/system/{UNIT}.timer")
_CRON_FILE = f"etc/cron.d/{UNIT}"
_STARTERS = (_CRON_FILE, *_UNITS)

# Text and mode of files, by path relative to the root.
_Files = dict[str, tuple[str, int]]


@dataclass(frozen=True)
class TimerRequest:
    """What the operator asks for with ``vsa cert install-cron``: whether to install it, and whether cron starts it."""

    present: bool = True
    cron: bool = False


def set_timer(host: Host, request: TimerRequest, *, check: bool) -> Result:
    """Install or remove the renewal on the host itself. RefusedError if the host has no cron, or no systemd."""
    root = Path(host.paths.root)
    wanted: _Files = _wanted(cron=request.cron) if request.present else {}
    if wanted and request.cron and not (root / "etc/cron.d").is_dir():
        raise RefusedError(
            "this host has no cron", field="cron", value="true", hint="apt-get install cron, or use the systemd timer"
        )
    installed = _installed(root)
    timer = bool(wanted) and not request.cron
    changed = wanted != installed or (timer and not _is_active())
    if changed and not check:
        _apply(root, wanted, installed, timer=timer)
    return Result(
        changed=changed,
        steps=(_step(host, request, installed, changed=changed, check=check),),
        diff=_diff(wanted, installed),
    )


# What is to be installed, and what is


def _wanted(*, cron: bool) -> _Files:
    """Return all files to install. This file imports ``watch``, so its files are among those that are imported."""
    files = {f"{_HOME}/python/{path}": (text, 0o644) for path, text in imported_sources().items()}
    files[f"{_HOME}/cert-renew"] = (_PROGRAM, 0o755)
    if cron:
        files[_CRON_FILE] = (_cron(), 0o644)
    else:
        files.update({name: (text, 0o644) for name, text in zip(_UNITS, (_SERVICE, _TIMER), strict=True)})
    return files


def _cron() -> str:
    # The minute differs from host to host, so that a fleet does not ask the CA all at once.
    minute = int(hashlib.sha256(socket.gethostname().encode()).hexdigest(), 16) % 60
    # The program writes its own log; cron would send each line by mail.
    return f"{_MADE}SHELL=/bin/sh\n{minute} 3,15 * * * root /{_HOME}/cert-renew >/dev/null 2>&1\n"


def _installed(root: Path) -> _Files:
    """Return all files that are installed."""
    home = root / _HOME
    paths = [path for path in (home / "python").rglob("*.py") if path.is_file()]
    paths += [home / "cert-renew", *(root / name for name in _STARTERS)]
    files = {}
    for path in paths:
        if path.exists():
            files[str(path.relative_to(root))] = (read_text(path) or "", path.stat().st_mode & 0o7777)
    return files


# The change


def _apply(root: Path, wanted: _Files, installed: _Files, *, timer: bool) -> None:
    """Make the files on disk those that are wanted, and have systemd start the timer or forget it."""
    had_units = any(name in _UNITS for name in installed)
    if had_units and not timer:
        _systemctl("disable", "--now", f"{UNIT}.timer")
    with disk_errors_told("the files of the renewal are not all written or removed; certificates are served as before"):
        for name in installed:
            if name not in wanted:
                (root / name).unlink(missing_ok=True)
        if not wanted:
            _remove_directories(root / _HOME)
        for name, (text, mode) in wanted.items():
            make_directory((root / name).parent, mode=0o755)
            write_atomically(root / name, text, mode=mode)
    if had_units or timer:
        _systemctl("daemon-reload", failure="systemd does not read its units")
    if timer:
        _systemctl("enable", "--now", f"{UNIT}.timer", failure="the timer does not start")


def _remove_directories(home: Path) -> None:
    remove_tree(home / "python")
    if home.is_dir() and not any(home.iterdir()):
        home.rmdir()


def _is_active() -> bool:
    enabled = _systemctl("is-enabled", f"{UNIT}.timer") == "enabled"
    return enabled and _systemctl("is-active", f"{UNIT}.timer") == "active"


def _systemctl(*words: str, failure: str | None = None) -> str:
    """Run systemctl and return its output. RolledBackError with the text ``failure`` if that is given and it fails."""
    try:
        done = subprocess.run(  # pylint: disable=ansible-bad-function  # _host has no module object with run_command
            ["systemctl", *words], capture_output=True, text=True, timeout=60, check=False
        )
    except OSError as error:
        raise RefusedError(
            "this host has no systemd",
            field="cron",
            value="false",
            hint=Hint("cert.install-cron", {"timer_cron": True}),
        ) from error
    if done.returncode and failure:
        said = Words("systemctl", done.stderr)
        raise RolledBackError(f"{failure}: {said}", state="the files are installed, nothing starts them")
    return done.stdout.strip()


# The result


def _step(host: Host, request: TimerRequest, installed: _Files, *, changed: bool, check: bool) -> Step:
    state = OK
    if changed:
        state = WOULD_CHANGE if check else CHANGED
    if not request.present:
        return Step("timer", state, "removed" if installed else "it is not installed")
    text = f"/etc/cron.d/{UNIT}, twice a day" if request.cron else f"{UNIT}.timer, twice a day"
    if host.settings.alert_command or host.settings.alert_url:
        return Step("timer", state, text)
    hint = Hint("bootstrap", {"alert_url": "URL"})
    return Step("timer", state, text, (Advice("no alert is sent when a certificate is late. To get alerts", hint),))


def _diff(wanted: _Files, installed: _Files) -> str:
    """Return the unified diff of the units and of the cron file."""
    import difflib  # imported here: the renewal itself does not need it

    lines: list[str] = []
    for name in _STARTERS:
        before, _mode = installed.get(name, ("", 0))
        after, _mode = wanted.get(name, ("", 0))
        sides = (before.splitlines(), after.splitlines())
        lines += difflib.unified_diff(*sides, f"/{name}", f"/{name}", lineterm="")
    return "".join(f"{line}\n" for line in lines)
