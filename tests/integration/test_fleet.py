# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet with its real hub: a host is added, reports, gets a new token, is revoked, and is removed.

The hub and the node are one machine, under two names and two ports of SSH: inventory, proxy, hub and agent
see two hosts.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import rig
from hubhost import prepare_for_hub, remove_hub
from vsa.fleet import hub as fleet_hub
from vsa.fleet.read import read_fleet

pytestmark = [pytest.mark.rig, pytest.mark.long, pytest.mark.timeout(900)]

HUB, SITE, NODE = "hub.vsa.test", "node.vsa.test", "vps-04"
PORT = 2222
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def node(proxy_vps: rig.Vps) -> Iterator[rig.Vps]:
    """The shared host with a second SSH server, and with a site."""
    proxy_vps.run("mkdir -p /run/sshd && /usr/sbin/sshd -p 2222 -o PidFile=/run/node-sshd.pid")
    proxy_vps.add_dns(HUB, SITE)
    prepare_for_hub(proxy_vps)
    yield proxy_vps
    proxy_vps.run("kill $(cat /run/node-sshd.pid)", check=False)
    remove_hub(proxy_vps)


@pytest.fixture
def folder(tmp_path: Path, node: rig.Vps) -> Path:
    """The inventory: the hub, and the group of a provider without hosts."""
    made = tmp_path / "fleet"
    (made / "group_vars/all").mkdir(parents=True)
    variables = json.dumps(node.inventory_vars())
    (made / "hosts.yml").write_text(
        f"all:\n  children:\n    hub:\n      hosts:\n        vps-01: {variables}\n    lab:\n      hosts:\n"
    )
    (made / "group_vars/all/hub.yml").write_text(f"hub_url: https://{HUB}\nhub_auth_file: ../hub-auth\n")
    (made / "group_vars/lab.yml").write_text(
        f"vsa_provider: lab\nansible_user: root\nansible_ssh_private_key_file: {rig.ssh_key()}\n"
    )
    (tmp_path / "hub-auth").write_text("admin:a-password-of-the-tests-01\n")
    (tmp_path / "hub-auth").chmod(0o600)
    (tmp_path / "password").write_text("a-password-of-the-tests-01\n")
    return made


@pytest.fixture
def vsa(folder: Path) -> Run:
    def call(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "XDG_STATE_HOME": str(folder.parent / "state"), "VSA_INVENTORY": str(folder)}
        done = subprocess.run(
            [rig.command("vsa"), *words],
            cwd=rig.ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == code, f"vsa {' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return call


@pytest.fixture
def nodes(folder: Path, node: rig.Vps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, str]]:
    """Ask the hub as `vsa vps list` does: by its name, which only the rig's DNS knows, with its CA."""
    (tmp_path / "ca.pem").write_text(node.services().ca_bundle)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    connect = socket.create_connection

    def to_the_hub(address: tuple[str, int], *rest: object, **more: object) -> socket.socket:
        host, port = address
        return connect((node.ip if host == HUB else host, port), *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "create_connection", to_the_hub)

    def ask() -> dict[str, str]:
        fleet = read_fleet(str(folder))
        assert fleet is not None
        found = fleet_hub.hub_of(fleet)
        assert found is not None
        return {name: str(row["freshness"]) for name, row in fleet_hub.ask(found).items()}

    return ask


def test_a_node_from_its_first_to_its_last_day(
    node: rig.Vps, folder: Path, vsa: Run, nodes: Callable[[], dict[str, str]], tmp_path: Path
) -> None:
    vsa("stack", "up", "dashboard", "-l", "vps-01", "--set", f"DOMAIN={HUB}", "--password-file", f"{tmp_path}/password")
    vsa("site", "provision", "-l", "vps-01", "--domain", SITE, "--container", "web-1", "--port", "3000")
    assert nodes() == {}

    # Added: the inventory, the host key, and the hub.
    fingerprint = node.run(
        "ssh-keyscan -p 2222 127.0.0.1 2>/dev/null | ssh-keygen -lf - | grep ED25519"
    ).stdout.split()[1]
    add = ("vps", "add", "--id", NODE, "--hostname", "vps-04.vsa.test", "--ip", node.ip, "--port", str(PORT))
    add = (*add, "--provider", "lab", "--host-key", fingerprint)
    unchanged = (folder / "hosts.yml").read_text()
    foreseen = vsa(*add, "--check")
    assert f"{NODE} would be registered at the hub" in foreseen.stdout
    assert nodes() == {}
    assert (folder / "hosts.yml").read_text() == unchanged

    vsa(*add, "--token-file", f"{tmp_path}/token")
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    first = (tmp_path / "token").read_text().strip()
    assert nodes() == {NODE: "never"}
    before = (folder / "hosts.yml").read_text()
    assert "has a valid token" in vsa(*add, "--check", code=3).stderr
    again = vsa(*add, "--token-file", f"{tmp_path}/another", code=3)
    assert "has a valid token" in again.stderr
    assert not (tmp_path / "another").exists()
    assert (folder / "hosts.yml").read_text() == before

    # It reports.
    vsa("agent", "register", "--hub-url", f"https://{HUB}/api/", "--token-file", f"{tmp_path}/token", "-l", NODE)
    assert nodes() == {NODE: "fresh"}

    # A new token is handed over; nobody saw it, and the old one ends with the first beat.
    rotated = vsa("agent", "rotate", "--id", NODE)
    second = node.run("cat /etc/vsa/agent/token").stdout.strip()
    assert second != first
    trail = (tmp_path / "state/vsa/audit.jsonl").read_text()
    for text in (rotated.stdout, rotated.stderr, trail, node.run("cat /var/log/vsa/audit.jsonl").stdout):
        assert first not in text
        assert second not in text
    assert nodes() == {NODE: "fresh"}
    refused = vsa(
        "agent", "register", "--hub-url", f"https://{HUB}", "--token-file", f"{tmp_path}/token", "-l", NODE, code=3
    )
    assert "revoked" in refused.stdout + refused.stderr or "unknown" in refused.stdout + refused.stderr
    assert node.run("cat /etc/vsa/agent/token").stdout.strip() == second, "the host is as it was"

    # Revoked: the next beat is refused. A rotation lets the agent in again.
    vsa("agent", "revoke", "--id", NODE, "-y")
    node.run("systemctl start vsa-agent-send.service", check=False)
    status = json.loads(vsa("agent", "status", "-l", NODE, "--json").stdout)
    assert "revoked" in json.dumps(status["hosts"][NODE])
    vsa("agent", "rotate", "--id", NODE)
    assert nodes() == {NODE: "fresh"}

    # Removed: agent, hub, inventory; the site goes on.
    vsa("vps", "remove", "--id", NODE, "-y")
    assert nodes() == {}
    assert NODE not in (folder / "hosts.yml").read_text()
    assert node.run("ls /etc/vsa/agent /usr/local/lib/vsa/agent.pyz 2>&1; true").stdout.count("No such file") == 2
    answer = rig.https_get(node.ip, SITE, "/", trust=node.services().ca_bundle)
    assert answer.status == 200
