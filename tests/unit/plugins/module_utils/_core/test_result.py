"""What a module returns: the values of a Result as Ansible's dictionary."""

from __future__ import annotations

import json

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Advice, Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import (
    CHANGED,
    OK,
    WARNING,
    Result,
    Step,
    as_module_result,
    joined,
    remarks,
)


def test_a_result_without_anything_has_changed_and_schema_alone() -> None:
    assert as_module_result(Result()) == {"changed": False, "schema": 1}


def test_steps_are_in_their_order_with_all_four_keys() -> None:
    steps = (Step("preflight", OK, "web-1:3000 answers"), Step("proxy", CHANGED, "generation 2", ("1 file added",)))
    assert as_module_result(Result(changed=True, steps=steps))["steps"] == [
        {"name": "preflight", "state": "ok", "text": "web-1:3000 answers", "notes": []},
        {"name": "proxy", "state": "changed", "text": "generation 2", "notes": ["1 file added"]},
    ]


def test_notes_that_end_with_a_command_are_listed_once_with_their_hint() -> None:
    advice = Advice("not live yet", Hint("vhost.sync"))
    result = as_module_result(Result(steps=(Step("a", OK, "b", (advice,)),), data={"sites": [{"problems": [advice]}]}))
    text = "not live yet: ansible-playbook flowbiz.vsa.vhost.sync"
    assert result["steps"][0]["notes"] == [text]
    assert result["advice"] == [
        {"text": text, "sentence": "not live yet", "hint": {"verb": "vhost.sync", "fields": {}}}
    ]


def test_the_data_stands_beside_the_other_keys() -> None:
    result = as_module_result(Result(data={"sites": [{"domain": "a.example.com"}], "generation": 2}))
    assert result == {"changed": False, "schema": 1, "sites": [{"domain": "a.example.com"}], "generation": 2}


def test_an_empty_diff_is_a_diff_and_none_is_no_diff() -> None:
    assert as_module_result(Result(diff=""))["diff"] == {"prepared": ""}
    assert "diff" not in as_module_result(Result(diff=None))


def test_the_dictionary_is_json() -> None:
    result = Result(changed=True, steps=(Step("proxy", CHANGED, "generation 2", ("a", "b")),), data={"generation": 2})
    mapping = as_module_result(result)
    assert json.loads(json.dumps(mapping)) == mapping


def test_two_parts_of_a_verb_are_joined_in_their_order() -> None:
    first = Result(steps=(Step("preflight", OK, "a"),), data={"site": {}, "generation": 1})
    second = Result(changed=True, steps=(Step("proxy", CHANGED, "b"),), data={"generation": 2}, diff="+x")
    both = joined(first, second)
    assert [step.name for step in both.steps] == ["preflight", "proxy"]
    assert (both.changed, both.data, both.diff) == (True, {"site": {}, "generation": 2}, "+x")
    assert joined(second, first).diff == "+x"
    assert joined(second, first).changed


def test_what_the_steps_remark() -> None:
    steps = (
        Step("preflight", OK, "web-1:3000 answers", ("will be joined to flowbiz_ext",)),
        Step("site", WARNING, "no answer", ("502",)),
        Step("proxy", CHANGED, "generation 2"),
    )
    assert remarks(as_module_result(Result(steps=steps))) == [
        "preflight: will be joined to flowbiz_ext",
        "site: no answer",
        "site: 502",
    ]
    assert remarks({}) == []


def test_many_remarks_are_counted() -> None:
    notes = tuple(f"site-{number}.example.com is refused now" for number in range(1000))
    found = remarks(as_module_result(Result(steps=(Step("proxy", CHANGED, "x", notes),))))
    assert len(found) == 20
    assert found[-1] == "and 981 more remarks, see the result"
