"""Protected paths with their users and their state."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.auth.listing import list_auth
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Change
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.passwords import remove_file, write_users_file

from hosttree import HostTree

SITE, OTHER = "shop.example.com", "blog.example.com"
ROUTES = [{"path": "/", "container": "web-1", "port": 3000}]
OTHER_ROUTES = [{"path": "/", "container": "web-2", "port": 3000}]


@pytest.fixture
def tree(tmp_path: Path) -> HostTree:
    tree = HostTree(tmp_path)
    tree.paths.htpasswd.mkdir(parents=True)
    fields = {"routes": ROUTES, "ca": "selfsigned"}
    write_users_file(tree.paths, SITE, "/admin/", "bob:x\nalice:x\n# a comment\n")
    tree.apply(Change(SITE, {**fields, "auth": ["/admin/"]}), Change(OTHER, {**fields, "routes": OTHER_ROUTES}))
    return tree


def entries(tree: HostTree, domain: str | None = None) -> list[dict[str, object]]:
    return list(list_auth(domain, paths=tree.paths).data["auth"])


def states(tree: HostTree) -> dict[str, object]:
    return {f"{entry['domain']}{entry['path']}": entry["state"] for entry in entries(tree)}


def test_a_protected_path(tree: HostTree) -> None:
    expected = {"domain": SITE, "path": "/admin/", "users": ["alice", "bob"], "state": "ok", "problem": None}
    assert entries(tree) == entries(tree, SITE) == [expected]
    assert entries(tree, OTHER) == []


def test_a_path_whose_last_user_is_gone(tree: HostTree) -> None:
    write_users_file(tree.paths, SITE, "/admin/", "")
    assert states(tree) == {f"{SITE}/admin/": "locked"}


def test_a_password_file_that_is_gone(tree: HostTree) -> None:
    remove_file(tree.paths, SITE, "/admin/")
    assert states(tree) == {f"{SITE}/admin/": "missing"}


def test_a_password_file_that_no_site_uses(tree: HostTree) -> None:
    write_users_file(tree.paths, "gone.example.com", "/", "alice:x\n")
    write_users_file(tree.paths, OTHER, "/x/", "alice:x\n")
    assert states(tree) == {f"{OTHER}/x/": "unused", "gone.example.com/": "unused", f"{SITE}/admin/": "ok"}


def test_a_manifest_that_was_edited_by_hand(tree: HostTree) -> None:
    tree.manifest(OTHER, {"schema": 1, "domain": OTHER, "routes": ROUTES, "auth": ["/new/"]})
    tree.manifest(SITE, {"schema": 1, "domain": SITE, "routes": ROUTES})
    assert states(tree) == {f"{OTHER}/new/": "pending", f"{SITE}/admin/": "pending"}
    problems = [entry["problem"] for entry in entries(tree)]
    assert problems == [
        "not behind a password yet: ansible-playbook flowbiz.vsa.vhost.sync",
        "the manifest no longer protects it. To open it: ansible-playbook flowbiz.vsa.vhost.sync",
    ]


def test_a_manifest_that_is_not_valid_hides_no_path(tree: HostTree) -> None:
    tree.manifest(SITE, "nonsense: true\n")
    assert states(tree) == {f"{SITE}/admin/": "pending"}


def test_a_site_that_is_not_here(tree: HostTree) -> None:
    with pytest.raises(RefusedError) as refused:
        entries(tree, "none.example.com")
    assert refused.value.there_are == [OTHER, SITE]


def test_one_site_in_every_state(tree: HostTree) -> None:
    protected = ["/", "/empty/", "/gone/", "/removed/"]
    tree.apply(Change(SITE, {"auth": protected}))
    # The transaction has made an empty file for each path.
    remove_file(tree.paths, SITE, "/gone/")
    remove_file(tree.paths, SITE, "/admin/")
    for path, text in (("/", "bob:x\nalice:x\n"), ("/empty/", ""), ("/removed/", ""), ("/unused/", "")):
        write_users_file(tree.paths, SITE, path, text)
    tree.manifest(SITE, {"domain": SITE, "routes": ROUTES, "auth": [*protected[:3], "/new/"]})
    assert [(entry["path"], entry["users"], entry["state"]) for entry in entries(tree)] == [
        ("/", ["alice", "bob"], "ok"),
        ("/empty/", [], "locked"),
        ("/gone/", [], "missing"),
        ("/new/", [], "pending"),
        ("/removed/", [], "locked"),
        ("/unused/", [], "unused"),
    ]


def test_a_path_that_is_open_below_a_protected_one_is_listed(tree: HostTree) -> None:
    tree.manifest(SITE, {"domain": SITE, "routes": ROUTES, "auth": ["/admin/"], "auth_open": ["/admin/hooks/", "/x/"]})
    found = [entry for entry in list_auth(SITE, paths=tree.paths).data["auth"] if entry["state"] == "open"]
    assert found == [{"domain": SITE, "path": "/admin/hooks/", "users": [], "state": "open", "problem": None}]
