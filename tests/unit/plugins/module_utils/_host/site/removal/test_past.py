# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a domain was ever on a host, by its audit trail and by its generations (finding 8)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.generations import GenerationChange
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import TaskChange
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import Places
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.trail import Trail
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Change
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.removal.past import (
    absent_step,
    alike,
    last_removal,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host

from audit_records import audit_id, record
from hosttree import HostTree, provide

SHOP = "shop.example.com"
REMOVED = (TaskChange("vps", "proxy: gone", "flowbiz.vsa.site"),)


@pytest.fixture
def tree(tmp_path: Path) -> HostTree:
    return HostTree(tmp_path)


def leave(tree: HostTree, number: int, **said: Any) -> None:
    Trail(Places.of_host(str(tree.root))).append(record(number, **{"kind": "change", "status": "ok", **said}))


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ({"verb": "site.unprovision", "target": SHOP, "changes": REMOVED}, True),
        ({"verb": "vhost.sync", "target": None, "generations": (GenerationChange(1, 2, removed=(SHOP,)),)}, True),
        ({"verb": "site.rename", "target": SHOP, "generations": (GenerationChange(1, 2, removed=(SHOP,)),)}, True),
        ({"verb": "site.unprovision", "target": SHOP}, False),
        ({"verb": "site.unprovision", "target": SHOP, "changes": REMOVED, "status": "not_put_back"}, False),
        ({"verb": "site.unprovision", "target": SHOP, "changes": REMOVED, "check": True}, False),
        ({"verb": "site.provision", "target": SHOP, "changes": REMOVED}, False),
        ({"target": None, "generations": (GenerationChange(1, 2, removed=(SHOP,), outcome="put_back"),)}, False),
        ({"target": None, "generations": (GenerationChange(1, 2, removed=("other.example.com",)),)}, False),
    ],
)
def test_what_the_trail_remembers(tree: HostTree, said: dict[str, Any], known: bool) -> None:
    leave(tree, 1, **said)
    found = last_removal(read_host(tree.paths), SHOP)
    assert (found is not None) is known
    if found is not None:
        assert (found.audit_id, found.actor, found.verb) == (audit_id(1), "ops@ws", said["verb"])


def test_the_last_removal_counts(tree: HostTree) -> None:
    for number in (1, 2):
        leave(tree, number, verb="site.unprovision", target=SHOP, changes=REMOVED)
    found = last_removal(read_host(tree.paths), SHOP)
    assert found is not None
    assert found.audit_id == audit_id(2)
    assert str(found) == (f"removed 2026-11-24T10:00:02Z by ops@ws (site.unprovision, audit {audit_id(2)})")


def test_the_generations_remember_without_a_trail(tree: HostTree) -> None:
    assert last_removal(read_host(tree.paths), SHOP) is None
    tree.apply(provide(SHOP))
    assert last_removal(read_host(tree.paths), SHOP) is None
    tree.apply(Change(SHOP, absent=True))
    found = last_removal(read_host(tree.paths), SHOP)
    assert found is not None
    assert found.verb == "site.provision", "as the generation says"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("shpo.example.com", [SHOP]), ("shop.exmaple.com", [SHOP]), ("quite.other.test", [])],
)
def test_sites_with_a_similar_name(tree: HostTree, typed: str, meant: list[str]) -> None:
    tree.apply(provide(SHOP), provide("blog.example.net"))
    host = read_host(tree.paths)
    assert alike(host, typed) == meant
    step = absent_step(typed, None, alike(host, typed))
    assert (step.state, f"{typed} was never on this host" in step.text) == ("warning", True)
    assert (step.notes[-1] == f"did you mean {SHOP}?") is bool(meant)
