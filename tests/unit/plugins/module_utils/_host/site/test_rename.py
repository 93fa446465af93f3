# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A renaming without a host: over real files, a fake NGINX, a fake engine and self-signed certificates."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import (
    NotRolledBackError,
    RefusedError,
    UsageError,
    VsaError,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint, parse_hint, playbook_command
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.plan import site_file
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site import certificates, rename
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.names import Report
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.resources import FILES
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.access_logs import site_logs
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.passwords import read_users_file, write_users_file

from sitehost import SiteHost, texts

OLD, NEW, OTHER = "shop.test", "store.test", "other.test"
WEB = {"container": "web-1", "port": 3000}
USERS = "ana:$2b$12$abcdefghijklmnopqrstuv\n"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SiteHost:
    """A host that serves OLD, with users, logs and a certificate, and OTHER beside it."""
    host = SiteHost(tmp_path, monkeypatch)
    host.provision(OTHER, container="web-2", port=3000)
    host.provision(OLD, **WEB, auth=["/admin/"], aliases=["a.test"])
    write_users_file(host.paths, OLD, "/admin/", USERS)
    (host.paths.logs / f"{OLD}.access.log").write_text("now\n")
    (host.paths.logs / f"{OLD}.access.log.1764000000.gz").write_text("before\n")
    return host


def left_of(host: SiteHost, domain: str) -> list[str]:
    """Return the files that carry a name, but those of earlier generations and the lock."""
    history = (host.paths.generations, host.paths.nginx / "store")
    return [
        str(path)
        for path in sorted(host.root.rglob(f"*{domain}*"))
        if not {*history} & {path, *path.parents} or host.live in path.parents
    ]


def assert_renamed(host: SiteHost) -> None:
    assert left_of(host, OLD) == []
    assert list(host.manifests()) == [OTHER, NEW]
    assert read_users_file(host.paths, NEW, "/admin/") == USERS
    logs = [path for path in site_logs(host.paths, NEW) if path.name != f"{NEW}.access.log"]
    assert sorted(path.read_text() for path in logs) == ["before\n", "now\n"]
    assert (host.paths.selfsigned / NEW / "fullchain.pem").exists()
    assert host.state.read()["served"] == host.generations.live_number()


def test_everything_goes_with_the_site(host: SiteHost) -> None:
    result = host.rename(OLD, NEW)
    assert result.changed
    assert_renamed(host)
    assert [(step.name, step.state) for step in result.steps] == [
        ("preflight", "ok"), ("certificate", "changed"), ("auth", "changed"), ("proxy", "changed"), ("logs", "changed"),
        ("old name", "ok"), ("site", "ok"),
    ]  # fmt: skip
    assert texts(result)["old name"] == f"{OLD} redirects to {NEW}"
    assert result.data["site"]["names"] == [NEW, OLD, "a.test"]
    undo = Hint("site.rename", {"domain": NEW, "to": OLD, "redirect": False})
    assert parse_hint(result.data["undo_hint"]) == undo
    assert result.data["undo"] == playbook_command(undo)
    record = host.read_record()
    assert (record["verb"], record["changed"], record["removed"]) == ("site.rename", [NEW], [OLD])
    assert record["number"] == record["base"] + 1, "one transaction"
    [proxy] = [step for step in result.steps if step.name == "proxy"]
    assert not any(f"{OLD} is refused" in note for note in proxy.notes)


def test_without_a_redirect_the_old_name_is_refused(host: SiteHost) -> None:
    result = host.rename(OLD, NEW, redirect=False)
    assert_renamed(host)
    assert texts(result)["old name"] == f"{OLD} is refused"
    assert result.data["site"]["names"] == [NEW, "a.test"]
    assert host.nginx.prove_refused([OLD]) == []


def test_there_and_back_is_the_same_site(host: SiteHost) -> None:
    before = host.manifests()[OLD]
    host.rename(OLD, NEW)
    host.rename(NEW, OLD, redirect=False)
    assert host.manifests()[OLD] == before
    assert read_users_file(host.paths, OLD, "/admin/") == USERS
    assert left_of(host, NEW) == []


def test_comments_move_with_the_manifest(host: SiteHost) -> None:
    path = host.paths.sites / f"{OLD}.yml"
    path.write_text("# the shop, ticket 77\n" + path.read_text().replace("routes:\n", "routes:  # one\n"))
    host.rename(OLD, NEW)
    text = host.manifests()[NEW]
    assert text.startswith("# the shop, ticket 77\n")
    assert "routes:  # one\n" in text


