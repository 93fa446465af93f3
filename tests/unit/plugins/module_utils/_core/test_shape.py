# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data that has its shape, and where data has another one."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.shape import ListOf, MapOf, Maybe, Object, misfit

SITE = Object({"names": ListOf(str), "ca": str}, {"last": Maybe(dict), "whole": bool})
FIT: dict[str, Any] = {"names": ["a"], "ca": "x", "last": {}}


@pytest.mark.parametrize(
    ("data", "shape", "problem"),
    [
        (1, int, None),
        (True, int, "it is not a whole number"),
        (1, bool, "it is not true or false"),
        (False, bool, None),
        (1.0, int, "it is not a whole number"),
        (None, Maybe(int), None),
        ("x", Maybe(int), "it is not a whole number"),
        ([], ListOf(int), None),
        ([1, "x"], ListOf(int), "/1 is not a whole number"),
        ({}, ListOf(int), "it is not a list"),
        ({"a": 1}, MapOf(int), None),
        ({"a": []}, MapOf(int), "/a is not a whole number"),
        ([], MapOf(int), "it is not an object"),
        ({"names": ["a"], "ca": "x", "other": 1}, SITE, None),
        ({"names": ["a"], "ca": "x", "last": None, "whole": True}, SITE, None),
        ({"names": ["a"]}, SITE, "/ca is missing"),
        ({"names": [1], "ca": "x"}, SITE, "/names/0 is not a text"),
        ({"a.test": {"names": "a", "ca": "x"}}, MapOf(SITE), "/a.test/names is not a list"),
        (None, SITE, "it is not an object"),
        # The second object has the same fields and types as the first.
        ([FIT, FIT], ListOf(SITE), None),
        ([FIT, {**FIT, "names": [1]}], ListOf(SITE), "/1/names/0 is not a text"),
        ([FIT, {**FIT, "last": None}, {**FIT, "last": 1}], ListOf(SITE), "/2/last is not an object"),
        ([FIT, {**FIT, "ca": True}], ListOf(SITE), "/1/ca is not a text"),
        ([FIT, {"names": ["a"], "last": {}}], ListOf(SITE), "/1/ca is missing"),
        ([FIT, None], ListOf(SITE), "/1 is not an object"),
    ],
)
def test_misfit(data: object, shape: Any, problem: str | None) -> None:
    assert misfit(data, shape) == problem
