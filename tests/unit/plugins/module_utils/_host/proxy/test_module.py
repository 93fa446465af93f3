"""The module vhost on a tree: which request leads to which part of the transaction, and what it returns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, UsageError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import as_module_result
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.module import (
    APPLY,
    COMMIT,
    PREPARE,
    ROLLBACK,
    VhostRequest,
    run,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Change
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

from hosttree import RUN, HostTree, provide

A, NEW = "a.example", "new.example"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[HostTree]:
    """A host with one site, generation 1."""
    host = HostTree(tmp_path)
    with host.certificates(A, NEW):
        host.apply(provide(A, "web-a:3000"))
        yield host


def vhost(
    host: HostTree, change: Change | None = None, *, check: bool = False, diff: bool = False, **fields: Any
) -> dict[str, Any]:
    """Return what the module returns."""
    request = VhostRequest(RUN, host.templates, change=change, **fields)
    result = run(request, check=check, diff=diff, paths=host.paths, proxy=host.proxy())
    return as_module_result(result)


def tree(host: HostTree) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in host.root.rglob("*") if path.is_file()}


def test_a_site_goes_live(host: HostTree) -> None:
    result = vhost(host, provide(NEW), diff=True)
    assert (result["changed"], result["base"], result["generation"]) == (True, 1, 2)
    assert result["audit_id"] == RUN.audit_id
    assert [(step["name"], step["state"]) for step in result["steps"]] == [("proxy", "changed")]
    assert f"after/sites/{NEW}.conf" in result["diff"]["prepared"]
    again = vhost(host, provide(NEW))
    assert (again["changed"], again["generation"], again["steps"][0]["text"]) == (False, 2, "generation 2: unchanged")


@pytest.mark.parametrize("phase", [APPLY, PREPARE])
def test_a_check_touches_nothing(host: HostTree, phase: str) -> None:
    before = tree(host)
    result = vhost(host, provide(NEW), check=True, phase=phase)
    assert tree(host) == before
    assert (result["changed"], result["generation"]) == (True, 1)
    assert result["steps"][0]["text"] == "generation 1 → 2: 1 file added"


@pytest.mark.parametrize(
    ("state", "answering", "expected"),
    [
        ({}, False, []),
        ({}, True, [("site", "warning", 200)]),
        ({NEW: 404}, True, [("site", "warning", 404)]),
    ],
)
def test_the_site_itself_is_asked_if_its_container_answered(
    host: HostTree, state: dict[str, int], answering: bool, expected: list[tuple[str, str, int]]
) -> None:
    with host.state.change() as known:
        known["status"] = state
        known["chain"] = "not verified"
    result = vhost(host, provide(NEW), answering=answering)
    found = [(step["name"], step["state"], int(step["text"].split()[2])) for step in result["steps"][1:]]
    assert found == expected
    again = vhost(host, provide(NEW), answering=answering)
    assert len(again["steps"]) == 1 + len(expected), "also if nothing had to change"


def test_prepare_then_commit(host: HostTree) -> None:
    prepared = vhost(host, provide(NEW), phase=PREPARE)
    assert (prepared["changed"], prepared["prepared"], prepared["generation"]) == (False, 2, 1)
    plan = {"phase": COMMIT, "base": prepared["base"], "plan": prepared["plan"]}
    checked = vhost(host, check=True, **plan)
    assert checked["steps"][0]["text"] == f"the plan {prepared['plan']} would go live"
    committed = vhost(host, **plan)
    assert (committed["changed"], committed["generation"], committed["base"]) == (True, 2, 1)
    assert "prepared before, tested, live, proven" in committed["steps"][0]["text"]


def test_a_commit_without_a_plan_is_a_mistake(host: HostTree) -> None:
    with pytest.raises(UsageError):
        vhost(host, phase=COMMIT)


def test_rollback(host: HostTree) -> None:
    vhost(host, provide(NEW))
    checked = vhost(host, phase=ROLLBACK, check=True)
    assert checked["steps"][0]["text"] == "generation 2 → 3: 1 file removed"
    done = vhost(host, phase=ROLLBACK, to=1)
    assert (done["changed"], done["generation"]) == (True, 3)
    assert not (host.live / f"sites/{NEW}.conf").exists()


def test_a_sync_takes_the_manifests(host: HostTree) -> None:
    host.manifest(NEW, "domain: [")
    host.manifest(A, host.manifests()[A].replace("web-a", "web-b"))
    result = vhost(host, sync=True)
    assert (result["changed"], result["invalid"]) == (True, [NEW])


@pytest.mark.parametrize(
    ("change", "fields", "message"),
    [
        (None, {}, "there is nothing to do"),
        (None, {"phase": PREPARE}, "there is nothing to do"),
        (provide(NEW), {"existing": True}, "this host has no such site"),
    ],
)
def test_what_makes_no_sense_is_refused(
    host: HostTree, change: Change | None, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(RefusedError, match=message):
        vhost(host, change, **fields)


def test_an_existing_site_is_changed(host: HostTree) -> None:
    assert vhost(host, provide(A, "web-a:4000"), existing=True)["changed"]


def test_a_host_without_a_proxy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="this host has no reverse proxy yet"):
        run(VhostRequest(RUN, {}, sync=True), check=False, diff=False, paths=Paths(str(tmp_path)))
