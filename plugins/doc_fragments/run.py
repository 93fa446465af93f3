# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that name a run."""

from __future__ import annotations


class ModuleDocFragment:
    """The options that tell a module which run it is part of. The action plugin fills them in."""

    DOCUMENTATION = r"""
options:
  audit_id:
    description: The id of the run, a UUID of version 7. The action plugin fills it in.
    type: str
  actor:
    description: Who started the run. The action plugin fills it in.
    type: dict
    suboptions:
      user:
        description: The login user of the run.
        type: str
        required: true
      sudo_user:
        description: The user who called sudo, if the run has another user's rights.
        type: str
      controller:
        description: The name of the machine that the run was started on.
        type: str
  verb:
    description: The verb that the run is recorded under. The action plugin fills it in.
    type: str
"""
