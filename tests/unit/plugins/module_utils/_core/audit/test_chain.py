"""What is done to a trail is found, and the line is named."""

from __future__ import annotations

import json

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.chain import ChainVerdict, verify
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import content_of, seal
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_records import audit_id, chain, record

WHOLE = chain(12)


def judge(lines: list[str], *, head: str | None = None, end: str = "\n") -> ChainVerdict:
    """Verify lines as one file; ``end`` is what stands after the last one."""
    ends = ["\n"] * (len(lines) - 1) + [end]
    return verify(
        [("audit.jsonl", number + 1, (line + ends[number]).encode()) for number, line in enumerate(lines)],
        heads={head: "paper"} if head else {},
    )


def told(verdict: ChainVerdict) -> list[tuple[str, int]]:
    return [(problem.what, problem.line) for problem in verdict.problems]


def hash_of(line: str) -> str:
    return content_of(line)[1]


def rewritten(line: str, **values: object) -> str:
    """Return a line whose content was changed by somebody who left its hash alone."""
    return json.dumps({**json.loads(line), **values}, separators=(",", ":"))


def forged(number: int, before: str) -> str:
    return seal(record(900 + number), before)


@pytest.mark.parametrize("count", [0, 1, 2, 12])
def test_a_whole_trail(count: int) -> None:
    verdict = judge(WHOLE[:count])
    assert (verdict.records, told(verdict)) == (count, [])
    assert verdict.head == (hash_of(WHOLE[count - 1]) if count else "0" * 64)


@pytest.mark.parametrize("line", [1, 2, 7, 11, 12])
def test_an_edited_line(line: int) -> None:
    lines = list(WHOLE)
    lines[line - 1] = rewritten(lines[line - 1], verb="site.list")
    verdict = judge(lines)
    assert told(verdict) == [("edited", line)]
    assert verdict.problems[0].id == audit_id(line - 1)


@pytest.mark.parametrize("line", [1, 2, 7, 11])
def test_an_edited_line_with_a_new_hash(line: int) -> None:
    lines = list(WHOLE)
    lines[line - 1] = forged(1, content_of(lines[line - 1])[0])
    # The next line no longer follows: that one names it.
    assert told(judge(lines)) == [("removed", line + 1)]


@pytest.mark.parametrize("line", [1, 2, 7, 11])
def test_a_removed_line_is_named_by_its_successor(line: int) -> None:
    lines = WHOLE[: line - 1] + WHOLE[line:]
    verdict = judge(lines)
    assert told(verdict) == [("removed", line)]
    assert verdict.problems[0].id == audit_id(line)


@pytest.mark.parametrize("line", [1, 2, 7, 11])
def test_an_inserted_line(line: int) -> None:
    before = hash_of(WHOLE[line - 2]) if line > 1 else "0" * 64
    lines = [*WHOLE[: line - 1], forged(1, before), *WHOLE[line - 1 :]]
    assert told(judge(lines)) == [("inserted", line)]


def test_a_line_beside_the_last_one() -> None:
    # Nothing tells which of the two came first, but that one is too many.
    assert [what for what, _ in told(judge([*WHOLE[:11], forged(1, hash_of(WHOLE[10])), WHOLE[11]]))] == ["inserted"]


def test_a_line_that_was_copied() -> None:
    assert told(judge([*WHOLE[:8], WHOLE[2], *WHOLE[8:]])) == [("inserted", 9)]


def test_two_lines_that_changed_places() -> None:
    lines = [*WHOLE[:4], WHOLE[5], WHOLE[4], *WHOLE[6:]]
    found = told(judge(lines))
    assert len(found) == 1
    assert found[0][0] == "reordered"
    assert found[0][1] in (5, 6)


def test_a_line_that_was_moved_far() -> None:
    lines = [*WHOLE[:2], *WHOLE[3:], WHOLE[2]]
    assert told(judge(lines)) == [("reordered", 12)]


@pytest.mark.parametrize("length", [1, 30, 200, -1])
def test_a_line_that_is_cut_short(length: int) -> None:
    lines = list(WHOLE)
    lines[6] = lines[6][:length]
    assert told(judge(lines)) == [("truncated", 7)]
    assert told(judge([*WHOLE[:11], WHOLE[11][:length]], end="")) == [("truncated", 12)]


def test_a_last_line_without_its_end() -> None:
    assert told(judge(WHOLE, end="")) == [("truncated", 12)]


def test_lines_that_are_no_record() -> None:
    assert [what for what, _ in told(judge([*WHOLE[:3], '{"a":1}', "", "\x00" * 40, *WHOLE[3:]]))] == [
        "truncated",
        "truncated",
        "truncated",
    ]


def test_several_things_at_once() -> None:
    lines = list(WHOLE)
    lines[2] = rewritten(lines[2], target="other")
    del lines[6]
    assert told(judge(lines)) == [("edited", 3), ("removed", 7)]


def test_a_duplicate_key_is_an_edit() -> None:
    # A parser takes the last one: the content would still be what the hash of a parsed record says.
    lines = list(WHOLE)
    lines[3] = lines[3].replace('"schema":1', '"schema":1,"schema":1')
    assert told(judge(lines)) == [("edited", 4)]


def test_a_head_that_was_seen_before() -> None:
    assert told(judge(WHOLE, head=hash_of(WHOLE[4]))) == []
    assert told(judge(WHOLE[:4], head=hash_of(WHOLE[4]))) == [("head", 4)]


def test_a_chain_that_was_rewritten_whole_is_found_by_its_head_alone() -> None:
    forgery = chain(12, first=100)
    assert told(judge(forgery)) == []
    assert told(judge(forgery, head=hash_of(WHOLE[11]))) == [("head", 12)]


def test_a_chain_goes_on_over_files() -> None:
    lines = [("audit.jsonl.1", 1, f"{WHOLE[0]}\n".encode()), ("audit.jsonl", 1, f"{WHOLE[2]}\n".encode())]
    (problem,) = verify(lines).problems
    assert (problem.what, problem.file, problem.line) == ("removed", "audit.jsonl", 1)


def test_problems_are_bounded() -> None:
    assert len(judge(["rubbish"] * 500).problems) == 100


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_one_change_anywhere_is_found(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 15))
    lines = chain(size)
    at = data.draw(st.integers(0, size - 1))
    how = data.draw(st.sampled_from(["byte", "remove", "insert", "swap", "cut"]))
    kinds = {
        "byte": {"edited", "truncated", "removed"},
        "remove": {"removed"},
        "insert": {"inserted"},
        "cut": {"truncated"},
    }
    if how == "byte":
        place = data.draw(st.integers(0, len(lines[at]) - 1))
        letter = data.draw(st.sampled_from('0aZ}"x'))
        if lines[at][place] == letter:
            return
        lines[at] = lines[at][:place] + letter + lines[at][place + 1 :]
    elif how == "remove":
        if at == size - 1:
            return  # only a head that is kept elsewhere tells
        del lines[at]
    elif how == "insert":
        lines.insert(at, forged(1, hash_of(lines[at - 1]) if at else "0" * 64))
        if at == size:
            return
    elif how == "cut":
        lines[at] = lines[at][: data.draw(st.integers(1, len(lines[at]) - 1))]
    else:
        other = data.draw(st.integers(0, size - 1))
        lines[at], lines[other] = lines[other], lines[at]
        if at == other:
            return
    found = judge(lines).problems
    assert found
    assert {problem.what for problem in found} <= kinds.get(how, {"reordered"})
    if how != "swap":
        beside_last = how == "insert" and at == size - 1
        assert found[0].line in ((at + 1, at + 2) if beside_last else (at + 1,))
