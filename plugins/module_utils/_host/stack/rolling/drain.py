# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drain of a rolling update: the workers of before finish the requests that they have.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...proxy.protocols import ProxyNginx

__all__ = ("wait_for_old_workers",)

_PAUSE_SECONDS = 0.2


def wait_for_old_workers(nginx: ProxyNginx, *, seconds: float) -> float:
    """Wait until no worker of NGINX is left that takes no new connection, or ``seconds`` are over.

    Only these workers know the containers of before. Returns how many seconds it took.
    """
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        master = nginx.master()
        if master is None or all(worker.accepting for worker in nginx.workers(master)):
            break
        time.sleep(_PAUSE_SECONDS)
    return passed
