"""Whose containers, networks and volumes are."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.rules.facts import (
    Facts,
    KnownContainer,
    tenant_of_folder,
)


@pytest.mark.parametrize(
    ("folder", "tenant"),
    [
        ("/srv/acme/shop", "acme"),
        ("/srv/acme", None),
        ("/srv/acme/shop/sub", None),
        ("/data/srv/acme/shop", None),
        ("/srv//shop", None),
        ("", None),
    ],
)
def test_the_tenant_of_a_folder(folder: str, tenant: str | None) -> None:
    assert tenant_of_folder(folder) == tenant


def on(*networks: str) -> KnownContainer:
    return KnownContainer("x", networks=dict.fromkeys(networks, frozenset()))


def test_the_tenant_of_a_container_without_compose() -> None:
    facts = Facts("shop", "acme", "/srv/acme/shop")
    assert facts.tenant_of(on("flowbiz_ext_beta", "own")) == "beta"
    assert facts.tenant_of(on("flowbiz_ext_beta", "flowbiz_ext_acme")) is None
    assert facts.tenant_of(on("flowbiz_ext")) is None


def test_inside() -> None:
    facts = Facts("shop", "acme", "/srv/acme/shop", real={"/srv/acme/shop/link": "/etc"})
    assert facts.is_inside("/srv/acme/shop")
    assert facts.is_inside("/srv/acme/shop/a/../b")
    for path in ("/srv/acme/shop2", "/srv/acme/shop/../x", "/srv/acme/shop/link", "data", ""):
        assert not facts.is_inside(path), path
