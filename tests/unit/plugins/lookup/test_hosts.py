# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of a verb: the check of the inventory and of what was typed, before any host is asked."""

from __future__ import annotations

from typing import Any

import pytest
from ansible import context
from ansible.errors import AnsibleError
from ansible.module_utils.common.collections import ImmutableDict
from ansible.parsing.dataloader import DataLoader
from ansible.utils.vars import load_extra_vars
from ansible_collections.flowbiz.vsa.plugins.lookup import hosts as hosts_module
from ansible_collections.flowbiz.vsa.plugins.lookup.hosts import LookupModule
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.attribution import refusal, set_refusal

GROUPS: dict[str, Any] = {"groups": {"all": ["vps-01"]}}


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Any:
    """No extra variables and no refusal of another test."""
    monkeypatch.setattr(load_extra_vars, "extra_vars", None, raising=False)
    set_refusal(None)
    yield
    set_refusal(None)


def hosts(
    monkeypatch: pytest.MonkeyPatch, verb: str, *typed: str, variables: dict[str, Any] = GROUPS, **options: Any
) -> list[str]:
    monkeypatch.setattr(context, "CLIARGS", ImmutableDict(extra_vars=typed, **options))
    return LookupModule(loader=DataLoader()).run([verb], variables)


def test_what_is_in_order_has_all_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hosts(monkeypatch, "site.list") == ["all"]
    assert refusal() is None


@pytest.mark.parametrize(
    ("verb", "typed", "variables", "said"),
    [
        ("site.list", (), {"groups": {"all": []}}, "the inventory has no hosts; expected: a host in the inventory"),
        ("site.provision", ("domian=a.b", "upstream=web-1:1"), GROUPS, "did you mean domain?"),
        ("site.provision", ('{"domain": "a.b", "container": "web-1", "port": 1}',), GROUPS, "; nor port: did you"),
        ("site.unprovision", ("domain=a.b",), GROUPS, "expected: -e yes=true; --check says what would go; nothing was"),
    ],
)
def test_a_refusal_says_why_and_is_kept_for_the_record(
    monkeypatch: pytest.MonkeyPatch, verb: str, typed: tuple[str, ...], variables: dict[str, Any], said: str
) -> None:
    with pytest.raises(AnsibleError, match=said.replace("?", r"\?").replace("(", r"\(")):
        hosts(monkeypatch, verb, *typed, variables=variables)
    kept = refusal()
    assert kept is not None
    assert kept.exit_code == 2


@pytest.mark.parametrize(
    ("verb", "refused"),
    [
        ("stack.up", True),
        ("stack.down", True),
        ("bootstrap.bootstrap", True),
        ("stack.ps", False),
        ("site.list", False),
    ],
)
def test_issue_14_item_11_a_missing_collection_is_told_before_a_host_is_changed(
    monkeypatch: pytest.MonkeyPatch, verb: str, refused: bool
) -> None:
    """`stack up` failed after the folder was written, and `bootstrap` after the engine was installed."""
    monkeypatch.setattr(hosts_module, "find_spec", lambda name: None)
    variables = GROUPS
    if not refused:
        assert hosts(monkeypatch, verb, variables=variables, check=True) == ["all"]
        return
    with pytest.raises(AnsibleError, match=r"community\.docker is missing on the controller.*pip install ansible"):
        hosts(monkeypatch, verb, variables=variables, check=True)
    kept = refusal()
    assert kept is not None
    assert kept.exit_code == 2


def test_the_inventorys_variables_are_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {**GROUPS, "site_name": "of another role", "domian": "x"}
    assert hosts(monkeypatch, "site.list", variables=variables) == ["all"]


def test_a_check_needs_no_confirmation(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hosts(monkeypatch, "site.unprovision", "domain=a.b", check=True) == ["all"]


@pytest.mark.parametrize("option", ["syntax", "listhosts", "listtasks", "listtags"])
def test_if_nothing_runs_nothing_is_refused(monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    assert hosts(monkeypatch, "site.unprovision", variables={}, **{option: True}) == ["all"]
