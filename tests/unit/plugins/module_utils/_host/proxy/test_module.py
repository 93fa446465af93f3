"""The module vhost on a tree: which request leads to which part of the transaction, and what it returns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, UsageError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import as_module_result
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.module import (
    APPLY,
    COMMIT,
    PREPARE,
    RESTORE,
    ROLLBACK,
    VhostRequest,
    run,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import ALLOW, KEEP, REFUSE, Change
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host
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
    done = vhost(host, phase=ROLLBACK, to=1, removal=ALLOW)
    assert (done["changed"], done["generation"]) == (True, 3)
    assert not host.file(f"sites/{NEW}.conf").exists()


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


def test_another_name_of_a_site_is_told_whose_name_it_is(tmp_path: Path) -> None:
    host = HostTree(tmp_path)
    host.apply(provide("shop.example.com", aliases=["store.example.com"]))
    error = read_host(host.paths).no_such_site("store.example.com")
    assert error.message == "store.example.com is another name of the site shop.example.com"
    assert error.hint == Hint("site.show", {"domain": "shop.example.com"})


# -- sites that nobody named -----------------------------------------------------------------------------------------


@pytest.fixture
def two(host: HostTree) -> HostTree:
    """The host with a second site, whose manifest is gone."""
    with host.certificates(NEW):
        host.apply(provide(NEW, "web-b:3000"))
    (host.paths.sites / f"{NEW}.yml").unlink()
    return host


def test_finding_1_a_sync_takes_no_site_off_the_air_that_nobody_named(two: HostTree) -> None:
    before = tree(two)
    with pytest.raises(RefusedError, match=f"would take {NEW} off the air") as caught:
        vhost(two, sync=True)
    assert (caught.value.field, caught.value.there_are) == ("removal", [NEW])
    assert tree(two) == before


def test_finding_1_a_check_names_the_site_that_would_go(two: HostTree) -> None:
    notes = vhost(two, check=True, sync=True)["steps"][0]["notes"]
    assert f"off the air: {NEW}" in notes
    assert f"{NEW} goes off the air: it has no manifest" in notes


def test_a_sync_that_may_remove_names_the_site(two: HostTree) -> None:
    assert f"off the air: {NEW}" in vhost(two, sync=True, removal=ALLOW)["steps"][0]["notes"]
    assert NEW not in two.generations.read(two.generations.live_number()).domains


def test_finding_1_stack_up_keeps_the_site_and_says_how_to_restore_it(two: HostTree) -> None:
    result = vhost(two, sync=True, removal=KEEP)
    assert not result["changed"]
    assert f"left as they are: {NEW}" in result["steps"][0]["notes"][0]


@pytest.mark.parametrize("removal", [REFUSE, ALLOW])
def test_finding_1_a_host_that_lost_all_manifests_is_refused(two: HostTree, removal: str) -> None:
    for path in two.paths.sites.iterdir():
        path.unlink()
    two.paths.sites.rmdir()
    with pytest.raises(RefusedError, match="no manifest is left on this host, and 2 of its sites are live") as caught:
        vhost(two, sync=True, removal=removal)
    assert caught.value.hint == Hint("vhost.restore", note="which writes the manifests again from what is live")
    restored = vhost(two, phase=RESTORE)
    assert (restored["changed"], restored["restored"]) == (True, [A, NEW])
    assert vhost(two, phase=RESTORE)["changed"] is False
    assert vhost(two, sync=True)["changed"] is False, "what is live is what the manifests say"


def test_a_restore_writes_no_manifest_that_somebody_edited(two: HostTree) -> None:
    live = two.file(f"manifests/{NEW}.yml")
    live.chmod(0o644)
    live.write_text("domain: evil.example\n")
    restored = vhost(two, phase=RESTORE)
    assert (restored["changed"], restored["edited"]) == (False, [NEW])


def test_a_check_of_a_restore_writes_nothing(two: HostTree) -> None:
    before = tree(two)
    assert vhost(two, check=True, phase=RESTORE)["steps"][0]["state"] == "would_change"
    assert tree(two) == before


def test_finding_1_a_rollback_takes_no_site_off_the_air_that_nobody_named(two: HostTree) -> None:
    with pytest.raises(RefusedError, match=f"would take {NEW} off the air: the earlier generation") as caught:
        vhost(two, phase=ROLLBACK)
    assert caught.value.there_are == [NEW]
    assert f"off the air: {NEW}" in vhost(two, check=True, phase=ROLLBACK)["steps"][0]["notes"]
    assert vhost(two, phase=ROLLBACK, removal=ALLOW)["changed"]


def test_finding_1_a_rollback_makes_the_directory_of_the_manifests(host: HostTree) -> None:
    host.engine.run_container("web-a", "flowbiz_ext")
    with host.certificates(A):
        host.apply(provide(A, "web-b:3000"))
    for path in host.paths.sites.iterdir():
        path.unlink()
    host.paths.sites.rmdir()
    assert vhost(host, phase=ROLLBACK)["changed"]
    assert (host.paths.sites / f"{A}.yml").is_file()


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("fields", "unset", "text"),
    [
        ({"maintenance": True}, (), "get 503 and the page for maintenance; nobody is let through"),
        (
            {"maintenance": True, "maintenance_allow": ["203.0.113.7", "10.0.0.0/8"]},
            (),
            "get 503 and the page for maintenance; 203.0.113.7, 10.0.0.0/8 still get the site",
        ),
        ({}, ("maintenance",), f"get {A} again"),
    ],
)
def test_finding_18_maintenance_says_what_visitors_get(
    host: HostTree, fields: dict[str, Any], unset: tuple[str, ...], text: str, check: bool
) -> None:
    # Finding 18: it ended with the number of a generation, and not a word about 503.
    run_of = type(RUN)(RUN.audit_id, RUN.actor, "site.maintenance")
    request = VhostRequest(run_of, host.templates, change=Change(A, fields, unset), existing=True)
    result = as_module_result(run(request, check=check, diff=False, paths=host.paths, proxy=host.proxy()))
    assert (result["steps"][-1]["name"], result["steps"][-1]["text"]) == ("visitors", text)


def test_finding_17_a_hand_edit_that_a_run_writes_over_is_named(host: HostTree) -> None:
    # Finding 17: the next change of another site wrote over a night's hotfix, and said "2 files changed".
    live = host.file(f"sites/{A}.conf")
    live.chmod(0o644)
    live.write_text(live.read_text() + "# hotfix\n")
    keeper = f"store/{A}/{live.name}.edited"
    said = f"sites/{A}.conf was edited by hand, and this run writes over it: only {keeper} keeps the edit"
    for check in (True, False):
        result = vhost(host, provide(NEW), check=check)
        assert said in result["steps"][0]["notes"]
    assert "# hotfix" in (host.paths.nginx / keeper).read_text()
    assert said not in vhost(host, provide(NEW, "web-9:3000"))["steps"][0]["notes"]
