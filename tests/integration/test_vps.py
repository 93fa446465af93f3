# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory against real hosts: add, ping, list, a host key that changes, remove. Both doors check the key.

The short rows use a second SSH server of the shared host, with a key and a port of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema
import pytest

import rig
from terminal import on_a_terminal

pytestmark = pytest.mark.rig

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/reference/json.schema.json").read_text())
PORT = 2222
ADD = ("vps", "add", "--id", "vps-04", "--hostname", "vps-04.demo.test", "--port", str(PORT), "--provider", "lab")

Run = Callable[..., subprocess.CompletedProcess[str]]


def new_key(vps: rig.Vps) -> str:
    """Start the second SSH server of a host with a new key, and return the fingerprint of the key."""
    stop(vps)
    vps.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/vps-key"])
    vps.run(f"mkdir -p /run/sshd && /usr/sbin/sshd -p {PORT} -h /root/vps-key -o PidFile=/run/vps-sshd.pid")
    answers = f"ssh-keyscan -p {PORT} 127.0.0.1 2>/dev/null | grep -q ssh-ed25519"
    vps.run(f"for n in $(seq 50); do {answers} && exit 0; sleep 0.1; done; exit 1")
    return vps.run(["ssh-keygen", "-lf", "/root/vps-key"]).stdout.split()[1]


def stop(vps: rig.Vps) -> None:
    """Stop the second SSH server with its connections, as a machine that goes away does."""
    ended = 'pid=$(cat /run/vps-sshd.pid) && kill $(pgrep -P "$pid") "$pid"'
    vps.run(f"test ! -e /run/vps-sshd.pid || {{ {ended}; }}; rm -f /run/vps-sshd.pid /root/vps-key*", check=False)


@pytest.fixture
def server(proxy_vps: rig.Vps) -> Iterator[rig.Vps]:
    """The shared host with its second SSH server."""
    new_key(proxy_vps)
    yield proxy_vps
    stop(proxy_vps)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An inventory folder with a space in its name, and with the group of a provider."""
    made = tmp_path / "our fleet"
    (made / "group_vars").mkdir(parents=True)
    (made / "hosts.yml").write_text("all:\n  children:\n    lab:\n      hosts:  # none yet\n\n    # The end.\n")
    (made / "group_vars/lab.yml").write_text(
        f"vsa_provider: lab\nansible_user: root\nansible_ssh_private_key_file: {rig.ssh_key()}\n"
        f"vsa_inbound: [{PORT}/tcp, 443/tcp]\n"
    )
    return made


@pytest.fixture
def vsa(folder: Path) -> Run:
    """Run ``vsa`` with this inventory."""

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "XDG_STATE_HOME": str(folder.parent / "state"), "VSA_INVENTORY": str(folder)}
        return subprocess.run(
            [rig.command("vsa"), *words],
            cwd=rig.ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
        )

    return call


def play(folder: Path) -> subprocess.CompletedProcess[str]:
    """Ping by Ansible's own door, with the inventory as a folder."""
    return subprocess.run(
        [rig.command("ansible-playbook"), "-i", str(folder), "flowbiz.vsa.host.ping"],
        cwd=rig.ROOT,
        env={**os.environ, "XDG_STATE_HOME": str(folder.parent / "state"), "ANSIBLE_NOCOLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_vps_from_its_first_to_its_last_day(server: rig.Vps, vsa: Run, folder: Path, tmp_path: Path) -> None:
    before = (folder / "hosts.yml").read_text()
    fingerprint = new_key(server)
    # Without a terminal, and without the fingerprint, nobody has compared the key.
    asked = vsa(*ADD, "--ip", server.ip)
    assert asked.returncode == 2
    assert fingerprint in asked.stderr
    assert (folder / "hosts.yml").read_text() == before
    words = (*ADD, "--ip", server.ip, "-i", str(folder))
    with on_a_terminal(server, words, folder=tmp_path) as terminal:
        terminal.wait_for("Does the provider show one of these keys")
        assert fingerprint in terminal.shown
        terminal.type("y\n")
        assert terminal.ended() == 0, terminal.shown
    assert vsa(*ADD, "--ip", server.ip, "--host-key", fingerprint).returncode == 3
    assert vsa(*ADD[:3], "vps-05", *ADD[4:], "--ip", server.ip, "--host-key", fingerprint).returncode == 3

    reached = vsa("ping")
    assert reached.returncode == 0, reached.stderr
    by_ansible = play(folder)
    assert by_ansible.returncode == 0, by_ansible.stdout + by_ansible.stderr
    assert "known_hosts" not in by_ansible.stderr, "Ansible reads the host keys as an inventory"
    listed = vsa("vps", "list", "--live", "--json")
    assert listed.returncode == 0, listed.stderr
    document = json.loads(listed.stdout)
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    host = document["hosts"]["vps-04"]
    assert (host["vps"]["host_keys"], host["vps"]["unanswered"]) == ([fingerprint], [])
    assert host["ping"]["user"] == "root"

    # The key changes at the same address, as that of a VPS made anew. The connections that were open are gone.
    newer = new_key(server)
    stopped = vsa("ping", "--json")
    assert stopped.returncode == 5
    error = json.loads(stopped.stdout)["hosts"]["vps-04"]["error"]
    assert (error["value"], error["expected"]) == (newer, fingerprint)
    assert error["try"].endswith(f"vsa vps add --id vps-04 --host-key {newer}")
    assert play(folder).returncode == 4
    replaced = vsa("vps", "add", "--id", "vps-04", "--host-key", newer)
    assert replaced.returncode == 0, replaced.stderr
    assert vsa("ping").returncode == 0

    gone = vsa("vps", "remove", "--id", "vps-04", "-y", "--json")
    assert gone.returncode == 0, gone.stderr
    document = json.loads(gone.stdout)
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert (folder / "hosts.yml").read_text() == before
    assert (folder / "known_hosts").read_text() == ""
    assert server.run(["docker", "ps", "--quiet", "--filter", "name=vsa-nginx"]).stdout, "the host itself goes on"


@pytest.mark.long
def test_a_vps_made_anew_at_the_same_address(fresh_vps: Callable[..., rig.Vps], vsa: Run, folder: Path) -> None:
    """The short row above changes the key of a server. Here it is another machine, and bootstrap is part of it."""
    vps = fresh_vps()
    key = vps.known_hosts.read_text().split()[1:3]
    words = ("vps", "add", "--id", "vps-04", "--hostname", "vps-04.demo.test", "--ip", vps.ip, "--provider", "lab")
    first = _fingerprint(vps)
    added = vsa(*words, "--host-key", first, "--bootstrap")
    assert added.returncode == 0, added.stdout + added.stderr
    assert "engine" in added.stdout
    address = vps.ip
    vps.destroy()
    anew = rig.Vps.create(vps.name)
    assert anew.ip == address, "the rig gave another address, so this test proves nothing"
    assert anew.known_hosts.read_text().split()[1:3] != key
    stopped = vsa("ping", "--json")
    error = json.loads(stopped.stdout)["hosts"]["vps-04"]["error"]
    assert (stopped.returncode, error["value"], error["expected"]) == (5, _fingerprint(anew), first)
    assert vsa("vps", "add", "--id", "vps-04", "--host-key", _fingerprint(anew)).returncode == 0
    assert vsa("ping").returncode == 0


def _fingerprint(vps: rig.Vps) -> str:
    return vps.run(["ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub"]).stdout.split()[1]
