"""The policy of a host's firewall, from its settings, networks and stacks."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.firewall import FirewallPolicy, Opening
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.settings import Settings
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store import firewall
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths


class Bridges:
    def bridges(self) -> dict[str, str]:
        return {"a": "br-0123456789ab", "b": "mine", "bridge": "docker0", "c": "br-own", "flowbiz_entry": "vsa-entry"}


def test_the_policy_follows_settings_networks_and_stacks(tmp_path: Path) -> None:
    paths = Paths(str(tmp_path))
    for name in ("br-lan", "br-own"):
        (tmp_path / "sys/class/net" / name).mkdir(parents=True)
    assert firewall.note_openings(paths, "acme/shop", [9100], ["br-0123456789ab"])
    assert not firewall.note_openings(paths, "acme/shop", [9100], ["br-0123456789ab"])
    found = firewall.wanted_policy(paths, Settings(container_metadata="open", container_host_ports="all"), Bridges())
    assert found == FirewallPolicy(
        metadata_closed=False,
        host_ports=None,
        openings=(Opening("br-0123456789ab", (9100,)),),
        bridges=("br-own", "mine"),
        foreign=("br-lan",),
    )
    assert firewall.note_openings(paths, "acme/shop", [], [])
    assert firewall.wanted_policy(paths, Settings(), None) == FirewallPolicy(foreign=("br-lan", "br-own"))


def test_only_bootstrap_closes_a_host_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[FirewallPolicy] = []

    def install(_root: str, policy: FirewallPolicy, *, check: bool) -> list[str]:
        del check
        asked.append(policy)
        return ["rules"]

    monkeypatch.setattr(firewall, "install_firewall", install)
    paths = Paths(str(tmp_path))
    (tmp_path / "var/lib/vsa/firewall").mkdir(parents=True)
    for close, check, closed in (
        (False, False, False),
        (False, False, False),
        (True, True, True),
        (False, False, False),
        (True, False, True),
        (False, False, True),
    ):
        assert firewall.ensure_firewall(paths, None, check=check, close=close) == ["rules"]
        assert (asked[-1].metadata_closed, asked[-1].host_ports) == ((True, (80, 443)) if closed else (False, None))
    assert firewall.is_closed(paths)
