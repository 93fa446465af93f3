"""Which containers two tenants share, as a table."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.tenancy import new_pairs, shared_containers

EDGE, ACME, BETA = "flowbiz_ext", "flowbiz_ext_acme", "flowbiz_ext_beta"
A, B = "a.example", "b.example"


def site(network: str, *containers: str) -> dict[str, Any]:
    return {"network": network, "containers": list(containers)}


CASES: dict[str, tuple[dict[str, Any], dict[str, list[str]], list[str]]] = {
    "one tenant, two sites": ({A: site(ACME, "web"), B: site(ACME, "web")}, {"web": [ACME]}, []),
    "networks of its own": ({A: site(ACME, "web")}, {"web": [ACME, "its-own", "flowbiz_net_a"]}, []),
    "not joined yet": ({A: site(ACME, "web")}, {"web": ["its-own"]}, []),
    "the common network alone is no tenant's": ({A: site(ACME, "web")}, {"web": [EDGE]}, []),
    "serves another tenant": (
        {A: site(ACME, "web"), B: site(BETA, "web")},
        {"web": [BETA]},
        ["web, which serves a.example (tenant acme), also serves b.example (tenant beta)"],
    ),
    "serves a site of no tenant": (
        {A: site(ACME, "web"), B: site(EDGE, "web")},
        {},
        ["web, which serves a.example (tenant acme), also serves b.example (no tenant)"],
    ),
    "is on another tenant's network": (
        {A: site(ACME, "web", "api")},
        {"api": [BETA], "web": [ACME]},
        ["api, which serves a.example (tenant acme), is on flowbiz_ext_beta (tenant beta)"],
    ),
    "a site of no tenant in a tenant's network": (
        {A: site(EDGE, "web")},
        {"web": [BETA]},
        ["web, which serves a.example (no tenant), is on flowbiz_ext_beta (tenant beta)"],
    ),
}


@pytest.mark.parametrize(("sites", "networks", "expected"), CASES.values(), ids=list(CASES))
def test_finding_10_containers_that_two_tenants_share(
    sites: dict[str, Any], networks: dict[str, list[str]], expected: list[str]
) -> None:
    found = shared_containers(sites, {A: sites[A]["containers"]}, networks)
    assert [str(entry) for entry in found] == expected


def test_only_what_is_new_on_its_network_is_looked_at() -> None:
    before = {A: site(ACME, "web"), B: site(EDGE, "other")}
    after = {A: site(ACME, "web", "api"), B: site(BETA, "other")}
    assert new_pairs(before, after, [A, B]) == {A: ["api"], B: ["other"]}
    assert new_pairs(before, before, [A, B]) == {}
    assert new_pairs({}, after, [A]) == {A: ["api", "web"]}
