# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By which door a run came: the command says so in a variable, and Ansible's own door says nothing.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ("COMMAND", "DOOR", "came_by_command")

DOOR = "vsa_door"
"""The variable that says which door a run came by."""
COMMAND = "command"
"""The value of :data:`DOOR` if the command started the run. The command has checked and asked, and shows the result."""


def came_by_command(variables: Mapping[str, object]) -> bool:
    """Say whether the command started the run."""
    return variables.get(DOOR) == COMMAND
