# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the module site: the one-host rule, the id of the run, and the templates."""

from __future__ import annotations

from typing import Any, ClassVar

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._one_host import OneHostAction
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._templates import read_templates


class ActionModule(OneHostAction):
    """Hands the task on to the module of the same name."""

    module: ClassVar[str] = "flowbiz.vsa.site"
    verb: ClassVar[str] = "site.provision"

    def arguments(self) -> dict[str, Any]:
        """Return the task's options; with the templates where it is more than a check: a transaction renders."""
        said = self._task.args
        absent = said.get("state") == "absent"
        if not absent and not boolean(said.get("provision", False), strict=False):
            return dict(said)
        named = {"verb": "site.unprovision"} if absent else {}
        return {**named, **said, "templates": read_templates(said.get("templates_dir"))}
