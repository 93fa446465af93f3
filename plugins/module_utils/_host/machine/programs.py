# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of the host that only look: run one and return what it printed.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

__all__ = ("output_of",)

_SECONDS = 60
# A shell of an ordinary user may lack these directories, and dockerd lies in one of them.
_SYSTEM_PROGRAMS = "/usr/sbin:/sbin"


def output_of(argv: Sequence[str]) -> str | None:
    """Return what a program printed on its standard output, in English.

    Returns None if the program is missing, fails, or takes longer than a minute.
    """
    path = f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM_PROGRAMS}"
    environment = {**os.environ, "LC_ALL": "C", "PATH": path}
    try:
        done = subprocess.run(  # pylint: disable=ansible-bad-function  # module_utils have no module to call
            list(argv), capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False, env=environment
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
