# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The templates and pages of the role vhost, for every module that renders them.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from ansible.plugins.action import ActionBase
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, VsaError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.render import PAGES, TEMPLATES
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._run import run_options

__all__ = ("TemplatesAction", "read_templates")

# A role's templates are not found from another role's action plugin, so they are read relative to this file.
_ROLE = Path(__file__).resolve().parents[2] / "roles" / "vhost"


def read_templates(override: str | None) -> dict[str, str]:
    """Return the text of every template and page; a file of the same name in the operator's directory wins.

    Raises RefusedError where that directory has none of them.
    """
    places = {
        **{name: _ROLE / "templates" / name for name in TEMPLATES},
        **{name: _ROLE / "files" / name for name in PAGES},
    }
    texts = {name: place.read_text(encoding="utf-8") for name, place in places.items()}
    if override:
        directory = Path(override).expanduser()
        found = [name for name in places if (directory / name).is_file()]
        if not found:
            raise RefusedError(
                "no template lies in the directory of templates",
                field="vhost_templates_dir",
                value=override,
                expected=" or ".join(places),
            )
        texts.update({name: (directory / name).read_text(encoding="utf-8") for name in found})
    return texts


class TemplatesAction(ActionBase):
    """Hands the task on to ``module`` with the templates; ``verb`` is what the run is where the task does not say."""

    module: ClassVar[str]
    verb: ClassVar[str]

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result, or the refusal."""
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        try:
            templates = read_templates(self._task.args.get("templates_dir"))
        except VsaError as error:
            return {"failed": True, "changed": False, **error.as_result()}
        arguments = {
            **self._task.args,
            **run_options(self._task.args, task_vars, verb=self.verb),
            "templates": templates,
        }
        return self._execute_module(module_name=self.module, module_args=arguments, task_vars=task_vars)
