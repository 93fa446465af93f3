"""Names and subnets of the edge networks."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.networks import (
    edge_network,
    is_edge_network,
    is_loopback,
    ula_subnet,
    within,
)


@pytest.mark.parametrize(("tenant", "name"), [(None, "flowbiz_ext"), ("", "flowbiz_ext"), ("acme", "flowbiz_ext_acme")])
def test_edge_network(tenant: str | None, name: str) -> None:
    assert edge_network(tenant) == name
    assert is_edge_network(name)


@pytest.mark.parametrize("name", ["", "bridge", "flowbiz", "flowbiz_external", "x_flowbiz_ext", "flowbiz_ext-acme"])
def test_other_networks_are_none(name: str) -> None:
    assert not is_edge_network(name)


def test_ula_subnet_is_a_private_64_that_stays() -> None:
    names = ["flowbiz_ext", *(f"flowbiz_ext_t{number}" for number in range(500))]
    subnets = [ula_subnet(name) for name in names]
    for subnet in subnets:
        network = ipaddress.IPv6Network(subnet)
        assert network.prefixlen == 64
        assert network.subnet_of(ipaddress.IPv6Network("fd00::/8"))
    assert len(set(subnets)) == len(names)
    # Networks exist on hosts: another subnet for the same name would not be found again.
    assert ula_subnet("flowbiz_ext") == "fd7c:b065:920e:e687::/64"


@pytest.mark.parametrize(
    ("address", "networks", "found"),
    [
        ("198.51.100.7", (), False),
        ("198.51.100.7", ("198.51.100.7",), True),
        ("198.51.100.7", ("203.0.113.0/24", "198.51.100.0/24"), True),
        ("198.51.101.7", ("198.51.100.0/24",), False),
        ("2001:db8::7", ("198.51.100.0/24",), False),
        ("2001:db8::7", ("198.51.100.0/24", "2001:db8::/32"), True),
        ("fe80::1%eth0", ("fe80::/10",), True),
    ],
)
def test_within(address: str, networks: tuple[str, ...], found: bool) -> None:
    assert within(address, networks) is found


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("[::1]", True),
        ("", False),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.7", False),
        ("localhost", False),
    ],
)
def test_only_the_host_reaches_its_loopback(address: str, found: bool) -> None:
    assert is_loopback(address) is found
