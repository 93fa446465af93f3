"""Keys of a service; the hostile values are in the table of test_policy.py."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.rules.kernel import KNOWN_KEYS, judge_kernel


@pytest.mark.parametrize(
    "service",
    [
        {"privileged": False, "devices": [], "gpus": None, "oom_kill_disable": False},
        {"pid": "service:db", "ipc": "shareable", "network_mode": "service:db", "cgroup": "private"},
        {"runtime": "runc", "oom_score_adj": 0, "logging": {"options": {"max-size": "1m"}}},
        {"security_opt": ["no-new-privileges=true"], "ulimits": {"nofile": 1}, "deploy": None, "logging": None},
    ],
    ids=str,
)
def test_what_is_harmless(service: dict[str, Any]) -> None:
    assert list(judge_kernel("web", service)) == []


def test_each_key_of_the_specification_is_known() -> None:
    assert {"image", "volumes", "networks", "ports", "privileged", "provider", "use_api_socket"} <= KNOWN_KEYS
    assert "volume" not in KNOWN_KEYS
