# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the module agent_info: it shows the result."""

from __future__ import annotations

from typing import ClassVar

from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.base import VsaAction


class ActionModule(VsaAction):
    """Runs the module of the same name."""

    module: ClassVar[str] = "flowbiz.vsa.agent_info"
