# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The templates and pages of the role vhost, which every module that renders the proxy's files needs.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from pathlib import Path

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.render import PAGES, TEMPLATES

__all__ = ("read_templates",)

# Ansible looks for templates in the role that runs, which may be another role. So they are read relative to this file.
_ROLE = Path(__file__).resolve().parents[3] / "roles" / "vhost"


def read_templates(override: str | None) -> dict[str, str]:
    """Return the text of every template and page by its name.

    A file of the same name in the operator's directory ``override`` replaces the role's own. RefusedError if that
    directory has none of these files.
    """
    templates = {name: _ROLE / "templates" / name for name in TEMPLATES}
    pages = {name: _ROLE / "files" / name for name in PAGES}
    files = {**templates, **pages}
    if override:
        directory = Path(override).expanduser()
        replaced = {name: directory / name for name in files if (directory / name).is_file()}
        if not replaced:
            raise RefusedError(
                "no template lies in the directory of templates",
                field="vhost_templates_dir",
                value=override,
                expected=" or ".join(files),
            )
        files.update(replaced)
    return {name: file.read_text(encoding="utf-8") for name, file in files.items()}
