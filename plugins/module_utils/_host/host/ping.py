# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`vsa ping`: say that the host was reached, and as what. Whoever runs this has connected and become a user already.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
import platform
import pwd

from ..._core.result import Result
from ..store.layout import Paths

__all__ = ("answer_ping",)


def answer_ping(*, paths: Paths | None = None) -> Result:
    """Return the user, the version of Python, and whether bootstrap has left its settings here."""
    uid = os.geteuid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = f"uid {uid}"
    settings = (paths or Paths()).vsa_yml
    ping = {"user": user, "python": platform.python_version(), "bootstrapped": settings.exists()}
    return Result(data={"ping": ping})
