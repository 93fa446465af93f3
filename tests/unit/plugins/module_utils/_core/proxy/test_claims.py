"""Whose container answers for the name of an upstream."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.claims import (
    Claim,
    Member,
    Upstream,
    claims_among,
    claims_by_address,
    upstream_name,
)

BETA = Upstream("beta.example", "beta-web", "flowbiz_ext_beta")
OWN = Member("beta-web", frozenset({"beta-web", "web"}), frozenset({"172.18.0.2"}), "beta /srv/beta/beta")


def member(name: str, *names: str, origin: str = "", address: str = "172.18.0.9") -> Member:
    return Member(name, frozenset({name, *names}), frozenset({address}), origin)


@pytest.mark.parametrize(
    ("other", "claims"),
    [
        pytest.param(member("thief", "beta-web"), ["thief"], id="the first part as an alias"),
        pytest.param(member("thief", "beta-web.flowbiz_ext_beta"), ["thief"], id="the whole name"),
        pytest.param(member("other", "web"), [], id="another name"),
        pytest.param(member("vsa-nginx", "beta-web"), [], id="the proxy"),
        pytest.param(member("beta-web-2", "beta-web", origin=OWN.origin), [], id="a container of the same project"),
        pytest.param(member("x", "beta-web", origin="beta /srv/acme/beta"), ["x"], id="a project of the same name"),
    ],
)
def test_claims_among_the_containers_of_the_network(other: Member, claims: list[str]) -> None:
    found = claims_among([BETA], {"flowbiz_ext_beta": [OWN, other], "flowbiz_ext_acme": [member("x", "beta-web")]})
    assert [claim.by for claim in found] == claims


def test_a_claim_in_another_case_is_a_claim_because_the_dns_ignores_case() -> None:
    found = claims_among([BETA], {"flowbiz_ext_beta": [OWN, member("thief", "Beta-WEB")]})
    assert [claim.by for claim in found] == ["thief"]


def test_an_upstream_that_does_not_exist_can_be_claimed() -> None:
    found = claims_among([BETA], {"flowbiz_ext_beta": [member("thief", "beta-web")]})
    assert [str(claim) for claim in found] == [
        "the name beta-web.flowbiz_ext_beta is also the one of the container thief"
    ]
    assert claims_among([BETA], {}) == []


@pytest.mark.parametrize(
    ("answer", "claims"),
    [
        pytest.param({"172.18.0.2"}, [], id="its own address"),
        pytest.param({"172.18.0.2", "172.18.0.9"}, ["thief"], id="another address too"),
        pytest.param({"172.18.0.9"}, ["thief"], id="another address"),
        pytest.param({"203.0.113.1"}, [], id="an answer of the host's own DNS"),
        pytest.param(set(), [], id="no answer"),
    ],
)
def test_claims_by_address(answer: set[str], claims: list[str]) -> None:
    found = claims_by_address({BETA: frozenset(answer)}, {BETA: OWN.addresses}, [OWN, member("thief")])
    assert found == [Claim(BETA, name) for name in claims]


def test_the_name_for_which_nginx_asks() -> None:
    assert upstream_name(BETA) == "beta-web.flowbiz_ext_beta"