@pytest.mark.parametrize("redirect", [True, False])
def test_twice_is_unchanged_and_says_so(host: SiteHost, redirect: bool) -> None:
    host.rename(OLD, NEW, redirect=redirect)
    before = host.snapshot()
    again = host.rename(OLD, NEW, redirect=redirect)
    assert not again.changed
    assert texts(again) == {"rename": f"{OLD} is already renamed to {NEW}"}
    assert host.snapshot() == before


def test_a_check_touches_nothing(host: SiteHost) -> None:
    before = host.snapshot()
    result = host.rename(OLD, NEW, check=True)
    assert result.changed
    assert {step.name: step.state for step in result.steps} == {
        "preflight": "ok", "certificate": "would_change", "auth": "would_change", "proxy": "would_change",
        "logs": "would_change", "old name": "would_change",
    }  # fmt: skip
    assert f"+    server_name {NEW}" in str(result.diff)
    assert not any("no password file" in note for step in result.steps for note in step.notes)
    assert host.snapshot() == before


def kill(host: SiteHost, stop: str) -> None:
    """Rename in a process that dies by SIGKILL before a step: no handler and no clean-up runs."""

    def die(name: str) -> None:
        if name == stop:
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if not child:
        host.rename(OLD, NEW, on_step=die)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL, f"the step {stop} was not reached"


STEPS = (
    *("copy users", "stage", "journal", "switch", "reload", "prove", "manifests", "close"),
    *("move logs", "remove users", "remove certificate", "remove manifest"),
)


@pytest.mark.parametrize("stop", STEPS)
def test_a_run_that_is_killed_is_finished_by_the_next_one(host: SiteHost, stop: str) -> None:
    kill(host, stop)
    served = host.nginx._served_names()
    assert {OLD, OTHER} <= set(served), "the old name leads to the site at any time"
    changed = host.rename(OLD, NEW).changed
    assert changed or stop == "remove manifest", "by then only the site's own step is left"
    assert_renamed(host)
    assert not host.rename(OLD, NEW).changed


def test_a_transaction_that_fails_leaves_the_old_site(host: SiteHost) -> None:
    host.templates["site.conf.j2"] += "no_such_directive;\n"
    before = {path: text for path, text in host.snapshot().items() if NEW not in path}
    with pytest.raises(VsaError, match="NGINX refuses") as caught:
        host.rename(OLD, NEW)
    assert caught.value.state == f"{OLD} is served as before; the certificate of {NEW} was issued and stays"
    assert [step["name"] for step in caught.value.steps] == ["preflight", "certificate"]
    after = {path: text for path, text in host.snapshot().items() if NEW not in path and "last.json" not in path}
    assert {path for path in after if after[path] != before.get(path)} <= {"fakes.json"}
    assert not (host.paths.htpasswd / NEW).exists()


def test_a_certificate_that_fails_leaves_everything(host: SiteHost, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any, **_options: Any) -> Result:
        raise RefusedError("the CA refuses")

    monkeypatch.setattr(certificates, "ensure_certificate", refuse)
    before = host.snapshot()
    with pytest.raises(RefusedError, match="the CA refuses") as caught:
        host.rename(OLD, NEW)
    assert caught.value.state == "nothing was changed"
    assert host.snapshot() == before


def test_a_new_name_that_the_ca_cannot_validate_is_named_as_it_was_typed(
    host: SiteHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: Any, **_options: Any) -> Report:
        raise RefusedError(f"{NEW} has no address in DNS", field="domain", value=NEW)

    monkeypatch.setattr(rename, "check_names", refuse)
    with pytest.raises(RefusedError) as caught:
        host.rename(OLD, NEW)
    assert (caught.value.field, caught.value.value) == ("to", NEW)


