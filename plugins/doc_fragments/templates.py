# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of what renders the proxy's files."""

from __future__ import annotations


class ModuleDocFragment:
    """Where the templates come from."""

    DOCUMENTATION = r"""
options:
  templates:
    description: The text of each template by file name. The action plugin fills it in.
    type: dict
  templates_dir:
    description: A directory on the controller whose templates replace those of the role C(vhost) of the same name.
    type: path
"""
