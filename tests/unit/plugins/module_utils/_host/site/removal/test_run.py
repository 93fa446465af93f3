# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The removal of a site on real files. The engine is a list of containers, and the proxy does not serve the site."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path
from typing import Any, TextIO

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.actor import Actor
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.generations import GenerationChange
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import (
    NotRolledBackError,
    RefusedError,
    RolledBackError,
    UsageError,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.host_record import record_change
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import Places
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.transaction import Proxy
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Change
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.removal import run as run_module
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.removal.journal import Journal
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.removal.run import (
    RemovalRequest,
    remove_site_from_host,
)

from hosttree import AUDIT_ID, HostTree, provide
from removing import RemovalEngine as Engine
from removing import container_info as info

SHOP = "shop.test"
RUN = RunContext(AUDIT_ID, Actor("tester", controller="here"), "site.unprovision")
MANIFEST = {
    "schema": 1,
    "domain": SHOP,
    "tenant": "acme",
    "routes": [{"path": "/", "container": "web-1", "port": 3000}],
}


def request(*, domain: str = SHOP, **more: Any) -> RemovalRequest:
    return RemovalRequest(RUN, domain, {}, **more)


def remove(tree: HostTree, engine: Engine, *, check: bool = False, **more: Any) -> Result:
    steps = more.pop("on_step", lambda name: None)
    return remove_site_from_host(
        request(**more),
        check=check,
        diff=False,
        paths=tree.paths,
        engine=engine,
        on_step=steps,  # type: ignore[arg-type]
    )


def texts(result: Result) -> dict[str, str]:
    return {step.name: step.text for step in result.steps}


@pytest.fixture
def tree(tmp_path: Path) -> HostTree:
    """A host that has everything of a site, but does not serve it."""
    tree = HostTree(tmp_path)
    tree.manifest(SHOP, MANIFEST)
    for path in (
        tree.paths.logs / f"{SHOP}.access.log",
        tree.paths.htpasswd / SHOP / ",",
        tree.paths.letsencrypt / f"renewal/{SHOP}.conf",
        tree.paths.certs / f"{SHOP}.yml",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return tree


def named_after_it(tree: HostTree) -> list[str]:
    return sorted(str(path) for path in tree.root.rglob(f"*{SHOP}*"))


def test_everything_goes_and_the_proof_says_so(tree: HostTree) -> None:
    engine = Engine(info("web-1"), info("other"))
    result = remove(tree, engine)
    assert result.changed
    assert [step.name for step in result.steps] == [
        "proxy", "auth", "certificate", "containers", "logs", "manifest", "proof",
    ]  # fmt: skip
    assert texts(result)["proxy"] == "not served"
    assert texts(result)["containers"] == "web-1 (docker run) stopped and removed"
    assert texts(result)["proof"] == f"nothing named {SHOP} remains"
    assert named_after_it(tree) == []
    assert [one.name for one in engine.infos] == ["other"]
    assert "container web-1" in result.data["removed"]


def test_a_check_names_what_would_go_and_touches_nothing(tree: HostTree) -> None:
    before = named_after_it(tree)
    result = remove(tree, Engine(info("web-1")), check=True)
    assert result.changed
    assert {step.state for step in result.steps} == {"ok", "would_change"}
    assert result.data["containers"] == [
        {
            "name": "web-1",
            "origin": "docker run",
            "image": "web:1",
            "created": 0,
            "written_bytes": 2048,
            "written_paths": 4,
        }
    ]
    assert named_after_it(tree) == before


def test_what_is_kept_stays(tree: HostTree) -> None:
    engine = Engine(info("web-1"))
    engine.joins.add(("web-1", "flowbiz_ext_acme"))
    result = remove(tree, engine, keep_container=True, keep_cert=True)
    assert texts(result)["certificate"] == "kept, as asked"
    assert [one.name for one in engine.infos] == ["web-1"]
    assert engine.joins == set()
    assert {Path(path).name for path in named_after_it(tree)} == {f"{SHOP}.conf", f"{SHOP}.yml"}
    assert {"container web-1, as asked", "its certificate"} <= set(result.data["kept"])
    assert not remove(tree, engine, keep_container=True, keep_cert=True).changed


def test_a_shared_container_stays(tree: HostTree) -> None:
    tree.manifest("b.test", {**MANIFEST, "domain": "b.test"})
    engine = Engine(info("web-1"))
    result = remove(tree, engine)
    assert result.data["shared"] == {"web-1": ["the site b.test routes to it"]}
    assert [one.name for one in engine.infos] == ["web-1"]
    assert "network flowbiz_ext_acme, while a container is on it" in result.data["kept"]


def test_finding_16_each_container_is_named_with_its_origin(tree: HostTree) -> None:
    engine = Engine(info("web-1", project="one", folder="/opt/one"))
    (containers,) = [step for step in remove(tree, engine, check=True).steps if step.name == "containers"]
    assert containers.text == "web-1 would be stopped and removed"
    assert containers.notes[0].startswith("web-1 (Compose project one in /opt/one, web:1, ")
    assert containers.notes[-1] == "to keep them: the same with -e site_keep_container=true"
    (containers,) = [step for step in remove(tree, engine).steps if step.name == "containers"]
    assert containers.text == "web-1 (Compose project one in /opt/one) stopped and removed"
    assert "web-1 can be started again by Compose, in /opt/one" in containers.notes


def test_finding_8_a_site_that_was_never_here_is_said_to_be_so(tree: HostTree) -> None:
    tree.manifest("cdn.example.test", {**MANIFEST, "domain": "cdn.example.test"})
    for check in (True, False):
        result = remove(tree, Engine(info("web-1")), check=check, domain="cdn.exmaple.test")
        assert not result.changed
        (step,) = result.steps
        assert (step.name, step.state) == ("site", "warning")
        assert step.text == "cdn.exmaple.test was never on this host"
        assert step.notes[-1] == "did you mean cdn.example.test?"
        assert (result.data["presence"], result.data["candidates"]) == ("never", ["cdn.example.test"])
    nothing = remove(tree, Engine(), domain="quite.other.invalid")
    assert nothing.data["candidates"] == []


def record_removal(tree: HostTree, result: Result, *, context: RunContext = RUN) -> None:
    """Leave the record that the module leaves."""
    places = Places.of_host(str(tree.root))
    record_change(context, action="flowbiz.vsa.site", target=SHOP, took=1.0, result=result, places=places)


def test_finding_8_a_second_removal_says_when_the_site_was_removed(tree: HostTree) -> None:
    record_removal(tree, remove(tree, Engine(info("web-1"))))
    again = remove(tree, Engine())
    assert not again.changed
    assert [step.name for step in again.steps] == ["site", "proof"]
    said = texts(again)["site"]
    assert said.startswith(f"{SHOP} is not on this host any more: removed 20")
    assert said.endswith(f" by tester@here (site.unprovision, audit {AUDIT_ID})")
    assert again.data["presence"] == "removed"
    assert again.data["removed_before"]["audit_id"] == AUDIT_ID


def test_without_the_trail_the_generations_remember_a_removal(tree: HostTree) -> None:
    other = HostTree(tree.root / "other")
    other.apply(provide(SHOP), provide("b.test"))
    other.apply(Change(SHOP, absent=True))
    result = remove(other, Engine())
    assert result.data["presence"] == "removed"
    assert result.data["removed_before"]["verb"] == "site.provision", "the verb of the generation"


def test_a_site_whose_provision_was_rolled_back_was_never_here(tree: HostTree) -> None:
    run = RunContext(AUDIT_ID, RUN.actor, "site.provision")
    run.generations.append(GenerationChange(1, 2, added=("new.test",), outcome="put_back"))
    record_removal(tree, Result(changed=True), context=run)
    assert remove(tree, Engine(), domain="new.test").data["presence"] == "never"


def test_networks_of_a_compose_project_go_with_its_last_container(tree: HostTree) -> None:
    engine = Engine(info("web-1", project="shop"))
    engine.networks["shop_default"] = {}
    result = remove(tree, engine)
    assert set(engine.networks) == {"flowbiz_ext"}
    assert {"network shop_default", "network flowbiz_ext_acme"} <= set(result.data["removed"])


@pytest.mark.parametrize("stop", ["auth", "certificate", "container web-1", "logs", "manifest", "proof", "end"])
def test_a_run_that_is_killed_is_finished_by_the_next_one(tree: HostTree, stop: str) -> None:
    engine = Engine(info("web-1"))

    def kill(name: str) -> None:
        if name == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        remove(tree, engine, on_step=kill)
    assert Journal.read(tree.paths, SHOP) is not None
    assert texts(remove(tree, engine))["proof"] == f"nothing named {SHOP} remains"
    assert named_after_it(tree) == []
    assert engine.infos == []


def test_a_failure_after_the_proxy_says_what_is_done(tree: HostTree) -> None:
    def fail(name: str) -> None:
        if name == "logs":
            raise OSError("disk")

    with pytest.raises(NotRolledBackError) as caught:
        remove(tree, Engine(), on_step=fail)
    assert caught.value.state == (
        f"{SHOP} is half removed. Done: proxy, auth, certificate, containers. Left: logs, manifest"
    )


def certbot_runs(tree: HostTree, monkeypatch: pytest.MonkeyPatch, *, seconds: float) -> TextIO:
    """Let another process hold certbot's lock; the removal waits so long for it."""
    monkeypatch.setattr(run_module, "_CERTBOT_SECONDS", seconds)
    stream = tree.paths.certbot_lock.open("w", encoding="utf-8")
    fcntl.flock(stream, fcntl.LOCK_EX)
    return stream


def test_a_certbot_that_runs_is_waited_for_and_the_rest_goes_on(
    tree: HostTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(info("web-1"))
    with certbot_runs(tree, monkeypatch, seconds=0.1), pytest.raises(NotRolledBackError) as caught:
        remove(tree, engine)
    assert "certbot's lock is held" in caught.value.message
    assert caught.value.state == (
        f"{SHOP} is half removed. Done: proxy, auth, containers, logs, manifest. Left: certificate"
    )
    assert engine.infos == []
    assert Journal.read(tree.paths, SHOP) is not None
    result = remove(tree, engine)
    assert texts(result)["certificate"] == "lineage, keys and renewal configuration removed"
    assert named_after_it(tree) == []


def test_a_certbot_that_ends_in_time_is_no_failure(tree: HostTree, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = certbot_runs(tree, monkeypatch, seconds=20)
    free: list[bool] = []

    def on_step(name: str) -> None:
        if name == "certificate later":
            threading.Timer(0.3, lock.close).start()
        if name == "manifest":
            free.append(True)

    result = remove(tree, Engine(), on_step=on_step)
    assert free == [True]
    assert [step.name for step in result.steps][-2:] == ["certificate", "proof"]
    assert named_after_it(tree) == []


def test_a_transaction_that_fails_leaves_everything(tree: HostTree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.apply(provide(SHOP, "web-1:3000"))
    before = named_after_it(tree)

    def refuse(*args: Any) -> None:
        raise RolledBackError("NGINX refuses it")

    monkeypatch.setattr(Proxy, "apply_locked", refuse)
    with pytest.raises(RolledBackError):
        remove(tree, Engine(info("web-1")))
    assert named_after_it(tree) == before
    assert Journal.read(tree.paths, SHOP) is None


def test_what_makes_no_sense_is_refused(tree: HostTree) -> None:
    with pytest.raises(UsageError) as caught:
        remove(tree, Engine(), purge=True, keep_container=True)
    assert caught.value.field == "purge"
    alias = HostTree(tree.root / "other")
    alias.apply(provide("main.test", "web-1:3000", aliases=[SHOP]))
    with pytest.raises(RefusedError, match=r"is an alias of the site main\.test"):
        remove(alias, Engine())
