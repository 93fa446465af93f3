# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let the agent of this host report a change at once: every verb that changed something does this at its end.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..machine.programs import output_of
from .places import SEND, TIMER

__all__ = ("report_change",)


def report_change(root: str = "/") -> None:
    """Start the agent if it is registered and runs; nothing that goes wrong here fails the change."""
    # The link is there while the timer starts at every boot: an agent that was stopped stays so.
    if os.path.lexists(Path(root, "etc/systemd/system/timers.target.wants", TIMER)):
        output_of(["systemctl", "start", "--no-block", SEND])
