# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run programs of the host: for what they print, or for what they do.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from ..._core.errors import RefusedError, RolledBackError
from ..._core.words import Words

__all__ = ("Finished", "output_of", "require_success", "run_program")

_SECONDS = 60
# A shell of an ordinary user may lack these directories, and dockerd lies in one of them.
_SYSTEM_PROGRAMS = "/usr/sbin:/sbin"


@dataclass(frozen=True)
class Finished:
    """How a program ended: its exit code, and what it printed on its standard output and its standard error."""

    code: int
    output: str
    errors: str


def run_program(argv: Sequence[str], *, seconds: float | None = None) -> Finished:
    """Run a program in English and return how it ended, after a minute at most or after so many ``seconds``.

    RefusedError if the host does not have the program, or if it takes longer.
    """
    limit = _SECONDS if seconds is None else seconds
    path = f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM_PROGRAMS}"
    environment = {**os.environ, "LC_ALL": "C", "PATH": path}
    try:
        done = subprocess.run(  # pylint: disable=ansible-bad-function  # module_utils have no module to call
            list(argv), capture_output=True, text=True, errors="replace", timeout=limit, check=False, env=environment
        )
    except OSError as error:
        raise RefusedError(f"{argv[0]} cannot be run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise RefusedError(f"{argv[0]} did not end within {limit} s") from error
    return Finished(done.returncode, done.stdout, done.stderr)


def output_of(argv: Sequence[str]) -> str | None:
    """Return what a program printed on its standard output, in English.

    Returns None if the program is missing, fails, or takes longer than a minute.
    """
    try:
        done = run_program(argv)
    except RefusedError:
        return None
    return done.output if done.code == 0 else None


def require_success(argv: Sequence[str], *, failure: str, state: str, seconds: float | None = None) -> None:
    """Run a program. RolledBackError with the text ``failure`` and the host's ``state`` if the program fails."""
    done = run_program(argv, seconds=seconds)
    if done.code:
        raise RolledBackError(f"{failure}: {Words(argv[0], done.errors or done.output)}", state=state)
