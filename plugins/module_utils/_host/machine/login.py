# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who runs this process.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from ..._core.actor import Actor, actor_from_environment

__all__ = ("current_actor",)


def current_actor(environ: Mapping[str, str]) -> Actor:
    """Return who runs this process on this machine."""
    import pwd  # imported here: a module on a host is told who started the run

    try:
        login = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        login = str(os.getuid())  # a container's user without an entry
    return actor_from_environment(environ, login=login, controller=socket.gethostname())
