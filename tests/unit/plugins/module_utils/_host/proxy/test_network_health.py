"""What the checks say of the proxy's networks, its namespace and the firewall."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, cast

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.namespace import INTERFACE_SETTINGS
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Container, Endpoint
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy import network_health
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

from stackhost import make_container

STRICT = {path.format("eth0"): value for path, value in INTERFACE_SETTINGS.items()}


class Engine:
    def __init__(self, *networks: str, members: tuple[str, ...] = ("vsa-nginx",), status: str = "running") -> None:
        ends = {name: Endpoint("172.20.0.2", "") for name in networks}
        self.proxy: Container | None = dataclasses.replace(
            make_container("reverse-proxy", "nginx"), networks=ends, status=status
        )
        self._members = list(members)

    def container(self, _name: str) -> Container | None:
        return self.proxy

    def network(self, _name: str) -> dict[str, Any]:
        return {"IPAM": {"Config": [{"Subnet": "fd00::/64"}, {"Gateway": "172.20.9.1"}]}}

    def members(self, _name: str) -> list[str]:
        return self._members


def names(engine: Engine) -> list[tuple[str, str]]:
    return [(found.name, found.subject) for found in network_health.network_findings(cast(Any, engine))]


@pytest.fixture
def namespace(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    facts: dict[str, Any] = {"gateways": ["172.20.9.1"], "settings": STRICT}
    monkeypatch.setattr(network_health, "default_gateways", lambda _pid: facts["gateways"])
    monkeypatch.setattr(network_health, "interface_settings", lambda _pid: facts["settings"])
    return facts


def test_a_proxy_as_it_should_be(namespace: dict[str, Any]) -> None:
    assert names(Engine("flowbiz_entry", "flowbiz_ext")) == []
    namespace["gateways"] = namespace["settings"] = None
    assert names(Engine("flowbiz_entry", "flowbiz_ext")) == []


def test_no_proxy_no_findings(namespace: dict[str, Any]) -> None:
    del namespace
    stopped = Engine(status="exited")
    assert names(stopped) == []
    stopped.proxy = None
    assert names(stopped) == []


def test_each_kind_is_named(namespace: dict[str, Any]) -> None:
    assert names(Engine("flowbiz_ext")) == [("no-entry-network", "vsa-nginx")]
    shared = Engine("flowbiz_entry", members=("thief", "vsa-nginx"))
    assert names(shared) == [("entry-network-shared", "thief")]
    namespace["gateways"] = ["172.20.0.1"]
    assert names(Engine("flowbiz_entry")) == [("default-route-elsewhere", "vsa-nginx")]
    namespace["gateways"] = ["172.20.9.1"]
    namespace["settings"] = {**STRICT, **{f"net/ipv6/conf/eth{number}/accept_ra": "1" for number in range(5)}}
    assert names(Engine("flowbiz_entry")) == [("namespace-not-strict", "vsa-nginx")]
    (found,) = network_health.network_findings(cast(Any, Engine("flowbiz_entry")))
    assert found.text.endswith("net/ipv6/conf/eth2/accept_ra is 1 and 2 more")


@pytest.mark.parametrize(
    ("backend", "found"),
    [
        ("", []),
        ("iptables", []),
        ("iptables+firewalld", []),
        ("nftables", ["Docker"]),
        ("nftables+firewalld", ["Docker"]),
    ],
)
def test_a_firewall_backend_past_our_chain_is_named(backend: str, found: list[str]) -> None:
    class Backend(Engine):
        def firewall_backend(self) -> str:
            return backend

    assert [each.subject for each in network_health.backend_findings(cast(Any, Backend("flowbiz_entry")))] == found


def test_the_firewall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = Paths(str(tmp_path))
    assert network_health.firewall_findings(paths) == []
    paths.proxy.mkdir(parents=True)
    assert [found.name for found in network_health.firewall_findings(paths)] == ["firewall-missing"]
    (tmp_path / "var/lib/vsa/firewall").mkdir(parents=True)
    (tmp_path / "var/lib/vsa/firewall/closed").touch()
    assert network_health.firewall_findings(paths) == []
    monkeypatch.setattr(network_health, "not_in_force", lambda _root: ["IPv4 mangle FORWARD"])
    assert [found.name for found in network_health.firewall_findings(paths)] == ["firewall-not-in-force"]
