"""A site is not switched to a name that a foreign container claims; the rest of the host goes on."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.claims import Upstream
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.plan import manifest_file
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Container, Endpoint
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.claims import (
    claim_findings,
    member_of,
    upstreams_of,
)

from hosttree import HostTree, provide

BETA = "flowbiz_ext_beta"


@pytest.fixture
def host(tmp_path: Path) -> HostTree:
    host = HostTree(tmp_path)
    host.engine.run_container("beta-web", BETA)
    host.engine.run_container("thief", "flowbiz_ext_acme")
    return host


def with_aliases(host: HostTree, monkeypatch: pytest.MonkeyPatch, **aliases: str) -> None:
    """Give containers an alias on all of their networks, and an address of their own."""
    plain = host.engine.container

    def container(name: str) -> Container | None:
        found = plain(name)
        if found is None:
            return None
        end = Endpoint(f"address of {name}", "", tuple(filter(None, [aliases.get(name)])))
        return dataclasses.replace(found, networks=dict.fromkeys(found.networks, end))

    monkeypatch.setattr(host.engine, "container", container)


def answers(host: HostTree, *containers: str) -> None:
    with host.state.change() as known:
        known["answers"] = {f"beta-web.{BETA}": [f"address of {name}" for name in containers]}


def beta(**fields: Any) -> Any:
    return provide("beta.example", "beta-web:3000", tenant="beta", **fields)


def test_the_dns_of_the_proxy_reveals_a_thief_on_another_network(
    host: HostTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_aliases(host, monkeypatch)
    answers(host, "beta-web", "thief")
    with pytest.raises(RefusedError, match=r"another container answers for the upstream of beta\.example: thief"):
        host.apply(beta())
    assert host.generations.live_number() == 0
    answers(host, "beta-web")
    host.apply(beta())
    assert host.generations.live_number() == 1
    # What is served goes on, the site can be closed, and a change of another site is not refused.
    answers(host, "thief")
    with pytest.raises(RefusedError, match="thief"):
        host.apply(beta(hsts=False))
    host.apply(provide("other.example"))
    host.apply(beta(maintenance=True))


def test_a_thief_on_the_same_network(host: HostTree, monkeypatch: pytest.MonkeyPatch) -> None:
    host.engine.run_container("thief", BETA)
    with_aliases(host, monkeypatch, thief="beta-web")
    with pytest.raises(RefusedError, match="thief") as refused:
        host.apply(beta())
    assert refused.value.details == [f"the name beta-web.{BETA} is also the one of the container thief"]


def test_a_sync_keeps_the_last_good_version_and_names_the_thief(
    host: HostTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_aliases(host, monkeypatch)
    host.apply(beta())
    before = host.manifests()["beta.example"]
    answers(host, "thief")
    host.manifest("beta.example", before + "hsts: false\n")
    host.manifest("new.example", "schema: 1\ndomain: new.example\nroutes: [{path: /, container: web-1, port: 3000}]\n")
    with host.certificates("new.example"):
        desired = host.apply(sync=True)
    assert any("another container answers for its upstream" in warning for warning in desired.warnings)
    assert any("thief" in warning for warning in desired.warnings)
    assert "new.example" in desired.sites
    assert "hsts" not in host.file(manifest_file("beta.example")).read_text(encoding="utf-8")


def test_a_rollback_is_not_switched_to_a_thief(host: HostTree, monkeypatch: pytest.MonkeyPatch) -> None:
    with_aliases(host, monkeypatch)
    host.apply(beta())
    host.apply(beta(hsts=False))
    answers(host, "thief")
    with pytest.raises(RefusedError, match="thief"), host.certificates("beta.example"):
        host.proxy().rollback(None, host.request().run)


def test_upstreams() -> None:
    sites = {"a.example": {"network": "n", "containers": ["x", "y"]}}
    assert upstreams_of(sites) == [Upstream("a.example", "x", "n"), Upstream("a.example", "y", "n")]


def test_a_member() -> None:
    labels = {"com.docker.compose.project": "p", "com.docker.compose.project.working_dir": "/srv/t/p"}
    ends = {"n": Endpoint("192.0.2.1", "2001:db8::1", ("alias",))}
    container = Container("x", "id", "i", "i", "running", None, 1, "", networks=ends, labels=labels, hostname="host")
    found = member_of(container, "n")
    assert found.names == {"x", "alias", "host"}
    assert found.addresses == {"192.0.2.1", "2001:db8::1"}
    assert found.origin == "p /srv/t/p"
    assert member_of(container, "other").addresses == frozenset()


def make(name: str, network: str, *aliases: str, status: str = "running") -> Container:
    ends = {network: Endpoint("192.0.2.1", "", aliases)}
    return Container(name, name, "i", "i", status, None, 1, "", networks=ends)


def test_claimed_names() -> None:
    sites = {"b.example": {"network": "flowbiz_ext_beta", "containers": ["beta-web"]}}
    own = make("beta-web", "flowbiz_ext_beta", "web")
    thief = make("thief", "flowbiz_ext_acme", "beta-web.flowbiz_ext_beta")
    (finding,) = claim_findings(sites, [own, thief])
    assert (finding.name, finding.level, finding.subject) == ("claimed-name", "down", "b.example")
    assert "thief" in finding.text
    assert claim_findings(sites, [own, make("other", "flowbiz_ext_acme", "beta-web")]) == []
    stopped = make("thief", "flowbiz_ext_beta", "beta-web", status="exited")
    assert claim_findings(sites, [own, stopped]) == []
