# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rig's hosts have what the other tests rely on."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import rig

pytestmark = pytest.mark.rig


@pytest.mark.parametrize("debian", ["12", "13"])
def test_a_fresh_host_has_systemd_sshd_sudo_and_nothing_else(fresh_vps, debian):
    vps = fresh_vps(debian)
    assert vps.run("cat /etc/debian_version").stdout.split(".")[0] == debian
    assert vps.run("systemctl is-system-running --wait", check=False).stdout.strip() == "running"
    found = vps.run("command -v python3 docker dockerd nginx curl", check=False)
    assert found.stdout == ""
    assert vps.ssh("id -un; sudo -n id -un", user="ops").stdout.split() == ["ops", "root"]


def test_three_hosts_side_by_side_reach_each_other_and_keep_their_addresses(fresh_vps):
    hosts = [fresh_vps() for _ in range(3)]
    assert len({vps.ip for vps in hosts}) == 3
    assert len({vps.run("cat /etc/ssh/ssh_host_ed25519_key.pub").stdout for vps in hosts}) == 3
    assert len({vps.run("cat /etc/machine-id").stdout for vps in hosts}) == 3
    first, second, third = hosts
    for address in filter(None, (third.ip, third.ip6)):
        assert (
            second.run(["bash", "-c", f"read -r banner < /dev/tcp/{address}/22 && echo $banner"]).stdout[:4] == "SSH-"
        )
    first.reboot()
    second.power_cut()
    assert [rig.Vps.get(vps.name) for vps in hosts] == hosts
    assert first.ssh("id -un").stdout.strip() == "root"


def test_a_host_with_another_key_is_refused(fresh_vps):
    vps = fresh_vps()
    vps.run(
        "rm /etc/ssh/ssh_host_*; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key; systemctl restart ssh"
    )
    with pytest.raises(rig.RigError, match="Host key verification failed"):
        vps.ssh("true")


def test_dns_knows_what_it_was_told_and_forgets_it(fresh_vps, services):
    vps = fresh_vps()
    ask = ["getent", "ahosts", "never-said-before.test"]
    assert vps.run(ask, check=False).stdout == ""
    vps.add_dns("never-said-before.test")
    assert set(vps.run(ask).stdout.split()) >= set(filter(None, (vps.ip, vps.ip6)))
    services.remove_dns("never-said-before.test")
    assert vps.run(ask, check=False).stdout == ""
    assert vps.run("getent hosts pebble").stdout


def test_everything_carries_the_label_by_which_it_is_removed(fresh_vps, services):
    vps = fresh_vps()
    for kind, names in (
        ("container", [vps.name, services.container]),
        ("volume", [f"{vps.name}-docker", f"{vps.name}-containerd"]),
        ("network", ["vsa-rig"]),
    ):
        done = subprocess.run(["docker", kind, "inspect", *names], capture_output=True, text=True, check=True)
        for found in json.loads(done.stdout):
            labels = found.get("Config", found)["Labels"]
            assert labels["vsa.rig"] == "1", found


def test_an_image_that_is_not_the_genuine_one_says_so():
    for name, image in rig.IMAGES.items():
        if not image.genuine:
            continue
        labels = subprocess.run(
            ["docker", "image", "inspect", "--format", "{{json .Config.Labels}}", name], capture_output=True, text=True
        )
        if labels.returncode and image.on_demand:
            continue  # no test has asked for it yet
        assert labels.returncode == 0, labels.stderr
        ours = "vsa.rig" in (json.loads(labels.stdout) or {})
        assert bool(rig.standin_of(name)) == ours


def test_a_hostile_acme_server_stands_beside_the_friendly_one(services):
    hostile = rig.services("hostile")
    assert hostile.container != services.container
    assert hostile.pebble_url == "https://pebble-hostile.test:14000/dir"
    assert hostile.dns_ip == services.dns_ip
    logs = subprocess.run(["docker", "logs", hostile.container], capture_output=True, text=True, check=True)
    assert "Configured to reject 50% of good nonces" in logs.stdout + logs.stderr


def test_sessions_that_clean_up_the_same_leftovers_do_not_hinder_each_other():
    rig.images("nginx:1.30.7")
    scope = f"race{os.getpid()}"
    labels = ["--label", "vsa.rig=1", "--label", f"vsa.rig.scope={scope}"]
    for number in range(3):
        run = ["docker", "run", "--detach", "--network", "none", "--name", f"{scope}-{number}", *labels]
        subprocess.run([*run, "nginx:1.30.7", "sleep", "60"], check=True, stdout=subprocess.DEVNULL)
    command = [sys.executable, str(rig.ROOT / "tests/rig/rig.py"), "down", "--scope", scope]
    cleaners = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    said = [cleaner.communicate(timeout=60)[1] for cleaner in cleaners]
    assert [cleaner.returncode for cleaner in cleaners] == [0] * 4, said
    assert scope not in rig.scopes()
