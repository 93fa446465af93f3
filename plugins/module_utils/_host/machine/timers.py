# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install a systemd timer of VSA on the host: the program, copies of the files that it imports, a service, a timer.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..._core.result import CHANGED, WARNING, Step
from .files import make_directory, write_atomically
from .programs import output_of
from .sources import imported_sources, starting_program

__all__ = ("HOME", "Timer", "install_timer", "remove_timer")

HOME = "usr/local/lib/vsa"
"""The directory of the programs that VSA installs, from the root of the host."""
_UNITS = "etc/systemd/system"


@dataclass(frozen=True)
class Timer:
    """A timer and the program that it starts.

    * ``unit``: the name of the timer and of its service, without their endings.
    * ``program``: the file name of the program. ``packages``: the directory beside it with the files that it imports.
    * ``module``: the module whose ``main`` the program calls. The caller has imported it.
    * ``note``: a comment line about the writer, at the head of each file that is made here.
    * ``service`` and ``timer``: the texts of the two units.
    """

    unit: str
    program: str
    packages: str
    module: str
    note: str
    service: str
    timer: str

    def files(self) -> dict[str, tuple[str, int]]:
        """Return text and mode of each file, by its path from the root of the host."""
        start = starting_program(self.module, f"/{HOME}/{self.packages}", note=self.note)
        files = {f"{HOME}/{self.packages}/{path}": (text, 0o644) for path, text in imported_sources().items()}
        files[f"{HOME}/{self.program}"] = (start, 0o755)
        files[f"{_UNITS}/{self.unit}.service"] = (f"{self.note}{self.service}", 0o644)
        files[f"{_UNITS}/{self.unit}.timer"] = (f"{self.note}{self.timer}", 0o644)
        return files


def install_timer(root: Path, timer: Timer, *, step: str, does: str) -> Step | None:
    """Install a timer and start it. Returns what changed, None if it is as it should be or the host has no systemd.

    ``step`` is the name of the step that is returned, and ``does`` says in it what the timer does.
    """
    if not (root / _UNITS).is_dir():
        return None
    changed = [_write(root / name, text, mode) for name, (text, mode) in timer.files().items()]
    active = output_of(["systemctl", "is-active", f"{timer.unit}.timer"]) is not None
    if active and not any(changed):
        return None
    output_of(["systemctl", "daemon-reload"])
    if output_of(["systemctl", "enable", "--now", f"{timer.unit}.timer"]) is None:
        return Step(step, WARNING, f"{timer.unit}.timer does not start: systemctl status {timer.unit}.timer")
    return None if active else Step(step, CHANGED, f"{timer.unit}.timer {does}")


def remove_timer(root: Path, timer: Timer) -> bool:
    """Stop a timer and remove its unit. The program stays. Returns whether there was a timer."""
    unit = root / _UNITS / f"{timer.unit}.timer"
    if not unit.exists():
        return False
    output_of(["systemctl", "disable", "--now", unit.name])
    unit.unlink()
    output_of(["systemctl", "daemon-reload"])
    return True


def _write(path: Path, text: str, mode: int) -> bool:
    make_directory(path.parent, mode=0o755)
    return write_atomically(path, text, mode=mode)
