# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The removal of a site on real files. The engine is a list of containers, and the proxy does not serve the site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.actor import Actor
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import (
    NotRolledBackError,
    RefusedError,
    RolledBackError,
    UsageError,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.removal import ContainerInfo
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker_site import Written
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.transaction import Proxy
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.removal.journal import Journal
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.removal.run import (
    RemovalRequest,
    remove_site_from_host,
)

from hosttree import AUDIT_ID, HostTree, provide

SHOP = "shop.test"
RUN = RunContext(AUDIT_ID, Actor("tester", controller="here"), "site.unprovision")
MANIFEST = {
    "schema": 1,
    "domain": SHOP,
    "tenant": "acme",
    "routes": [{"path": "/", "container": "web-1", "port": 3000}],
}


class Engine:
    """The containers and networks of a host, in memory."""

    def __init__(self, *infos: ContainerInfo) -> None:
        self.infos = list(infos)
        self.networks = {"flowbiz_ext": {}, "flowbiz_ext_acme": {"Labels": {"vsa.edge": "1"}}}
        self.joins: set[tuple[str, str]] = set()

    def container_infos(self) -> list[ContainerInfo]:
        return self.infos

    def remove_container(self, identity: str) -> None:
        self.infos = [info for info in self.infos if info.id != identity]

    def written(self, _info: ContainerInfo) -> Written:
        return Written(2048, 4, ("/data/db",))

    def members(self, network: str) -> list[str]:
        return [info.name for info in self.infos if network in info.networks]

    def network(self, name: str) -> dict[str, Any] | None:
        return self.networks.get(name)

    def remove_edge(self, name: str) -> list[str] | None:
        if self.members(name):
            return self.members(name)
        del self.networks[name]
        return None

    def project_networks(self, project: str) -> list[str]:
        return [name for name in self.networks if name.startswith(f"{project}_")]

    def remove_network(self, name: str) -> None:
        del self.networks[name]

    def joined(self, name: str, network: str) -> bool:
        return (name, network) in self.joins

    def disconnect(self, network: str, name: str) -> None:
        self.joins.remove((name, network))


def info(name: str, **more: Any) -> ContainerInfo:
    return ContainerInfo(name, f"id-{name}", image="web:1", networks=("flowbiz_ext_acme",), **more)


def request(**more: Any) -> RemovalRequest:
    return RemovalRequest(RUN, SHOP, {}, **more)


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
    assert texts(result)["containers"] == "web-1 stopped and removed"
    assert texts(result)["proof"] == f"nothing named {SHOP} remains"
    assert named_after_it(tree) == []
    assert [one.name for one in engine.infos] == ["other"]
    assert "container web-1" in result.data["removed"]
    again = remove(tree, engine)
    assert not again.changed
    assert texts(again)["manifest"] == "none"


def test_a_check_names_what_would_go_and_touches_nothing(tree: HostTree) -> None:
    before = named_after_it(tree)
    result = remove(tree, Engine(info("web-1")), check=True)
    assert result.changed
    assert {step.state for step in result.steps} == {"ok", "would_change"}
    assert result.data["containers"] == [
        {"name": "web-1", "image": "web:1", "created": 0, "written_bytes": 2048, "written_paths": 4}
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
    assert "proxy, auth, certificate, containers done" in caught.value.state


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
