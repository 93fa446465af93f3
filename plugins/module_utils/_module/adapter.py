# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How every module of the collection ends: with the result of its verb, or with the error in the operator's words.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .._core.errors import VsaError
from .._core.result import Result, as_module_result

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

__all__ = ("exit_with",)


def exit_with(module: AnsibleModule, call: Callable[[], Result]) -> None:
    """Run a verb, and end the module with its result or with its VsaError."""
    try:
        result = call()
    except VsaError as error:
        module.fail_json(**error.as_result())
    else:
        module.exit_json(**as_module_result(result))
