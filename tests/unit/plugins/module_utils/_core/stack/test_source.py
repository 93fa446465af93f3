"""Where the folder of a stack comes from."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.source import (
    COLLECTION,
    INVENTORY,
    NAMED,
    Source,
    choose_source,
    kept_source,
    refuse_other_source,
)

OURS, BESIDE, OTHER = Source(COLLECTION, "/c/stacks"), Source(INVENTORY, "/i/stacks"), Source(NAMED, "/x")


@pytest.mark.parametrize(
    ("having", "chosen", "others"),
    [
        ({}, None, ()),
        ({"/i/stacks": True}, BESIDE, ()),
        ({"/c/stacks": True, "/i/stacks": False}, OURS, ()),
        ({"/c/stacks": True, "/i/stacks": True}, OURS, (BESIDE,)),
    ],
)
def test_the_first_source_that_has_the_stack(
    having: dict[str, bool], chosen: Source | None, others: tuple[Source, ...]
) -> None:
    assert choose_source([OURS, BESIDE], having) == (chosen, others)


@pytest.mark.parametrize(
    ("kept", "source", "note"),
    [
        (None, BESIDE, None),
        (OURS, OURS, None),
        # another controller has it elsewhere
        (BESIDE, Source(INVENTORY, "/home/operator/stacks"), None),
        (OTHER, Source(NAMED, "/y", typed=True), None),
        (OURS, Source(NAMED, "/x", typed=True), "shop comes from /x now, and came from the collection"),
        (
            BESIDE,
            Source(COLLECTION, "/c/stacks", typed=True),
            "shop comes from the collection now, and came from /i/stacks beside the inventory",
        ),
    ],
)
def test_a_source_that_is_taken(kept: Source | None, source: Source, note: str | None) -> None:
    assert refuse_other_source("shop", source, kept) == note


@pytest.mark.parametrize(("kept", "source"), [(BESIDE, OURS), (OTHER, OURS), (OURS, BESIDE), (OTHER, BESIDE)])
def test_another_source_is_refused_with_both_named(kept: Source, source: Source) -> None:
    with pytest.raises(RefusedError) as refused:
        refuse_other_source("shop", source, kept)
    assert refused.value.message == f"shop runs from {kept.words}, and would now come from {source.words}"
    assert (refused.value.field, refused.value.expected) == ("source", kept.words)


@pytest.mark.parametrize(
    ("data", "source"),
    [
        (None, None),
        ({}, None),
        ({"kind": "else", "place": "/"}, None),
        ({"kind": "named", "place": "/x"}, OTHER),
        ({"kind": "collection"}, Source(COLLECTION)),
    ],
)
def test_what_a_record_keeps(data: dict[str, object] | None, source: Source | None) -> None:
    assert kept_source(data) == source


def test_a_place_does_nothing_to_the_terminal() -> None:
    assert "\x1b" not in Source(NAMED, "/x\x1b[2J").words
    assert OTHER.as_dict() == {"kind": "named", "place": "/x"}
