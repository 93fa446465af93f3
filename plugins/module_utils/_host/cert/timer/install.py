# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The renewal on the host itself, installed: copies of the files that ``cert_watch`` needs, and what starts it.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import hashlib
import importlib
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from ...._core.errors import RefusedError, RolledBackError
from ...._core.hints import Hint
from ...._core.result import CHANGED, OK, WOULD_CHANGE, Result, Step
from ...machine.files import read_text, remove_tree, write_atomically
from ...store.layout import Paths
from ...store.settings import read_settings
from . import watch as cert_watch

__all__ = ("set_timer",)

_UNIT = "vsa-cert-renew"
_HOME = "usr/local/lib/vsa"
_PACKAGE = "ansible_collections.flowbiz.vsa.plugins.module_utils"
_MADE = "# Made by `vsa cert install-cron`, which would overwrite a change.\n"

_PROGRAM = f"""#!/usr/bin/python3
{_MADE}import sys

sys.dont_write_bytecode = True
sys.path.insert(0, "/{_HOME}/python")

from {cert_watch.__name__} import main

sys.exit(main())
"""

_SERVICE = f"""{_MADE}[Unit]
Description=Renew certificates that are due, and tell of those that are late (VSA)
Wants=network-online.target
After=network-online.target docker.service

[Service]
Type=oneshot
ExecStart=/{_HOME}/cert-renew
TimeoutStartSec=45min
Nice=10
"""

# The hosts of a fleet must not ask the CA in the same minute; one that was off asks when it is back.
_TIMER = f"""{_MADE}[Unit]
Description=Twice a day: {_UNIT}.service

[Timer]
OnCalendar=*-*-* 03,15:00:00
RandomizedDelaySec=3h
Persistent=true

[Install]
WantedBy=timers.target
"""


def _cron() -> str:
    minute = int(hashlib.sha256(socket.gethostname().encode()).hexdigest(), 16) % 60
    # Its log is a file; cron would mail every line.
    return f"{_MADE}SHELL=/bin/sh\n{minute} 3,15 * * * root /{_HOME}/cert-renew >/dev/null 2>&1\n"


def _sources() -> dict[str, str]:
    """Return the text of every file of ours that ``cert_watch`` has imported, by its path below ``python/``."""
    texts = {}
    for name, module in sorted(sys.modules.items()):
        if name.startswith(f"{_PACKAGE}._") and getattr(module, "__file__", None):
            loader = getattr(module, "__loader__", None)
            package = hasattr(module, "__path__")
            text = loader.get_source(name) if loader is not None else None
            path = name.replace(".", "/") + ("/__init__.py" if package else ".py")
            texts[path] = text or ""
    parts = _PACKAGE.split(".")
    texts.update({"/".join([*parts[:count], "__init__.py"]): "" for count in range(1, len(parts) + 1)})
    return texts


def _wanted(*, cron: bool) -> dict[str, tuple[str, int]]:
    """Return text and mode of every file to install, by its path below the root."""
    importlib.import_module(f"{_PACKAGE}._host.cert.timer.watch")
    files = {f"{_HOME}/python/{path}": (text, 0o644) for path, text in _sources().items()}
    files[f"{_HOME}/cert-renew"] = (_PROGRAM, 0o755)
    if cron:
        files[f"etc/cron.d/{_UNIT}"] = (_cron(), 0o644)
    else:
        files[f"etc/systemd/system/{_UNIT}.service"] = (_SERVICE, 0o644)
        files[f"etc/systemd/system/{_UNIT}.timer"] = (_TIMER, 0o644)
    return files


_STARTERS = (f"etc/cron.d/{_UNIT}", f"etc/systemd/system/{_UNIT}.service", f"etc/systemd/system/{_UNIT}.timer")


def _systemctl(*words: str, refused: str | None = None) -> str:
    try:
        done = subprocess.run(  # pylint: disable=ansible-bad-function  # there is no module down here to call
            ["systemctl", *words], capture_output=True, text=True, timeout=60, check=False
        )
    except OSError as error:
        raise RefusedError(
            "this host has no systemd",
            field="cron",
            value="false",
            hint=Hint("cert.install-cron", {"timer_cron": True}),
        ) from error
    if done.returncode and refused:
        raise RolledBackError(f"{refused}: {done.stderr.strip()}", state="the files are there, nothing starts them")
    return done.stdout.strip()


