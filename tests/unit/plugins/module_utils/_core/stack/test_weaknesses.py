"""Services that hurt their host later."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.weaknesses import weaknesses

GOOD = {"restart": "unless-stopped", "mem_limit": "67108864", "logging": {"options": {"max-size": "1m"}}}
RESTART = "no restart policy that survives a reboot (restart: unless-stopped)"
MEMORY = "no memory limit (mem_limit), and may take all memory of the host"
LOG = "a log that grows for ever (logging: options: max-size)"
AWAITED = {"depends_on": {"once": {"condition": "service_completed_successfully"}}}


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name != key}


@pytest.mark.parametrize(
    ("services", "rotated", "notes"),
    [
        ({"web": GOOD}, False, []),
        ({"web": without("restart")}, False, [f"web: {RESTART}"]),
        ({"web": {**GOOD, "restart": "on-failure:3"}, "db": {**GOOD, "restart": "no"}}, False, [f"db, web: {RESTART}"]),
        ({"web": {**without("restart"), "deploy": {"restart_policy": {"condition": "any"}}}}, False, []),
        # What others await the end of is not to be started again.
        ({"web": {**GOOD, **AWAITED}, "once": without("restart")}, False, []),
        ({"web": without("mem_limit")}, False, [f"web: {MEMORY}"]),
        ({"web": {**without("mem_limit"), "deploy": {"resources": {"limits": {"memory": "64M"}}}}}, False, []),
        ({"web": without("logging")}, False, [f"web: {LOG}"]),
        ({"web": without("logging")}, True, []),
        ({"web": {**GOOD, "logging": {"driver": "local"}}}, False, []),
        ({"web": {**GOOD, "logging": {"driver": "json-file"}}}, False, [f"web: {LOG}"]),
        ({"web": {}}, False, [f"web: {RESTART}", f"web: {MEMORY}", f"web: {LOG}"]),
        ({}, False, []),
    ],
)
def test_issue_15_weak_services_are_named(services: dict[str, Any], rotated: bool, notes: list[str]) -> None:
    assert weaknesses(json.dumps({"services": services}), rotated=rotated) == notes


def test_what_compose_was_not_asked_has_no_weakness() -> None:
    assert weaknesses("", rotated=False) == []
