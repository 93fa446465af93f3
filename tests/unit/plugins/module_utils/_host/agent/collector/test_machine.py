"""The machine as the collector sees it: from files that look like those of a host."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.beat import OK, Reading, section_of
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.collector.machine import (
    figures_row,
    machine_id,
    node_row,
)

FILES = {
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n',
    "proc/meminfo": "MemTotal: 1000 kB\nMemAvailable: 600 kB\nSwapTotal: 100 kB\nSwapFree: 40 kB\nHugePages_Total: 0\n",
    "proc/stat": "cpu 1 2\nbtime 1764493200\n",
    "proc/loadavg": "0.50 0.40 0.30 1/200 77\n",
    "proc/1/mounts": "overlay / overlay rw 0 0\nproc /proc proc rw 0 0\n/dev/x /no\\040such ext4 rw 0 0\n",
    "proc/1/net/dev": "a\nb\n  eth0: 10 1 0 0 0 0 0 0 20 2 0 0 0 0 0 0\n  veth1: 1 1 0 0 0 0 0 0 2 2 0 0 0 0 0 0\n",
    "proc/1/net/fib_trie": "Main:\n  |-- 127.0.0.1\n     /32 host LOCAL\n  |-- 203.0.113.7\n     /32 host LOCAL\n"
    "  |-- 203.0.113.0\n     /24 link UNICAST\n  |-- 172.17.0.1\n     /32 host LOCAL\n  |-- 203.0.113.7\n"
    "     /32 host LOCAL\n",
    "proc/1/net/route": "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
    "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\n",
    "proc/1/net/if_inet6": "20010db8000000000000000000000007 02 40 00 80 eth0\n"
    "fe800000000000000000000000000001 02 40 20 80 eth0\n20010db8000000000000000000000008 03 40 00 80 br-abc\n",
}


@pytest.fixture
def root(tmp_path: Path) -> str:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="ascii")
    return str(tmp_path)


def test_the_node(root: str) -> None:
    row = node_row(root=root, docker="26.1.5", nginx="nginx:1.30.7", swarm={"LocalNodeState": "inactive"})
    assert row["os"] == "Debian GNU/Linux 13 (trixie)"
    assert row["memory_bytes"] == 1000 * 1024
    assert row["boot_at"] == "2025-11-30T09:00:00Z"
    assert row["addresses"] == ["203.0.113.7", "2001:db8::7"]
    assert [disk["mount"] for disk in row["disks"]] == ["/"]
    assert row["swarm"] is None
    assert section_of("node", Reading(OK, "2026-11-30T09:00:00Z", [row]))["rows"][0]["cpus"] >= 1


def test_a_node_of_a_swarm(root: str) -> None:
    row = node_row(root=root, docker=None, nginx=None, swarm={"LocalNodeState": "active", "NodeID": "n1"})
    assert row["swarm"] == {"node": "n1", "state": "active"}


def test_the_figures(root: str) -> None:
    row = figures_row(root=root)
    assert (row["load1"], row["load5"], row["load15"]) == (0.5, 0.4, 0.3)
    assert row["memory_available_bytes"] == 600 * 1024
    assert row["swap_used_bytes"] == 60 * 1024
    assert row["network"] == [{"name": "eth0", "received_bytes": 10, "sent_bytes": 20}]
    assert 0 < row["disks"][0]["used_bytes"] < row["disks"][0]["bytes"]


def test_this_machine_can_be_read() -> None:
    assert figures_row()["memory_available_bytes"] > 0
    assert node_row(docker=None, nginx=None, swarm=None)["memory_bytes"] > 0


def test_the_machine_is_named_without_its_own_id(root: str) -> None:
    found = machine_id(root)
    assert len(found) == 32
    assert found != "0123456789abcdef0123456789abcdef"
    assert found == machine_id(root)


def test_the_name_is_the_one_that_systemd_makes(tmp_path: Path) -> None:
    """systemd-id128 knows the id of its own machine alone."""
    application = "d0a3c1f2b7e84c5f9a1e6b3d4c2f8e70"
    try:
        said = subprocess.run(
            ["systemd-id128", "machine-id", f"--app-specific={application}"], capture_output=True, text=True
        )
    except FileNotFoundError:
        pytest.skip("this machine has no systemd-id128")
    if said.returncode:
        pytest.skip("this machine has no id")
    assert machine_id() == said.stdout.strip()


@pytest.mark.parametrize("name", ["proc/loadavg", "proc/meminfo"])
def test_a_file_that_is_missing_fails_the_section(root: str, name: str) -> None:
    Path(root, name).unlink()
    with pytest.raises(OSError, match="No such file"):
        figures_row(root=root)
