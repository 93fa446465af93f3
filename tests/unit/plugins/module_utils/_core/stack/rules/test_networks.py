"""Names that a stack may have; the hostile values are in the table of test_policy.py."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.rules.facts import KnownContainer
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.rules.networks import judge_names, judge_ports

from composing import make_config, make_facts


def test_the_names_that_compose_makes_are_taken_too() -> None:
    other = KnownContainer("shop-web-1", project="x", folder="/srv/acme/x")
    (found,) = judge_names(make_config(), make_facts(containers=(other,)))
    assert (found.name, found.subject) == ("foreign-name", "web shop-web-1")


def test_its_own_containers_do_not_count() -> None:
    own = KnownContainer("shop-web-1", project="shop", folder="/srv/acme/shop")
    assert list(judge_names(make_config(), make_facts(containers=(own,)))) == []


@pytest.mark.parametrize(
    ("published", "declared"),
    [("8000", True), ("8000-8001", True), ("8000-8002", False), ("8001-8000", False), ("x", False), ("8000-x", False)],
)
def test_declared_ports(published: str, declared: bool) -> None:
    facts = make_facts(ports=frozenset({(8000, "tcp"), (8001, "tcp")}))
    found = list(judge_ports(make_config({"ports": [{"published": published, "protocol": "tcp"}]}), facts))
    assert bool(found) is not declared
    assert list(judge_ports(make_config({"ports": [{"published": published, "protocol": "udp"}]}), facts))
