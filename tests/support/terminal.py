# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command ``vsa`` on a terminal, driven as an operator types."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pexpect  # with ansible-runner

import rig

__all__ = ("INTERRUPT", "Terminal", "on_a_terminal")

INTERRUPT = "\x03"


class Terminal:
    """A running command: wait for output, type, and get its exit code."""

    def __init__(self, child: Any) -> None:
        self._child = child
        self._seen = child.logfile_read = io.StringIO()

    def wait_for(self, pattern: str) -> None:
        """Wait for new output that matches a regular expression."""
        self._child.expect(pattern)

    def type(self, text: str) -> None:
        """Type, a line or an interruption."""
        self._child.send(text)

    def ended(self) -> int:
        """Wait for its end and return its exit code."""
        self._child.expect(pexpect.EOF)
        self._child.close()
        assert self._child.signalstatus is None, self.shown
        return int(self._child.exitstatus)

    @property
    def shown(self) -> str:
        """The whole output of the terminal, without colours."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._seen.getvalue())


@contextmanager
def on_a_terminal(vps: rig.Vps, words: tuple[str, ...], *, folder: Path, user: str = "root") -> Iterator[Terminal]:
    """Run ``vsa`` against a VPS on a terminal 200 columns wide; ``folder`` takes the inventory."""
    inventory = vps.inventory(folder / "terminal.yml", user=user)
    child = pexpect.spawn(
        rig.command("vsa"),
        ["-i", str(inventory), *words],
        cwd=str(rig.ROOT),
        env={**os.environ, "TERM": "xterm"},
        dimensions=(50, 200),
        encoding="utf-8",
        codec_errors="replace",
        timeout=120,
    )
    try:
        yield Terminal(child)
    finally:
        child.close(force=True)
