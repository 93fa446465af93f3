# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that name a run."""

from __future__ import annotations


class ModuleDocFragment:
    """Filled in by the action plugin."""

    DOCUMENTATION = r"""
options:
  audit_id:
    description: The id of the run, a UUID of version 7.
    type: str
  actor:
    description: Who asked for it.
    type: str
    default: unknown
  verb:
    description: The verb that asked for it.
    type: str
"""
