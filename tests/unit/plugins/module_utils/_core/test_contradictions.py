"""Options that contradict each other, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.contradictions import (
    refuse_force_for_all,
    refuse_purge_with_kept_container,
    refuse_set_and_unset,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import UsageError


@pytest.mark.parametrize(
    ("options", "unset", "refused"),
    [
        ({}, ["ca"], None),
        ({"ca": "staging"}, ["email"], None),
        ({"ca": None}, ["ca"], None),
        ({"ca": "staging"}, ["email", "ca"], "ca"),
        ({"hsts": False}, ["hsts"], "hsts"),
    ],
)
def test_said_and_unset(options: Mapping[str, object], unset: Sequence[str], refused: str | None) -> None:
    if refused is None:
        refuse_set_and_unset(options, unset)
        return
    with pytest.raises(UsageError) as caught:
        refuse_set_and_unset(options, unset)
    assert (caught.value.field, caught.value.value, caught.value.exit_code) == ("unset", refused, 2)


@pytest.mark.parametrize("words", [{"purge": True}, {"keep_container": True}, {}])
def test_purge_and_keep_alone(words: dict[str, bool]) -> None:
    refuse_purge_with_kept_container(**{"purge": False, "keep_container": False, **words})


def test_purge_of_what_stays() -> None:
    with pytest.raises(UsageError, match="cannot go") as caught:
        refuse_purge_with_kept_container(purge=True, keep_container=True)
    assert caught.value.field == "purge"


def test_force() -> None:
    refuse_force_for_all(force=False, domain=None)
    refuse_force_for_all(force=True, domain="shop.example.com")
    with pytest.raises(UsageError, match="rate limits") as caught:
        refuse_force_for_all(force=True, domain=None)
    assert caught.value.field == "force"
