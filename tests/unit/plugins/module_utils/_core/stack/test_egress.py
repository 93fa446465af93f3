# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which services have a way out, and who may have one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.config import Project, read_project
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.egress import (
    refuse_egress,
    refuse_leaking_engine,
)

NETWORKS = {
    "default": {"name": "app_default"},
    "inside": {"name": "app_inside", "internal": True},
    "edge": {"name": "flowbiz_ext_acme", "external": True},
    "others": {"name": "others_inside", "external": True, "internal": True},
}
INSIDE = {"networks": {"inside": None}}


def project(**services: dict[str, Any]) -> Project:
    return read_project(json.dumps({"name": "app", "services": services, "networks": NETWORKS}))


@pytest.mark.parametrize(
    ("services", "allowed"),
    [
        ({"web": INSIDE}, ()),
        ({"web": {"network_mode": "none"}}, ()),
        ({"web": INSIDE, "side": {"network_mode": "service:web"}}, ()),
        ({"web": INSIDE, "door": {"networks": {"inside": None, "edge": None}}}, ("door",)),
        ({"web": {"network_mode": "host"}}, None),
        ({"web": {}}, None),
    ],
)
def test_what_fits(services: dict[str, Any], allowed: tuple[str, ...] | None) -> None:
    refuse_egress(project(**services), allowed, where="egress")


@pytest.mark.parametrize(
    ("services", "allowed", "words"),
    [
        ({"web": {}}, (), "web has a way out by app_default"),
        ({"web": {"networks": {"inside": None, "edge": None}}}, (), "web has a way out by flowbiz_ext_acme"),
        ({"web": INSIDE, "job": {"networks": {"default": None}}}, ("web",), "job has a way out by app_default"),
        # VSA does not know what a network of others is.
        ({"web": {"networks": {"others": None}}}, (), "others_inside"),
        ({"web": {"networks": {"unknown": None}}}, (), "unknown"),
        ({"web": {"network_mode": "host"}}, (), "by host"),
        ({"web": {"network_mode": "container:other"}}, (), "by container:other"),
        ({"web": {"network_mode": "bridge"}}, (), "by bridge"),
        # Who shares the network of a service has its way out too.
        ({"side": {"network_mode": "service:door"}, "door": {}}, ("door",), "side has a way out by app_default"),
        ({"side": {"network_mode": "service:gone"}}, (), "the network of gone"),
    ],
)
def test_what_is_refused(services: dict[str, Any], allowed: tuple[str, ...], words: str) -> None:
    with pytest.raises(RefusedError, match=words) as refused:
        refuse_egress(project(**services), allowed, where="stack.yml/egress")
    assert refused.value.field == "stack.yml/egress"


def test_an_allowed_service_exists() -> None:
    with pytest.raises(RefusedError, match="no such service") as refused:
        refuse_egress(project(web=INSIDE), ("door",), where="egress")
    assert refused.value.there_are == ["web"]


def test_an_allowed_service_may_belong_to_a_profile_that_is_off() -> None:
    refuse_egress(project(web=INSIDE), ("exit",), where="egress", profiled={"exit"})
    with pytest.raises(RefusedError, match="no such service"):
        refuse_egress(project(web=INSIDE), ("exit", "door"), where="egress", profiled={"exit"})


@pytest.mark.parametrize("version", ["23.0.11", "25.0.5", "26.0.0", "26.1.5+dfsg1", "29.1.0", "dev", ""])
def test_an_engine_that_asks_nobody_outside(version: str) -> None:
    refuse_leaking_engine(version, (), where="egress")


@pytest.mark.parametrize("version", ["20.10.24+dfsg1", "23.0.10", "24.0.9", "25.0.4"])
def test_an_engine_that_asks_outside_for_names(version: str) -> None:
    refuse_leaking_engine(version, None, where="egress")
    with pytest.raises(RefusedError, match="so they have a way out") as refused:
        refuse_leaking_engine(version, ("door",), where="egress")
    assert refused.value.field == "egress"
