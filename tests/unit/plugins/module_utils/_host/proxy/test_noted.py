# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every transaction notes its sites: what goes live, what is put back, and what an earlier run began (finding 5)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.generations import GenerationChange
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RolledBackError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import LIVE, PUT_BACK, RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.restore import restore_manifests
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Change, Request
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host

from audit_records import audit_id
from hosttree import RUN, HostTree, provide


def fresh(number: int = 1) -> RunContext:
    """Return the context of a run of its own, with nothing noted."""
    return RunContext(audit_id(number), RUN.actor, "site.provision")


def applied(tree: HostTree, run: RunContext, *changes: Change, sync: bool = False) -> GenerationChange:
    """Carry out a request, and return the only change that is noted."""
    tree.paths.htpasswd.mkdir(parents=True, exist_ok=True)
    tree.proxy().apply(Request(run=run, templates=tree.templates, changes=tuple(changes), sync=sync))
    (found,) = run.generations
    return found


def short(change: GenerationChange) -> tuple[int, int, Sequence[str], Sequence[str], Sequence[str], str]:
    return (change.before, change.after, change.added, change.changed, change.removed, change.outcome)


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[HostTree]:
    made = HostTree(tmp_path)
    with made.certificates("a.example", "b.example", "c.example"):
        for domain in ("a.example", "b.example"):
            applied(made, fresh(), provide(domain))
        yield made


def test_a_site_comes_changes_and_goes(tree: HostTree) -> None:
    came = applied(tree, fresh(), provide("c.example"))
    assert short(came) == (2, 3, ("c.example",), (), (), LIVE)
    assert "+domain: c.example" in came.diffs["c.example"].splitlines()
    assert set(came.diffs) == {"c.example"}
    changed = applied(tree, fresh(), provide("c.example", "web-2:3000"))
    assert short(changed) == (3, 4, (), ("c.example",), (), LIVE)
    assert "web-2" in changed.diffs["c.example"]
    gone = applied(tree, fresh(), Change("c.example", absent=True))
    assert short(gone) == (4, 5, (), (), ("c.example",), LIVE)


def test_what_changes_nothing_notes_nothing(tree: HostTree) -> None:
    run = fresh()
    tree.proxy().apply(Request(run=run, templates=tree.templates, changes=(provide("a.example"),)))
    assert run.generations == []


def test_finding_5_a_sync_and_a_rollback_name_their_sites(tree: HostTree) -> None:
    (tree.paths.sites / "a.example.yml").unlink()
    synced = applied(tree, fresh(), sync=True)
    assert short(synced) == (2, 3, (), (), ("a.example",), LIVE)
    run = fresh()
    tree.proxy().rollback(1, run)
    assert [short(change) for change in run.generations] == [(3, 4, ("a.example",), (), ("b.example",), LIVE)]


def test_the_two_halves_apart(tree: HostTree) -> None:
    proxy, run = tree.proxy(), fresh()
    request = Request(run=run, templates=tree.templates, changes=(provide("b.example", "web-2:3000"),))
    prepared = proxy.prepare(request)
    assert run.generations == []
    proxy.commit(base=2, plan_hash=prepared.plan.hash, run=run)
    (found,) = run.generations
    assert short(found) == (2, 3, (), ("b.example",), (), LIVE)
    assert "web-2" in found.diffs["b.example"]
    assert set(found.diffs) == {"b.example"}, "the number of the generation is no change of the main file"


def test_a_hand_edit_that_is_written_over_is_in_the_diff(tree: HostTree) -> None:
    text = tree.file("sites/a.example.conf").read_text()
    tree.break_open("sites/a.example.conf", f"{text}# a hotfix of the night\n")
    found = applied(tree, fresh(), provide("b.example", "web-2:3000"))
    assert found.changed == ("a.example", "b.example")
    assert "-# a hotfix of the night" in found.diffs["a.example"]


def test_a_change_that_was_put_back(tree: HostTree) -> None:
    with tree.state.change() as known:
        known["dead"] = ["b.example"]
    run = fresh()
    with pytest.raises(RolledBackError):
        applied(tree, run, provide("b.example", "web-2:3000"))
    (found,) = run.generations
    assert short(found) == (2, 3, (), ("b.example",), (), PUT_BACK)
    assert "web-2" in found.diffs["b.example"]


@pytest.mark.parametrize(("step", "outcome"), [("effects", PUT_BACK), ("reload", LIVE), ("manifests", LIVE)])
def test_the_next_run_notes_what_it_does_with_a_killed_one(tree: HostTree, step: str, outcome: str) -> None:
    tree.kill(step, provide("b.example", "web-2:3000"))
    run = fresh(7)
    tree.proxy().apply(Request(run=run, templates=tree.templates, changes=(provide("a.example"),)))
    (found,) = run.generations
    assert short(found) == (2, 3, (), ("b.example",), (), outcome)
    assert found.run == RUN.audit_id
    assert "web-2" in found.diffs["b.example"]


def test_only_the_network_of_a_container_changes(tree: HostTree) -> None:
    with tree.state.change() as known:
        known["containers"]["web-1"] = {"running": True, "networks": {}}
    found = applied(tree, fresh(), provide("a.example"))
    assert (found.changed, found.diffs) == (("a.example", "b.example"), {})


def test_manifests_that_are_written_beside_the_transaction(tree: HostTree) -> None:
    (tree.paths.sites / "a.example.yml").unlink()
    run = fresh()
    restore_manifests(read_host(tree.paths), run, check=True)
    assert run.generations == []
    restore_manifests(read_host(tree.paths), run, check=False)
    (found,) = run.generations
    assert short(found) == (2, 2, (), ("a.example",), (), LIVE)


def test_a_secret_in_a_file_is_masked_before_the_texts_are_compared(tree: HostTree) -> None:
    text = tree.file("sites/a.example.conf").read_text()
    secret = "# proxy_set_header Authorization: cAnArY-77aa77aa"
    tree.break_open("sites/a.example.conf", f"{text}{secret}\n")
    found = applied(tree, fresh(), provide("b.example", "web-2:3000"))
    assert "# proxy_set_header" in found.diffs["a.example"]
    assert "cAnArY" not in json.dumps(found.as_dict())
