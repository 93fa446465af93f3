"""A change of a YAML file that somebody wrote by hand keeps comments, order and quotes of what does not change."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.libraries import MissingLibraryError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.files import dump_yaml
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.commented import rewritten

BY_HAND = """\
# the shop of ACME, see ticket 77
schema: 1
domain: 'shop.example.com'   # their only one
routes:
  # the shop itself
  - path: /
    container: "web-1"
    port: 3000
  # the API of the shop
  - {path: /api/, container: api-1, port: 8000}  # moves in May

# their office
allow: [203.0.113.0/24, "198.51.100.7/32"]
aliases:
  - www.shop.example.com
  - store.example.com   # old name
# slow reports
timeout: 5m
hsts: on
# the end
"""
OFFICE = '\n# their office\nallow: [203.0.113.0/24, "198.51.100.7/32"]\n'


def set_to(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda data: data.update(values)


def without(*names: str) -> Callable[[dict[str, Any]], None]:
    return lambda data: [data.pop(name) for name in names] and None


def first_route_goes(data: dict[str, Any]) -> None:
    del data["routes"][0]


def port_changes_and_a_route_comes(data: dict[str, Any]) -> None:
    data["routes"][1]["port"] = 9000
    data["routes"].append({"path": "/x/", "container": "x-1", "port": 80})


@pytest.mark.parametrize(
    ("change", "old", "new"),
    [
        (set_to(timeout="9m"), "timeout: 5m\n", "timeout: 9m\n"),
        (set_to(hsts=False), "hsts: on\n", "hsts: false\n"),
        (set_to(profile="web"), "# the end\n", "# the end\nprofile: web\n"),
        # YAML 1.1 would read a switch and a number.
        (set_to(email="yes", tenant="0x10"), "# the end\n", '# the end\nemail: "yes"\ntenant: "0x10"\n'),
        (without("timeout"), "timeout: 5m\n", ""),
        (set_to(aliases=["www.shop.example.com"]), "  - store.example.com   # old name\n", ""),
        (first_route_goes, '  - path: /\n    container: "web-1"\n    port: 3000\n', ""),
        (
            port_changes_and_a_route_comes,
            "port: 8000}  # moves in May\n",
            "port: 9000}  # moves in May\n  - path: /x/\n    container: x-1\n    port: 80\n",
        ),
    ],
    ids=["value", "switch", "new field", "quoted", "field goes", "entry goes", "route goes", "route comes"],
)
def test_all_else_stays_as_it_was_written(change: Callable[[dict[str, Any]], None], old: str, new: str) -> None:
    data = yaml.safe_load(BY_HAND)
    change(data)
    assert BY_HAND.count(old) == 1
    assert rewritten(BY_HAND, data) == BY_HAND.replace(old, new)


@pytest.mark.parametrize(
    "more",
    [
        # A comment inside brackets, and one behind an alias.
        "allow: [  # their offices\n  # the first\n  203.0.113.7,  # Rome\n  198.51.100.7\n]\n",
        "allow: &offices [203.0.113.7]\ntrusted_proxies: *offices  # the same\n",
        "allow: {a: [1, # one\n  2]}\n# the end\n",
        "email: >-  # who to ask\n  ops@example.com\n",
        "# Größe – für ACME ✓\nemail: 'ops@example.com'\n",
        "aliases: []  # none yet\n",
    ],
)
def test_a_field_that_does_not_change_keeps_every_letter(more: str) -> None:
    for text in (f"# c\ntimeout: 5m  # slow\n{more}", f"{more}# c\ntimeout: 5m  # slow\n", f"---\n{more}timeout: 5m\n"):
        for ends in ("\n", "\r\n"):
            given = text.replace("\n", ends)
            assert rewritten(given, {**yaml.safe_load(given), "timeout": "9m"}) == given.replace("5m", "9m")
    lines = [*more.splitlines(), "timeout: 5m"]
    changed = rewritten("\n".join(lines), {**yaml.safe_load("\n".join(lines)), "hsts": True})
    assert [line for line in changed.splitlines() if line != "hsts: true"] == lines


def test_a_field_that_comes_stands_before_the_end_of_the_document() -> None:
    text = "---\n# c\nallow: [  # office\n  203.0.113.7]\n...\n# after\n"
    changed = rewritten(text, {**yaml.safe_load(text), "hsts": True})
    assert yaml.safe_load(changed) == {"allow": ["203.0.113.7"], "hsts": True}
    assert all(changed.count(comment) == 1 for comment in ("# c", "# office", "# after"))


def test_a_comment_stands_before_the_line_that_it_was_written_for() -> None:
    data = yaml.safe_load(BY_HAND)
    data["routes"].append({"path": "/x/", "container": "x-1", "port": 80})
    assert OFFICE in rewritten(BY_HAND, data)


def test_every_comment_survives_although_everything_changes() -> None:
    data = {"schema": 1, "domain": "other.example.com", "routes": [{"path": "/n/", "container": "n-1", "port": 1}]}
    text = rewritten(BY_HAND, data)
    assert yaml.safe_load(text) == data
    for comment in ("ticket 77", "the shop itself", "the API of the shop", "their office", "slow reports", "the end"):
        assert text.count(f"# {comment}") + text.count(f", see {comment}") == 1, text


@pytest.mark.parametrize(
    "text",
    [
        "---\n# c\na: 1\nb: [x]\n",
        "a: &x [1, 2]\nb: *x\n",
        "a:  1 # c\nb:\n- x\n- y # d\n",
        "# only a comment\na: 1",
        'a: "x # y"\nb: |\n  # no comment\n  text\n',
        "{a: 1, b: [2]}\n",
        "a: 0o17\nb: 017\nc: 1:30\nd: ~\n# e\n",
    ],
)
def test_the_meaning_is_always_what_was_asked_for(text: str) -> None:
    for data in ({"a": 2}, {"a": 1, "b": ["x", "on"], "n": {"k": "~"}}, {**yaml.safe_load(text), "z": "0x10"}):
        assert yaml.safe_load(rewritten(text, data)) == data


@pytest.mark.parametrize("text", ["", "a: [", "- 1\n", "\x00", "# c\n" * 40_000 + "a: 1\n"], ids=range(5))
def test_what_cannot_be_kept_is_written_anew(text: str) -> None:
    assert rewritten(text, {"a": 2}) == "a: 2\n"


def test_a_manifest_as_vsa_writes_it_needs_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ruamel", None)
    monkeypatch.setitem(sys.modules, "ruamel.yaml", None)
    data = yaml.safe_load(BY_HAND)
    assert rewritten(dump_yaml(data), {**data, "timeout": "9m"}) == dump_yaml({**data, "timeout": "9m"})


def test_a_host_of_before_with_a_manifest_by_hand_is_told_to_bootstrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ruamel", None)
    monkeypatch.setitem(sys.modules, "ruamel.yaml", None)
    with pytest.raises(MissingLibraryError, match="ruamel") as caught:
        rewritten(BY_HAND, {"schema": 1})
    assert caught.value.hint == Hint("bootstrap")
