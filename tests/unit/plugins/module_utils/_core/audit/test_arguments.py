# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of shown and masked arguments. tests/contracts/test_audit_arguments.py compares them with the roles."""

from __future__ import annotations

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.arguments import (
    MASKED_OPTIONS,
    OTHER_SHOWN_ARGUMENTS,
    SHOWN_ARGUMENTS,
    SHOWN_OPTIONS,
)


def test_what_is_shown_is_the_options_of_roles_and_the_other_arguments() -> None:
    of_roles = {name for names in SHOWN_OPTIONS.values() for name in names}
    assert of_roles | set(OTHER_SHOWN_ARGUMENTS) == SHOWN_ARGUMENTS
    assert not of_roles & set(OTHER_SHOWN_ARGUMENTS)


def test_no_masked_option_is_shown_and_every_name_is_its_role_s() -> None:
    assert not SHOWN_ARGUMENTS.intersection(*MASKED_OPTIONS.values())
    for table in (SHOWN_OPTIONS, MASKED_OPTIONS):
        for role, names in table.items():
            assert all(name.startswith(f"{role}_") for name in names)


def test_the_stack_s_variables_are_never_shown() -> None:
    assert "stack_env" not in SHOWN_ARGUMENTS
