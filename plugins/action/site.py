# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the module site: the one-host rule, the id of the run, and the templates of a removal."""

from __future__ import annotations

from typing import Any, ClassVar

from ansible_collections.flowbiz.vsa.plugins.plugin_utils._one_host import OneHostAction
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._templates import read_templates


class ActionModule(OneHostAction):
    """Hands the task on to the module of the same name."""

    module: ClassVar[str] = "flowbiz.vsa.site"
    verb: ClassVar[str] = "site.provision"

    def arguments(self) -> dict[str, Any]:
        """Return the task's options; taking a site out of the proxy is a transaction, which renders."""
        if self._task.args.get("state") != "absent":
            return dict(self._task.args)
        return {
            "verb": "site.unprovision",
            **self._task.args,
            "templates": read_templates(self._task.args.get("templates_dir")),
        }
