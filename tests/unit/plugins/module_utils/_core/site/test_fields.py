# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of a manifest: each is complete, and its kind is the type that the site has it in."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core import forms
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.fields import (
    HEADERS,
    LIST,
    NAMES,
    NUMBER,
    REQUEST_ONLY,
    ROUTES,
    SWITCH,
    TEXT,
    Field,
    Option,
    list_of,
    number,
    rows_of,
    switch,
    text,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.manifest import (
    FIELDS,
    NEVER_UNSET,
    ROUTE_FIELDS,
    Route,
    Site,
    parse,
)

from manifests import FULL

TYPES = {TEXT: str, NUMBER: int, SWITCH: bool, LIST: tuple, ROUTES: tuple, HEADERS: dict}
ROWS: dict[str, Option] = {**REQUEST_ONLY, **FIELDS, **{f"routes/{name}": row for name, row in ROUTE_FIELDS.items()}}


def test_every_attribute_of_a_site_and_of_a_route_is_a_row() -> None:
    assert ["domain", *FIELDS, "origin"] == [field.name for field in dataclasses.fields(Site)]
    assert list(ROUTE_FIELDS) == [field.name for field in dataclasses.fields(Route)]
    assert NEVER_UNSET == ("routes", "auth")


@pytest.mark.parametrize("name", FIELDS)
def test_the_kind_is_the_type_in_a_site(name: str) -> None:
    assert type(getattr(parse(FULL), name)) is TYPES[FIELDS[name].kind]


@pytest.mark.parametrize("name", ROWS)
def test_a_row_is_complete(name: str) -> None:
    row = ROWS[name]
    assert row.kind in {*TYPES, NAMES}
    assert row.description.endswith("."), "a description is made of sentences"
    assert row.description[0].isupper()
    if not isinstance(row, Field):
        return
    sample = list(row.sample) if isinstance(row.sample, tuple) else row.sample
    row.read(sample, name)
    with pytest.raises(RefusedError) as caught:
        row.read({"not": "a value"}, f"sites/x/{name}")
    assert str(caught.value.field).startswith(f"sites/x/{name}")


def test_the_texts_name_every_choice() -> None:
    for choices, row in ((forms.PROFILES, FIELDS["profile"]), (forms.CAS, FIELDS["ca"])):
        assert [choice for choice in choices if f"V({choice})" not in row.description] == []


def test_readers() -> None:
    assert text(forms.port)("80", "port") == 80
    assert number(least=0, most=5)("5", "n") == 5
    assert switch(False, "s") is False
    assert list_of(forms.port, most=3)(["1", 2, 1], "l") == (1, 2)
    for value in ("1", {"1"}, [1, 2, 3, 4], [0]):
        with pytest.raises(RefusedError):
            list_of(forms.port, most=3)(value, "l")


def test_rows_of_takes_the_rows_alone() -> None:
    assert set(rows_of(Site)) == set(FIELDS)
    assert all(isinstance(row, Field) for row in rows_of(Route).values())
