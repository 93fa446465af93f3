# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with a systemd that starts what it is told to, and the programs that VSA installs there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine import timers

__all__ = ("UNITS", "fake_systemd", "imported_alone")

UNITS = "etc/systemd/system"


def fake_systemd(root: Path, monkeypatch: pytest.MonkeyPatch, *, starts: bool = True) -> list[str]:
    """Give a host systemd. Returns what systemctl is asked. A timer is active once it was enabled, if it ``starts``."""
    (root / UNITS).mkdir(parents=True)
    words: list[str] = []

    def answer(argv: Sequence[str]) -> str | None:
        words.append(" ".join(argv[1:3]))
        inactive = argv[1] == "is-active" and not any(word.startswith("enable") for word in words)
        return None if inactive or not starts else ""

    monkeypatch.setattr(timers, "output_of", answer)
    return words


def imported_alone(packages: Path, module: str) -> str:
    """Import a module from the files that were installed for it, and return the path of its file."""
    program = f"import {module} as program; print(program.__file__)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(packages)!r}); {program}"],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": ":".join(path for path in sys.path if "site-packages" in path and "_vsa" not in path)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
