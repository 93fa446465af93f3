# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the module site: it adds the templates of the role vhost."""

from __future__ import annotations

from typing import ClassVar

from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.base import VsaAction

_VERBS = {"renamed": "site.rename", "rolled_back": "site.rollback", "absent": "site.unprovision"}


class ActionModule(VsaAction):
    """Runs the module of the same name on exactly one host."""

    module: ClassVar[str] = "flowbiz.vsa.site"
    verb: ClassVar[str | None] = "site.provision"
    one_host: ClassVar[bool] = True
    templates: ClassVar[bool] = True

    def default_verb(self) -> str | None:
        """Return the verb for a task that names none."""
        return _VERBS.get(self._task.args.get("state", "present"), self.verb)

    def makes_sites(self) -> bool:
        """Say whether the task provisions a site."""
        return self._task.args.get("state", "present") == "present"
