# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets of a stack.yml: their formats, and what does not fit together."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.secrets import FORMATS, Secret, secrets


def test_every_format() -> None:
    said = [
        {"name": "A"},
        {"name": "B", "format": "hex", "length": 16, "prefix": "sk-", "rotatable": True},
        {"name": "C", "format": "base64url"},
        {"name": "D", "format": "bcrypt-of", "of": "A"},
        {"name": "E", "format": "bcrypt-of", "of": "TYPED"},
    ]
    assert secrets(said, "secrets") == (
        Secret("A", 32, False, "alnum", "", None),
        Secret("B", 16, True, "hex", "sk-"),
        Secret("C", 32, False, "base64url"),
        Secret("D", format="bcrypt-of", of="A"),
        Secret("E", format="bcrypt-of", of="TYPED"),
    )
    assert {entry.get("format", "alnum") for entry in said} == set(FORMATS)


@pytest.mark.parametrize(
    ("secret", "letters"),
    [
        (Secret("A", 20), 20),
        (Secret("A", 20, prefix="sk-"), 23),
        (Secret("A", 20, format="hex"), 40),
        # token_urlsafe(32) has 43 letters, token_urlsafe(16) has 22, token_urlsafe(17) has 23.
        (Secret("A", 32, format="base64url"), 43),
        (Secret("A", 16, format="base64url"), 22),
        (Secret("A", 17, format="base64url"), 23),
    ],
)
def test_how_long_a_value_is(secret: Secret, letters: int) -> None:
    assert secret.letters == letters


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ([{"name": "A", "format": "md5"}], "0/format"),
        ([{"name": "A", "format": None}], "0/format"),
        ([{"name": "A", "length": 15}], "0/length"),
        ([{"name": "A", "prefix": "a'b"}], "0/prefix"),
        ([{"name": "A", "prefix": "x" * 33}], "0/prefix"),
        ([{"name": "A", "of": "B"}], "0/of"),
        ([{"name": "A", "format": "bcrypt-of"}], "0/of"),
        ([{"name": "A", "format": "bcrypt-of", "of": "A"}], "0/of"),
        ([{"name": "A", "format": "bcrypt-of", "of": "B", "length": 20}], "0/length"),
        ([{"name": "A", "format": "bcrypt-of", "of": "B", "prefix": "x"}], "0/prefix"),
        ([{"name": "A", "format": "bcrypt-of", "of": "B", "rotatable": False}], "0/rotatable"),
        ([{"name": "B", "length": 73}, {"name": "A", "format": "bcrypt-of", "of": "B"}], "1/of"),
        ([{"name": "B", "format": "hex", "length": 37}, {"name": "A", "format": "bcrypt-of", "of": "B"}], "1/of"),
        (
            [{"name": "A", "format": "bcrypt-of", "of": "B"}, {"name": "B", "format": "bcrypt-of", "of": "C"}],
            "0/of",
        ),
    ],
)
def test_what_is_refused_names_its_field(said: list[dict[str, Any]], field: str) -> None:
    with pytest.raises(RefusedError) as refused:
        secrets(said, "secrets")
    assert refused.value.field == f"secrets/{field}"
