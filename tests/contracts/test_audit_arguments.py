"""Every option of every role is either shown in the audit's records or masked there, on purpose."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.arguments import (
    MASKED_OPTIONS,
    SHOWN_OPTIONS,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.mask import MASK, Masker, masked_arguments

import vsa_tree

TABLES = "plugins/module_utils/_core/audit/arguments.py"
SPECS = {path.parts[1]: path for path in vsa_tree.files() if path.match("roles/*/meta/argument_specs.yml")}


def options(role: str) -> dict[str, dict[str, Any]]:
    """Return the options of all entry points of a role."""
    points = vsa_tree.data(SPECS[role])["argument_specs"].values()
    return {name: option for point in points for name, option in (point.get("options") or {}).items()}


def test_the_tables_are_of_roles_that_exist() -> None:
    assert {*SHOWN_OPTIONS, *MASKED_OPTIONS} <= set(SPECS)
    assert SPECS


@pytest.mark.parametrize("role", sorted(SPECS))
def test_every_option_is_on_exactly_one_table(role: str) -> None:
    shown, masked = SHOWN_OPTIONS.get(role, ()), MASKED_OPTIONS.get(role, ())
    missing = sorted(set(options(role)) - {*shown, *masked})
    assert not missing, f"{TABLES}: may a record show {missing}? Put them in SHOWN_OPTIONS or in MASKED_OPTIONS"
    gone = sorted({*shown, *masked} - set(options(role)))
    assert not gone, f"{TABLES}: the role {role} has no {gone}"
    assert len({*shown, *masked}) == len(shown) + len(masked), "an option is listed twice"


@pytest.mark.parametrize("role", sorted(SPECS))
def test_switches_and_numbers_are_shown_and_marked_secrets_are_not(role: str) -> None:
    for name, option in options(role).items():
        if option.get("type") in ("bool", "int", "float"):
            assert name in SHOWN_OPTIONS[role], f"{name} is a {option['type']}, which is no secret"
        if option.get("no_log"):
            assert name in MASKED_OPTIONS[role], f"{name} has no_log"


@pytest.mark.parametrize("role", sorted(SPECS))
def test_a_value_of_an_option_is_treated_as_its_table_says(role: str) -> None:
    for name in options(role):
        told = {name: "some value of it"}
        expected = MASK if name in MASKED_OPTIONS.get(role, ()) else "some value of it"
        assert masked_arguments(told) == {name: expected}
        assert Masker(told).text("this is some value of it") == f"this is {expected}"
