"""The rows of the checks on an empty host and on a host that is served."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from ansible_collections.flowbiz.vsa.plugins.module_utils._host.host.checks import CHECKS
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.host.look import Look

from hosttree import HostTree


def test_every_check_has_a_name_and_runs_on_an_empty_host(tmp_path: Path) -> None:
    class Nothing:
        def version(self) -> str:
            return "26.1"

        def container(self, _name: str) -> None:
            return None

        def overview(self) -> dict[str, Any]:
            return {}

        def network_projects(self) -> dict[str, str]:
            return {}

        def inspections(self) -> list[Any]:
            return []

        def containers(self) -> list[Any]:
            return []

    look = Look(HostTree(tmp_path).paths, engine=cast(Any, Nothing()))
    # The disk and the reboot are the machine's own, and the tree of the host has a proxy that no bootstrap made.
    apart = ("disk-full", "reboot-pending", "firewall-missing")
    found = [finding for check in CHECKS for finding in check.run(look) if finding.name not in apart]
    assert all(check.name for check in CHECKS)
    assert found == []
