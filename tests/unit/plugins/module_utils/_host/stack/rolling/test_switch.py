# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switch: one generation for all sites that lead to a container that goes, and for no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.rolling.switch import switch_sites

from hosttree import RUN, HostTree, provide

SHOP, BLOG, OTHER = "shop.example.com", "blog.example.com", "other.example.com"
NETWORK = "flowbiz_ext_acme"
HOOK = {"path": "/hook", "container": "old", "port": 4000, "profile": "sse"}
ROUTES = [{"path": "/", "container": "static", "port": 80}, HOOK]


@pytest.fixture
def host(tmp_path: Path) -> HostTree:
    host = HostTree(tmp_path)
    for name in ("old", "new", "static", "other"):
        host.engine.run_container(name, NETWORK)
    host.apply(provide(SHOP, "old:3000", tenant="acme"))
    host.apply(provide(BLOG, routes=ROUTES, tenant="acme"))
    host.apply(provide(OTHER, "other:3000", tenant="acme"))
    return host


def test_all_sites_move_in_one_generation_and_keep_their_fields(host: HostTree) -> None:
    before, others = host.generations.live_number(), host.manifests()[OTHER]
    with host.certificates(SHOP, BLOG):
        result = switch_sites(host.paths, host.proxy(), {"old": "new"}, run=RUN, templates=host.templates)
    assert (result.changed, host.generations.live_number()) == (True, before + 2)
    assert "rolling-update" not in "".join(host.manifests().values())
    index = host.read_record()["sites"]
    assert {domain: index[domain]["containers"] for domain in (SHOP, BLOG, OTHER)} == {
        SHOP: ["new"],
        BLOG: ["static", "new"],
        OTHER: ["other"],
    }
    assert "profile: sse" in host.manifests()[BLOG]
    assert host.manifests()[OTHER] == others


def test_nothing_changes_if_no_site_leads_there(host: HostTree) -> None:
    before = host.generations.live_number()
    result = switch_sites(host.paths, host.proxy(), {"gone": "new"}, run=RUN, templates=host.templates)
    assert (result.changed, host.generations.live_number()) == (False, before)


def test_a_host_without_a_proxy_has_nothing_to_switch(tmp_path: Path) -> None:
    host = HostTree(tmp_path)
    for path in sorted(host.paths.nginx.rglob("*"), reverse=True):
        path.rmdir()
    host.paths.nginx.rmdir()
    assert not switch_sites(host.paths, host.proxy(), {"old": "new"}, run=RUN, templates={}).changed
