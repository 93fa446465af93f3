# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declared sites beside a host: the state of each, and every mistake at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, UsageError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.comparison import Comparison, compare
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host

from hosttree import HostTree, provide

A, B = "a.example", "b.example"
ON_EDGE = {"web-1": {"flowbiz_ext"}, "web-2": {"flowbiz_ext"}}


def manifest(container: str = "web-1", **fields: Any) -> dict[str, Any]:
    return {"routes": [{"path": "/", "container": container, "port": 3000}], **fields}


def declared(*entries: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"domain": domain, "manifest": fields} for domain, fields in entries]


@pytest.fixture
def tree(tmp_path: Path) -> HostTree:
    """A host with the declared site A and the typed site B."""
    tree = HostTree(tmp_path)
    tree.apply(provide(A, origin="declared"))
    tree.apply(provide(B, "web-2:3000"))
    return tree


def result(tree: HostTree, entries: list[dict[str, Any]] | None, *, prune: bool = False, **more: Any) -> Comparison:
    return compare(read_host(tree.paths), entries, prune=prune, attached={**ON_EDGE, **more})


def test_each_state(tree: HostTree) -> None:
    work = result(tree, declared((A, manifest()), (B, manifest("web-2")), ("c.example", manifest())))
    assert work.states == {A: "unchanged", B: "adopted", "c.example": "new"}
    assert work.touched == ["c.example"]
    assert work.notes == (f"{B}: was typed, is declared from now on", "c.example: new")
    changed = result(tree, declared((A, manifest(hsts=False, tenant="acme"))))
    assert (changed.states, changed.notes) == ({A: "changed"}, (f"{A}: tenant, hsts",))
    assert (changed.undeclared, changed.pruned) == ((B,), ())


def test_a_host_that_is_not_as_declared_is_mended(tree: HostTree) -> None:
    left = result(tree, declared((A, manifest())), **{"web-1": {"bridge"}})
    assert (left.states[A], left.notes) == ("mended", (f"{A}: web-1 left flowbiz_ext",))
    tree.manifest(A, "edited by hand")
    edited = result(tree, declared((A, manifest())))
    assert (edited.states[A], edited.notes) == ("mended", (f"{A}: its manifest was edited by hand",))


def test_a_live_manifest_that_is_not_valid_is_replaced(tree: HostTree) -> None:
    tree.break_open(f"manifests/{A}.yml", "nonsense")
    work = result(tree, declared((A, manifest())))
    assert (work.states[A], work.notes) == ("changed", (f"{A}: its live manifest is not valid",))


def test_what_is_not_declared_is_pruned_on_request(tree: HostTree) -> None:
    tree.manifest("c.example", "never live")
    work = result(tree, declared((A, manifest())), prune=True)
    assert work.pruned == work.undeclared == (B, "c.example")
    with pytest.raises(UsageError, match="nothing is declared for this host") as caught:
        result(tree, None, prune=True)
    assert caught.value.there_are == [A, B, "c.example"]
    assert result(tree, [], prune=True).pruned == (A, B, "c.example")


def test_every_mistake_is_reported(tree: HostTree) -> None:
    with pytest.raises(RefusedError, match="3 mistakes in the 3 declared sites") as caught:
        result(tree, declared((A, manifest(hsts="no")), ("c", manifest()), ("d.example", manifest(aliases=[B]))))
    assert [line.partition(" ")[0] for line in caught.value.details if not line.startswith(" ")] == [
        f"vsa_sites/{A}/hsts", "vsa_sites", "vsa_sites/d.example/aliases",
    ]  # fmt: skip


def test_a_pruned_site_gives_its_name_free(tree: HostTree) -> None:
    entries = declared((A, manifest(aliases=[B])))
    with pytest.raises(RefusedError, match=f"{B} already belongs to the site {B}"):
        result(tree, entries)
    assert result(tree, entries, prune=True).states == {A: "changed"}
