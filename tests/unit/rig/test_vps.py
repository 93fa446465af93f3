"""How a VPS is reached: always with its own key and its own pinned host key, never without asking who it is."""

from __future__ import annotations

import ipaddress

import pytest

from vsa_rig import network, vps
from vsa_rig._shell import RigError

SUBNET = ipaddress.IPv4Network("198.18.77.0/24")
ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth0\t004D12C6\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""


@pytest.fixture
def host(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "with space"))
    monkeypatch.setattr(vps, "ssh_key", lambda: tmp_path / "with space/vsa-rig/ssh/id_ed25519")
    return vps.Vps("vps-a", "198.18.77.12", "", "13")


def test_ansible_checks_the_host_key(host, tmp_path):
    given = host.inventory_vars(user="ops")
    assert (given["ansible_host"], given["ansible_user"]) == ("198.18.77.12", "ops")
    assert "StrictHostKeyChecking=yes" in given["ansible_ssh_common_args"]
    # Quoted for the shell that Ansible splits it with, and for ssh, which splits a list of files.
    pinned = f"""-o 'UserKnownHostsFile="{tmp_path}/with space/vsa-rig/vps/vps-a/known_hosts"'"""
    assert pinned in given["ansible_ssh_common_args"]


def test_the_ssh_config_is_for_this_host_alone(host):
    lines = host.ssh_config().splitlines()
    assert lines[0] == "Host vps-a"
    assert "  HostName 198.18.77.12" in lines
    assert "  StrictHostKeyChecking yes" in lines
    assert any(line.startswith('  UserKnownHostsFile "') for line in lines)


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        ([], 10),
        (["198.18.77.10"], 11),
        (["198.18.77.11", "198.18.77.10", "10.0.0.12"], 12),
        (["198.18.77.11"], 10),
    ],
)
def test_the_lowest_free_address_is_taken(taken, expected):
    assert network.first_free(SUBNET, taken, first=10) == expected


def test_a_full_network_is_said_so():
    with pytest.raises(RigError, match="rig-down"):
        network.first_free(SUBNET, [f"198.18.77.{number}" for number in range(256)], first=10)


@pytest.mark.parametrize(("scope", "expected"), [("", "vsa-rig-services"), ("demo", "vsa-rig-demo-services")])
def test_scopes_do_not_share_names(scope, expected):
    assert network.scoped("services", within=scope) == expected


def test_the_rigs_network_keeps_clear_of_the_machines_own():
    used = network.machine_networks(ROUTES)
    assert [str(one) for one in used] == ["172.17.0.0/16", "198.18.77.0/24"]
    candidates = [SUBNET, ipaddress.IPv4Network("198.18.78.0/24")]
    assert network.first_apart(candidates, used) == 1
    with pytest.raises(RigError, match="no room"):
        network.first_apart(candidates[:1], used)
