# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of a task to the request of a verb."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.actor import Actor
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, UsageError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.provision import ProvisionRequest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.removal.run import RemovalRequest
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.site import (
    SITE_SPEC,
    provision_request,
    removal_request,
)

RUN = RunContext("01936f00-0000-7000-8000-000000000000", Actor("root", None, "ws"), "site.provision")


def options(**more: Any) -> dict[str, Any]:
    nothing = dict.fromkeys([*SITE_SPEC, "templates", "external_port"])
    return {**nothing, "domain": "Shop.Example.com", "detect": False, "dns_check": True, "force": False, **more}


def test_a_provision() -> None:
    asked = options(
        container="web-1", port="3000", unset=["tenant"], dns_check=False, force=True, templates={"site.conf.j2": ""}
    )
    assert provision_request(asked, RUN) == ProvisionRequest(
        run=RUN,
        domain="shop.example.com",
        templates={"site.conf.j2": ""},
        fields={"container": "web-1", "port": "3000"},
        unset=("tenant",),
        dns_check=False,
        force=True,
    )
    assert provision_request(options(detect=True, external_port="8080"), RUN).external_port == 8080


@pytest.mark.parametrize(
    ("more", "error", "field"),
    [
        ({"domain": "shop"}, RefusedError, "domain"),
        ({"external_port": 8080}, UsageError, "external_port"),
        ({"detect": True}, UsageError, "external_port"),
        ({"detect": True, "external_port": "x"}, RefusedError, "external_port"),
        ({"detect": True, "external_port": 8080, "container": "web-1"}, UsageError, "detect"),
    ],
)
def test_a_provision_that_makes_no_sense(more: dict[str, Any], error: type[Exception], field: str) -> None:
    with pytest.raises(error) as caught:
        provision_request(options(**more), RUN)
    assert caught.value.field == field  # type: ignore[attr-defined]


def test_a_removal() -> None:
    asked = {
        "domain": "shop.example.com",
        "templates": None,
        "keep_container": True,
        "keep_cert": False,
        "purge": False,
    }
    assert removal_request(asked, RUN) == RemovalRequest(RUN, "shop.example.com", {}, keep_container=True)
