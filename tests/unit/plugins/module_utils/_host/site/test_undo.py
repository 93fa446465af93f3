"""The undo that a verb prints concerns the one site that the verb changed, also after --force."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint, parse_hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.auth.users import UserRequest, add_user, remove_user
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.module import ROLLBACK, VhostRequest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.module import run as change_proxy
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import ALLOW, Change

from hosttree import RUN
from sitehost import SiteHost

SHOP, BLOG, NEW = "shop.test", "blog.test", "new.test"
WEB = {"container": "web-1", "port": 3000}
OTHER = {"container": "web-2", "port": 3000}
HASH = "$2y$10$" + "a" * 53


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SiteHost:
    """SHOP has three versions, BLOG has one."""
    host = SiteHost(tmp_path, monkeypatch)
    host.provision(SHOP, **WEB)
    host.provision(BLOG, **WEB)
    host.provision(SHOP, **OTHER)
    host.provision(SHOP, aliases=["www.shop.test"])
    return host


def deaf(host: SiteHost, *containers: str) -> None:
    """Let containers answer nobody through NGINX."""
    with host.state.change() as known:
        known["deaf"] = list(containers)


def proxy(host: SiteHost, verb: str = "site.maintenance", **request: Any) -> Result:
    run = replace(RUN, verb=verb)
    return change_proxy(
        VhostRequest(run, host.templates, **request), check=False, diff=False, paths=host.paths, proxy=host.proxy()
    )


def maintenance(host: SiteHost) -> Result:
    return proxy(host, change=Change(SHOP, {"maintenance": True}), existing=True)


def opened(host: SiteHost) -> Result:
    maintenance(host)
    return proxy(host, change=Change(SHOP, unset=("maintenance",)), existing=True)


def forced(host: SiteHost, call: Callable[[], Result]) -> Result:
    deaf(host, "web-1")
    result = call()
    assert result.data["silent"] == [SHOP]
    return result


def users(host: SiteHost, verb: Callable[..., Result], **more: Any) -> Result:
    request = UserRequest(RUN, SHOP, templates=host.templates, **more)
    return verb(request, check=False, diff=False, paths=host.paths, proxy=host.proxy())


OF_ONE_SITE: dict[str, Callable[[SiteHost], Result]] = {
    "a changed site": lambda host: host.provision(SHOP, timeout="7s"),
    "a changed site, by force": lambda host: forced(host, lambda: host.provision(SHOP, **WEB, force=True)),
    "closed for maintenance": maintenance,
    "opened again": opened,
    "rolled back": lambda host: host.roll_back(SHOP),
    "rolled back, by force": lambda host: forced(host, lambda: host.roll_back(SHOP, 1, force=True)),
    "renamed": lambda host: host.rename(SHOP, "store.test"),
    "renamed, by force": lambda host: host.rename(SHOP, "store.test", force=True, redirect=False),
}


def undo(host: SiteHost, hint: Hint) -> None:
    """Carry out a printed undo, as the verb that it names does."""
    fields = dict(hint.fields)
    if hint.verb == "site.rollback":
        host.roll_back(str(fields["domain"]), int(str(fields["generation"])), force=True)
    elif hint.verb == "site.rename":
        redirect = bool(fields.get("redirect", True))
        host.rename(str(fields["domain"]), str(fields["to"]), redirect=redirect, force=True)
    else:
        pytest.fail(f"{hint.verb} is no undo of a change of one site")


@pytest.mark.parametrize("name", OF_ONE_SITE)
def test_finding_4_the_undo_of_a_change_of_one_site_concerns_this_site_alone(host: SiteHost, name: str) -> None:
    before = host.manifests()
    if name == "opened again":
        before = {**before, SHOP: before[SHOP] + "maintenance: true\n"}
    result = OF_ONE_SITE[name](host)
    assert result.changed
    hint = parse_hint(result.data["undo_hint"])
    assert hint is not None
    assert hint.fields["domain"] in {SHOP, "store.test"}
    # What somebody else does in the meantime stays.
    host.provision(BLOG, timeout="9s")
    blog = host.manifests()[BLOG]
    undo(host, hint)
    after = host.manifests()
    assert after[BLOG] == blog
    assert set(after) == set(before)
    assert "web-2" in after[SHOP]
    if "renamed" not in name:
        assert after[SHOP] == before[SHOP]


def test_finding_4_the_undo_of_a_new_site_removes_it(host: SiteHost) -> None:
    for force in (False, True):
        result = host.provision(NEW, **WEB, force=force)
        assert parse_hint(result.data["undo_hint"]) == Hint("site.unprovision", {"domain": NEW})
        host.apply(Change(NEW, absent=True))


NOTHING: dict[str, Callable[[SiteHost], Result]] = {
    "nothing changed": lambda host: host.provision(SHOP, **OTHER),
    "a user of a new path": lambda host: users(host, add_user, user="alice", route="/admin/", hashed=HASH),
    "all users": lambda host: (
        users(host, add_user, user="alice", route="/admin/", hashed=HASH),
        users(host, remove_user),
    )[1],
    "declared sites": lambda host: host.declare([(SHOP, {"routes": [{"path": "/", **WEB}], "ca": "selfsigned"})]),
}


@pytest.mark.parametrize("name", NOTHING)
def test_finding_4_what_no_verb_undoes_names_no_undo(host: SiteHost, name: str) -> None:
    result = NOTHING[name](host)
    assert not {"undo", "undo_hint"} & set(result.data)


def test_finding_4_only_the_verbs_about_the_whole_host_name_an_undo_of_the_whole_host(host: SiteHost) -> None:
    live = host.generations.live_number()
    host.manifest(BLOG, host.manifests()[BLOG] + "timeout: 9s\n")
    synced = proxy(host, "vhost.sync", sync=True)
    assert parse_hint(synced.data["undo_hint"]) == Hint("vhost.rollback", {"to": live})
    returned = proxy(host, "vhost.rollback", phase=ROLLBACK, removal=ALLOW)
    assert parse_hint(returned.data["undo_hint"]) == Hint("vhost.rollback", {"to": live + 1})
