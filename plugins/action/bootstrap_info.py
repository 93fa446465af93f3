# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the module bootstrap_info: it reads the CA bundle, and hands over only certificates."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.bootstrap import holds_only_certificates
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.base import VsaAction


def read_certificates(path: Path) -> str:
    """Return the text of a PEM file of certificates; empty if it is anything else. A key never leaves this machine."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    return text if holds_only_certificates(text) else ""


class ActionModule(VsaAction):
    """Adds the text of the CA bundle."""

    module: ClassVar[str] = "flowbiz.vsa.bootstrap_info"

    def arguments(self) -> dict[str, Any]:
        """Return the text of the bundle if the task names one."""
        bundle = self._task.args.get("ca_bundle")
        if not bundle:
            return {}
        return {"ca_bundle_text": read_certificates(Path(bundle))}
