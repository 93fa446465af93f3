"""The firewall's files and units on disk; systemd and iptables are fakes."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import NotRolledBackError, RolledBackError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.firewall import FirewallPolicy
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine import firewall
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.systemd import UnitState

CLOSED, OPEN = FirewallPolicy(), FirewallPolicy(metadata_closed=False, host_ports=None)


class Systemd:
    """Counts what systemd is asked; ``refuses`` is how often it refuses to start the unit."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refuses = 0
        self.on = True

    def run(self, argv: list[str], **_more: Any) -> subprocess.CompletedProcess[str]:
        self.asked.append(argv[1])
        fails = argv[1] == "restart" and self.refuses > 0
        self.refuses -= fails
        return subprocess.CompletedProcess(argv, int(fails), "", "Job failed." if fails else "")


@pytest.fixture
def systemd(monkeypatch: pytest.MonkeyPatch) -> Systemd:
    found = Systemd()
    monkeypatch.setattr(firewall.subprocess, "run", found.run)
    monkeypatch.setattr(firewall, "read_unit", lambda _name: UnitState(active=found.on, enabled=found.on))
    monkeypatch.setattr(firewall, "not_in_force", lambda _root: [])
    return found


def test_the_second_run_changes_nothing(tmp_path: Path, systemd: Systemd) -> None:
    root = str(tmp_path)
    assert "/var/lib/vsa/firewall/rules4" in firewall.install_firewall(root, CLOSED, check=True)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert systemd.asked == []
    firewall.install_firewall(root, CLOSED, check=False)
    assert systemd.asked == ["daemon-reload", "enable", "restart"]
    assert firewall.install_firewall(root, CLOSED, check=False) == []
    systemd.on = False
    assert firewall.install_firewall(root, CLOSED, check=True) == [firewall.UNIT, "vsa-proxy-namespace.path"]


def test_rules_that_do_not_load_are_put_back(tmp_path: Path, systemd: Systemd) -> None:
    root = str(tmp_path)
    firewall.install_firewall(root, CLOSED, check=False)
    before = (tmp_path / "var/lib/vsa/firewall/rules4").read_text()
    systemd.refuses = 1
    with pytest.raises(RolledBackError, match="Job failed"):
        firewall.install_firewall(root, OPEN, check=False)
    assert (tmp_path / "var/lib/vsa/firewall/rules4").read_text() == before
    systemd.refuses = 2
    with pytest.raises(NotRolledBackError):
        firewall.install_firewall(root, OPEN, check=False)


def test_the_first_rules_that_do_not_load_leave_nothing(tmp_path: Path, systemd: Systemd) -> None:
    systemd.refuses = 1
    with pytest.raises(RolledBackError):
        firewall.install_firewall(str(tmp_path), CLOSED, check=False)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_scripts_are_shell(tmp_path: Path) -> None:
    for path, text in firewall.wanted_files(CLOSED).items():
        if path.endswith(("load", "strict")):
            subprocess.run(["sh", "-n"], input=text, text=True, check=True)


def test_bridges_of_others(tmp_path: Path) -> None:
    for name in ("br-0123456789ab", "br-lan", "eth0"):
        (tmp_path / "sys/class/net" / name).mkdir(parents=True)
    assert firewall.foreign_bridges(str(tmp_path)) == ("br-lan",)


def test_what_the_kernel_lacks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = str(tmp_path)
    assert firewall.not_in_force(root) == []
    place = tmp_path / "var/lib/vsa/firewall"
    place.mkdir(parents=True)
    (place / "rules4").write_text(firewall.rules(CLOSED, 4))
    monkeypatch.setattr(firewall, "output_of", lambda _argv: None)
    assert "IPv4 mangle FORWARD" in firewall.not_in_force(root)


def test_a_boot_makes_the_namespace_strict_although_docker_started_the_proxy_before_the_watch(
    tmp_path: Path, systemd: Systemd
) -> None:
    """Docker starts its containers while docker.service itself starts: the watch, which comes later, sees no change."""
    firewall.install_firewall(str(tmp_path), CLOSED, check=False)
    watch = (tmp_path / "etc/systemd/system/vsa-proxy-namespace.path").read_text().splitlines()
    assert "After=docker.service" in watch
    assert "Wants=vsa-proxy-namespace.service" in watch
