"""Users of a site's basic auth: the password file and the proxy change in the order that keeps a path closed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.actor import Actor
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, RolledBackError, UsageError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.auth.users import UserRequest, add_user, remove_user
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Change, Outcome, Prepared, Request
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.passwords import read_users_file

from hosttree import AUDIT_ID, HostTree

SITE = "shop.example.com"
HASH = "$2y$10$" + "a" * 53
OTHER = "$2y$10$" + "b" * 53
RUN = RunContext(AUDIT_ID, Actor("alice", controller="here"), "auth.add")


class FakeProxy:
    """A proxy whose transactions change the tree at once, and that notes what lay on disk when it was called."""

    def __init__(self, tree: HostTree) -> None:
        self.tree = tree
        self.requests: list[Request] = []
        self.files: list[str | None] = []
        self.check_runs = True
        self.failure: Exception | None = None
        self.engine = SimpleNamespace(container=lambda _name: SimpleNamespace(running=self.check_runs))

    def plan(self, request: Request, host: object) -> tuple[Any, Any]:
        assert host is not None, "the host that was read is handed on"
        return self.tree.desired(*request.changes)

    def apply(self, request: Request, host: object) -> tuple[Prepared, Outcome]:
        plan, desired = self.plan(request, host)
        self.requests.append(request)
        self.files.append(read_users_file(self.tree.paths, SITE, "/admin/"))
        if self.failure:
            raise self.failure
        self.tree.apply(*request.changes)
        return Prepared(plan, desired, plan.base + 1), Outcome(plan.base + 1, plan.base, proven=True)


class Site:
    """One site of a host, and the verbs on its users."""

    def __init__(self, root: Path) -> None:
        self.tree = HostTree(root)
        self.tree.paths.htpasswd.mkdir(parents=True)
        self.proxy = FakeProxy(self.tree)
        routes = [{"path": "/", "container": "web-1", "port": 3000}]
        self.tree.apply(Change(SITE, {"routes": routes, "ca": "selfsigned"}))

    def add(self, user: str = "alice", *, check: bool = False, diff: bool = False, **more: Any) -> Result:
        request = UserRequest(RUN, **{"domain": SITE, "user": user, "route": "/admin/", "hashed": HASH, **more})
        return add_user(request, check=check, diff=diff, paths=self.tree.paths, proxy=self.proxy)

    def remove(self, user: str | None = None, *, check: bool = False, **more: Any) -> Result:
        request = UserRequest(RUN, **{"domain": SITE, "user": user, **more})
        return remove_user(request, check=check, diff=False, paths=self.tree.paths, proxy=self.proxy)

    def file(self, route: str = "/admin/") -> str | None:
        return read_users_file(self.tree.paths, SITE, route)

    def protected(self) -> list[str]:
        return list(self.tree.read_record()["sites"][SITE].get("auth") or [])


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def states(result: Result) -> list[tuple[str, str]]:
    return [(step.name, step.state) for step in result.steps]


def test_the_first_user_of_a_path(site: Site) -> None:
    result = site.add()
    assert result.changed
    assert states(result) == [("users", "changed"), ("proxy", "changed")]
    assert result.steps[0].text == f"alice may pass at {SITE}/admin/"
    assert site.file() == f"alice:{HASH}\n"
    assert site.protected() == ["/admin/"]
    assert result.data["audit_id"] == AUDIT_ID
    assert result.data["generation"] == result.data["base"] + 1
    assert site.proxy.files == [f"alice:{HASH}\n"], "the file was there before the proxy protected the path"
    assert site.proxy.requests[0].run == RUN


def test_without_a_route_the_whole_site_is_protected(site: Site) -> None:
    site.add(route=None)
    assert site.protected() == ["/"]


def test_a_further_user_needs_no_transaction(site: Site) -> None:
    site.add()
    result = site.add("bob")
    assert states(result) == [("users", "changed")]
    assert site.file() == f"alice:{HASH}\nbob:{HASH}\n"
    assert len(site.proxy.requests) == 1


def test_the_same_hash_changes_nothing(site: Site) -> None:
    site.add()
    result = site.add()
    assert not result.changed
    assert states(result) == [("users", "ok")]


def test_another_hash_goes_to_the_controller_first(site: Site) -> None:
    site.add()
    asked = site.add(hashed=OTHER)
    assert not asked.changed
    assert asked.steps == ()
    assert asked.data == {"audit_id": AUDIT_ID, "present": HASH, "protected": True}
    assert site.file() == f"alice:{HASH}\n"
    result = site.add(hashed=OTHER, replaces=HASH)
    assert result.changed
    assert result.steps[0].text.endswith(" with another password")
    assert site.file() == f"alice:{OTHER}\n"


def test_a_user_of_a_path_that_is_no_longer_protected(site: Site) -> None:
    site.add()
    site.tree.apply(Change(SITE, {"auth": []}))
    assert site.add(hashed=OTHER).data["protected"] is False
    result = site.add(hashed=HASH, replaces=HASH)
    assert states(result) == [("users", "ok"), ("proxy", "changed")]
    assert result.changed
    assert site.protected() == ["/admin/"]


@pytest.mark.parametrize("name", [f"sites/{SITE}.conf", f"manifests/{SITE}.yml"])
def test_a_live_file_that_was_edited_by_hand_does_not_count_as_protection(site: Site, name: str) -> None:
    site.add()
    site.tree.break_open(name, "# open\n")
    site.add("bob")
    assert len(site.proxy.requests) == 2


@pytest.mark.parametrize("before", [None, f"bob:{OTHER}\n"])
def test_a_transaction_that_fails_leaves_the_password_file_as_it_was(site: Site, before: str | None) -> None:
    if before is not None:
        site.add("bob", hashed=OTHER)
        site.tree.apply(Change(SITE, {"auth": []}))
    site.proxy.failure = RolledBackError("NGINX does not want it")
    with pytest.raises(RolledBackError):
        site.add()
    assert site.file() == before
    assert site.protected() == []


def test_check_mode_writes_nothing(site: Site) -> None:
    result = site.add(check=True, diff=True)
    assert result.changed
    assert states(result) == [("users", "would_change"), ("proxy", "would_change")]
    assert "auth" in (result.diff or "")
    assert HASH not in (result.diff or "")
    assert site.file() is None
    assert site.protected() == []
    site.add()
    assert site.remove("alice", check=True).steps[0].state == "would_change"
    assert site.remove(check=True).steps[0].state == "would_change"
    assert site.file() == f"alice:{HASH}\n"
    assert site.protected() == ["/admin/"]


def test_a_check_that_does_not_run_is_a_warning(site: Site) -> None:
    site.proxy.check_runs = False
    assert states(site.add())[-1] == ("check", "warning")


def test_a_removed_user_leaves_the_others(site: Site) -> None:
    site.add()
    site.add("bob")
    result = site.remove("alice")
    assert result.changed
    assert result.steps[0].text == f"alice may no longer pass at {SITE}/admin/"
    assert result.steps[0].notes == ()
    assert site.file() == f"bob:{HASH}\n"


def test_the_last_user_leaves_the_path_closed(site: Site) -> None:
    site.add()
    result = site.remove("alice")
    assert f"nobody may pass at {SITE}/admin/ now" in result.steps[0].notes[0]
    assert site.file() == ""
    assert site.protected() == ["/admin/"]


def test_a_user_who_is_not_there(site: Site) -> None:
    site.add()
    result = site.remove("carol")
    assert not result.changed
    assert result.steps[0].text == f"carol may pass nowhere on {SITE}"
    assert result.steps[0].notes == (f"{SITE}/admin/: alice",)


def test_open_every_path(site: Site) -> None:
    site.add()
    site.add(route="/")
    result = site.remove()
    assert result.changed
    assert states(result) == [("users", "changed"), ("proxy", "changed")]
    assert result.steps[0].text == f"{SITE}/admin/, {SITE}/ open to everybody"
    assert site.protected() == []
    assert site.file() is None
    assert site.proxy.files[-1] is not None, "the proxy opened the path before the file went"
    assert "undo" not in result.data, "nothing to undo: the users are gone"


def test_open_one_path(site: Site) -> None:
    site.add()
    site.add(route="/")
    site.remove(route="/admin/")
    assert site.protected() == ["/"]
    assert site.file() is None
    assert site.file("/") is not None


def test_issue_14_item_8_a_path_below_a_protected_one_is_not_called_open(site: Site) -> None:
    site.add(route="/")
    for route in ("/admin/", "/admin"):
        step = site.remove(route=route).steps[0]
        assert "is behind a password there" not in step.text
        assert step.text == "nothing to open there: no path with users of its own"
        assert any("is behind the password of /" in note for note in step.notes)


def test_users_of_a_path_that_is_open_already(site: Site) -> None:
    site.add()
    site.tree.apply(Change(SITE, {"auth": []}))
    result = site.remove()
    assert result.changed
    assert result.steps[0].text == "users of nothing removed"
    again = site.remove()
    assert not again.changed
    assert again.steps[0].text == f"nothing of {SITE} is behind a password there"


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"domain": "nothing"}, "domain"),
        ({"domain": "other.example.com"}, "domain"),
        ({"user": "a:b"}, "user"),
        ({"route": "admin"}, "route"),
        ({"hashed": "plain"}, "hash"),
        ({"hashed": None}, "hash"),
    ],
)
def test_what_is_refused(site: Site, words: dict[str, Any], field: str) -> None:
    with pytest.raises(RefusedError) as refused:
        site.add(**words)
    assert refused.value.field == field
    assert site.file() is None


def test_a_path_that_the_site_does_not_serve(site: Site) -> None:
    routes = [{"path": "/app/", "container": "web-1", "port": 3000}]
    site.tree.apply(Change(SITE, {"routes": routes}))
    with pytest.raises(RefusedError) as refused:
        site.add(route="/other/")
    assert refused.value.there_are == ["/app/"]


def test_add_needs_a_user(site: Site) -> None:
    with pytest.raises(UsageError, match="a user is missing"):
        site.add(user=None)


def test_a_host_without_a_proxy(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.tree.paths.htpasswd.rmdir()
    with pytest.raises(RefusedError, match="this host has no reverse proxy yet"):
        site.add()


def test_a_path_below_a_protected_one_is_told_which_password_closes_it(site: Site) -> None:
    site.add(route="/")
    result = site.remove(route="/reports/")
    assert not result.changed
    (note,) = result.steps[0].notes
    assert note.startswith(f"{SITE}/reports/ is behind the password of /. To open that path: ")
