"""The names of findings: stable, and each with what is allowed instead."""

from __future__ import annotations

import re

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.rules.catalogue import NAMES, NEVER, violation


@pytest.mark.parametrize("name", NAMES)
def test_a_finding(name: str) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
    found = violation(name, "web x", "what was seen")
    assert found.remedy
    assert (found.name, found.subject, found.text) == (name, "web x", "what was seen")


def test_the_names() -> None:
    assert set(NEVER) < set(NAMES)
