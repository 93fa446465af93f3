# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.entries import (
    entries,
    refuse_unknown,
    service_name,
)


def test_each_entry_has_its_place() -> None:
    assert entries([{"a": 1}, {}], "list", ("a",)) == [({"a": 1}, "list/0"), ({}, "list/1")]


@pytest.mark.parametrize(
    ("value", "field"), [(None, "list"), ({"a": 1}, "list"), ([1], "list/0"), ([{}, {"b": 1}], "list/1/b")]
)
def test_anything_else_is_refused_with_its_place(value: object, field: str) -> None:
    with pytest.raises(RefusedError) as refused:
        entries(value, "list", ("a",))
    assert refused.value.field == field


def test_an_unknown_field_at_the_top_has_its_own_name() -> None:
    with pytest.raises(RefusedError, match="no such field") as refused:
        refuse_unknown({"b": 1}, "", ("a",))
    assert (refused.value.field, refused.value.expected) == ("b", "a")


@pytest.mark.parametrize("value", ["", "a b", "a/b", "a" * 101, None, 1])
def test_what_is_no_service(value: object) -> None:
    assert service_name("web.1_A-2", "f") == "web.1_A-2"
    with pytest.raises(RefusedError):
        service_name(value, "f")