def _installed(root: Path) -> dict[str, tuple[str, int]]:
    """Return text and mode of every file that lies there."""
    home = root / _HOME
    paths = [path for path in (home / "python").rglob("*.py") if path.is_file()]
    paths += [home / "cert-renew", *(root / name for name in _STARTERS)]
    return {
        str(path.relative_to(root)): (read_text(path) or "", path.stat().st_mode & 0o7777)
        for path in paths
        if path.exists()
    }


def _active() -> bool:
    return (
        _systemctl("is-enabled", f"{_UNIT}.timer") == "enabled"
        and _systemctl("is-active", f"{_UNIT}.timer") == "active"
    )


def set_timer(*, present: bool, cron: bool, check: bool, paths: Paths | None = None) -> Result:
    """Install the renewal on the host, started by a systemd timer or by cron, or remove it."""
    paths = paths or Paths()
    root = Path(paths.root)
    wanted = _wanted(cron=cron) if present else {}
    if wanted and cron and not (root / "etc/cron.d").is_dir():
        raise RefusedError(
            "this host has no cron", field="cron", value="true", hint="apt-get install cron, or use the systemd timer"
        )
    there = _installed(root)
    timer = bool(wanted) and not cron
    changed = wanted != there or (timer and not _active())
    if changed and not check:
        _apply(root, wanted, there, timer=timer)
    return _result(paths, wanted, there, changed=changed, check=check, cron=cron)


def _apply(
    root: Path, wanted: Mapping[str, tuple[str, int]], there: Mapping[str, tuple[str, int]], *, timer: bool
) -> None:
    units = [name for name in there if name.startswith("etc/systemd/")]
    if units and not timer:
        _systemctl("disable", "--now", f"{_UNIT}.timer")
    for name in there:
        if name not in wanted:
            (root / name).unlink(missing_ok=True)
    if not wanted:
        remove_tree(root / _HOME / "python")
        home = root / _HOME
        if home.is_dir() and not any(home.iterdir()):
            home.rmdir()
    for name, (text, mode) in wanted.items():
        (root / name).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_atomically(root / name, text, mode=mode)
    if units or timer:
        _systemctl("daemon-reload", refused="systemd does not read its units")
    if timer:
        _systemctl("enable", "--now", f"{_UNIT}.timer", refused="the timer does not start")


def _result(
    paths: Paths,
    wanted: Mapping[str, tuple[str, int]],
    there: Mapping[str, tuple[str, int]],
    *,
    changed: bool,
    check: bool,
    cron: bool,
) -> Result:
    if not wanted:
        text = "removed" if there else "it is not installed"
    elif cron:
        text = f"/etc/cron.d/{_UNIT}, twice a day"
    else:
        text = f"{_UNIT}.timer, twice a day"
    notes = []
    settings = read_settings(paths)
    if wanted and not settings.alert_command and not settings.alert_url:
        notes.append(
            "nobody is told when a certificate is late: vsa bootstrap --alert-url URL, or --alert-command FILE"
        )
    state = OK
    if changed:
        state = WOULD_CHANGE if check else CHANGED
    return Result(
        changed=changed,
        steps=(Step("timer", state, text, tuple(notes)),),
        diff=_diff(wanted, there),
    )


def _diff(wanted: Mapping[str, tuple[str, int]], there: Mapping[str, tuple[str, int]]) -> str:
    """Return the unified diff of the files that start the renewal."""
    import difflib  # imported here: the renewal itself does without

    lines: list[str] = []
    for name in sorted({*wanted, *there}):
        before, after = there.get(name, ("", 0)), wanted.get(name, ("", 0))
        if name in _STARTERS and before != after:
            sides = (before[0].splitlines(), after[0].splitlines())
            lines += difflib.unified_diff(*sides, f"/{name}", f"/{name}", lineterm="")
    return "".join(f"{line}\n" for line in lines)
