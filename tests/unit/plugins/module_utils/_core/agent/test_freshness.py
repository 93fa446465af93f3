"""The word for the age of a beat, at its edges."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.freshness import freshness


@pytest.mark.parametrize(
    ("age", "word"),
    [(None, "never"), (0, "fresh"), (75, "fresh"), (75.001, "late"), (180, "late"), (180.001, "silent")],
)
def test_the_word_for_an_age(age: float | None, word: str) -> None:
    assert freshness(age) == word
