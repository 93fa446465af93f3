# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site that names one replica of a rolling service: refused unless the stack itself declares the site."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site import replicas
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.replicas import refuse_replica
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.rolling import RollingService

from making import make_site
from sitehost import SiteHost
from stackhost import make_container

SHOP = RollingService("acme", "shop", "web", ("shop.example.com",))


@pytest.mark.parametrize(
    ("service", "domain", "inventory", "expected"),
    [
        (None, "a.example.com", True, None),
        (SHOP, "shop.example.com", False, None),
        (SHOP, "a.example.com", False, "a.example.com among the sites of stack.yml of acme/shop, with service: web"),
        (SHOP, "a.example.com", True, "a.example.com among the sites of stack.yml of acme/shop, with service: web"),
        (SHOP, "shop.example.com", True, "the site in one place: stack.yml of acme/shop declares shop.example.com"),
    ],
)
def test_who_may_lead_to_a_replica(
    service: RollingService | None,
    domain: str,
    inventory: bool,
    expected: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replicas, "rolling_service_of", lambda _paths, _container: service)
    container, site = make_container("acme-shop", "web"), make_site(domain)
    if expected is None:
        refuse_replica(Paths(), container, site, inventory=inventory)
        return
    with pytest.raises(RefusedError, match="acme-shop-web is a replica of web, which is rolling") as refused:
        refuse_replica(Paths(), container, site, inventory=inventory)
    assert str(refused.value.expected).startswith(expected)
    assert refused.value.field == "container"


@pytest.mark.parametrize("declared", [False, True])
def test_both_doors_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declared: bool) -> None:
    host = SiteHost(tmp_path, monkeypatch)
    monkeypatch.setattr(replicas, "rolling_service_of", lambda _paths, _container: SHOP)
    before = host.snapshot()
    entry = {"routes": [{"path": "/", "container": "web-1", "port": 3000}]}
    with pytest.raises(RefusedError, match="web-1 is a replica of web"):
        host.declare([("a.example.com", entry)]) if declared else host.provision("a.example.com", **entry)
    assert host.snapshot() == before
