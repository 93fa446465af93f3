# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site as results show it: with the defaults of its host."""

from __future__ import annotations

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.settings import Settings
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.manifest import parse
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.view import site_view

from manifests import FULL, LEAST


def test_a_field_of_the_manifest_wins_over_the_host() -> None:
    view = site_view(parse(FULL), Settings(ca="selfsigned", email="host@example.com"))
    assert (view["ca"], view["email"], view["tenant"]) == ("staging", "ops@example.com", "acme")
    assert (view["served"], view["maintenance"]) == ("www.shop.example.com", True)
    assert view["names"] == ["shop.example.com", "www.shop.example.com", "shop.example.net"]
    assert [(route["path"], route["profile"], route["strip_prefix"]) for route in view["routes"]] == [
        ("/", "upload", False),
        ("/api/", "sse", True),
    ]


def test_the_least_site_has_the_defaults() -> None:
    view = site_view(parse(LEAST), Settings(email="host@example.com"))
    assert (view["ca"], view["email"], view["network"]) == ("letsencrypt", "host@example.com", "flowbiz_ext")
    assert view["routes"] == [
        {"path": "/", "container": "web-1", "port": 3000, "profile": None, "strip_prefix": False, "headers": {}}
    ]