def while_the_certificate_is_ensured(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Let something happen on the host after the first run has looked at the host, and before it has the lock."""
    ensure = certificates.ensure_certificate

    def ensured(*arguments: Any, **options: Any) -> Result:
        monkeypatch.setattr(certificates, "ensure_certificate", ensure)
        happens()
        return ensure(*arguments, **options)

    monkeypatch.setattr(certificates, "ensure_certificate", ensured)


def test_a_run_that_was_interrupted_and_goes_on_takes_no_user_away(
    host: SiteHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    while_the_certificate_is_ensured(monkeypatch, lambda: host.rename(OLD, NEW))
    result = host.rename(OLD, NEW)
    assert_renamed(host)
    assert texts(result)["rename"] == f"{OLD} is already renamed to {NEW}"


def test_a_change_that_comes_in_between_is_not_lost(host: SiteHost, monkeypatch: pytest.MonkeyPatch) -> None:
    while_the_certificate_is_ensured(monkeypatch, lambda: host.provision(OLD, **WEB, aliases=["a.test", "b.test"]))
    with pytest.raises(RefusedError, match=f"{OLD} was changed while this run prepared its new name"):
        host.rename(OLD, NEW)
    assert list(host.manifests()) == [OTHER, OLD]
    assert read_users_file(host.paths, OLD, "/admin/") == USERS
    host.rename(OLD, NEW)
    assert_renamed(host)
    assert "- b.test\n" in host.manifests()[NEW]


def alias_of_another(host: SiteHost) -> None:
    host.provision(OTHER, aliases=[NEW])


def is_a_site(host: SiteHost) -> None:
    host.provision(NEW, container="web-2", port=3000)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (is_a_site, f"{NEW} is already a site of this host"),
        (alias_of_another, f"{NEW} already belongs to the site {OTHER}"),
        (lambda host: host.engine.stop("vsa-nginx"), "the reverse proxy of this host does not run"),
    ],
)
def test_what_cannot_be_is_refused(host: SiteHost, damage: Callable[[SiteHost], None], message: str) -> None:
    damage(host)
    before = host.snapshot()
    with pytest.raises(RefusedError, match=message):
        host.rename(OLD, NEW)
    assert host.snapshot() == before


def test_a_site_that_is_not_there_is_refused(host: SiteHost) -> None:
    with pytest.raises(RefusedError, match="this host has no such site"):
        host.rename("typo.test", NEW)
    with pytest.raises(RefusedError, match="this host has no such site"):
        host.rename("typo.test", OTHER)
    with pytest.raises(UsageError, match="has this domain already"):
        host.rename(OLD, OLD)


def test_a_name_of_the_site_itself_may_become_its_domain(host: SiteHost) -> None:
    result = host.rename(OLD, "a.test")
    assert result.data["site"]["names"] == ["a.test", OLD]
    assert parse_hint(result.data["undo_hint"]) == Hint("site.rename", {"domain": "a.test", "to": OLD})


def test_a_container_that_does_not_answer_is_a_warning(host: SiteHost) -> None:
    host.silent = {"web-1"}
    result = host.rename(OLD, NEW)
    assert "web-1 does not answer on port 3000: it listens on no TCP port yet" in result.steps[0].notes
    assert_renamed(host)


def test_a_lineage_that_others_use_stays(host: SiteHost) -> None:
    (host.paths.selfsigned / "link.test").symlink_to(OLD)
    result = host.rename(OLD, NEW)
    [old] = [step for step in result.steps if step.name == "old name"]
    assert (old.state, old.notes) == ("warning", (f"the certificate of {OLD} stays, used by the lineage link.test",))
    assert (host.paths.selfsigned / OLD / "fullchain.pem").exists()
    assert not host.rename(OLD, NEW).changed


def test_a_failure_after_the_switch_says_how_to_go_on(host: SiteHost) -> None:
    def fail(name: str) -> None:
        if name == "move logs":
            raise OSError("disk")

    with pytest.raises(NotRolledBackError) as caught:
        host.rename(OLD, NEW, on_step=fail)
    assert caught.value.state == f"{NEW} is served, but not everything of {OLD} is moved or removed"
    assert site_file(NEW) in host.generations.read(host.generations.live_number()).files
    host.rename(OLD, NEW)
    assert_renamed(host)


def test_users_that_somebody_left_under_the_new_name_may_not_pass(host: SiteHost) -> None:
    write_users_file(host.paths, NEW, "/", "eve:x\n")
    host.rename(OLD, NEW)
    assert [path.name for path in (host.paths.htpasswd / NEW).iterdir()] == [",admin,"]


def test_every_sort_of_file_is_settled(host: SiteHost) -> None:
    """A new row of FILES fails here until the renaming moves or removes it."""
    for row in FILES:
        if not row.find(host.paths, OLD):
            assert row.name == "journal", f"the fixture of this test has no {row.name} yet"
    host.rename(OLD, NEW)
    assert [row.name for row in FILES if row.find(host.paths, OLD)] == []
