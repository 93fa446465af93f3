# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real agent and the real hub on one host: through the proxy, with a certificate of the ACME server, over HTTPS."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import rig
from hubhost import DASHBOARD, DATABASE, prepare_for_hub, remove_hub
from visitors import visiting

# The short siblings are test_agent.py and test_hub.py, each with the other half.
pytestmark = [pytest.mark.rig, pytest.mark.long, pytest.mark.timeout(900)]

HUB, SITE, VISITED = "dashboard.agent.vsa.test", "shop.agent.vsa.test", "visited.agent.vsa.test"
NODE = "vps-07"

BEAT = "systemctl reset-failed vsa-agent-send.service; systemctl start vsa-agent-send.service"
MARKS = ("ENVSECRET8831", "CMDSECRET8832", "LABELSECRET8833")


class Both:
    """The host with the hub and with the agent."""

    def __init__(self, vps: rig.Vps, folder: Path) -> None:
        self.vps = vps
        self._folder = folder
        self._password = folder / "password"

    def up(self) -> None:
        """Bring the hub up."""
        words = ("--set", f"DOMAIN={HUB}", "--password-file", str(self._password))
        rig.vsa("stack", "up", "dashboard", *words, vps=self.vps)

    def admin(self, **request: str) -> dict[str, Any]:
        """Run an operation of the hub, as its module does."""
        argv = ["docker", "exec", "--interactive", DASHBOARD, "python3", "-m", "hub.admin"]
        return dict(json.loads(self.vps.run(argv, input=json.dumps(request)).stdout))

    def token_file(self, token: str) -> str:
        """Return a file of this machine with a token."""
        path = self._folder / "token"
        path.write_text(token, encoding="ascii")
        path.chmod(0o600)
        return str(path)

    def node(self) -> dict[str, Any]:
        """Return all that the hub has of the node, as who has the password sees it."""
        address = f"https://{HUB}/api/v1/nodes/{NODE}"
        user = f"admin:{self._password.read_text(encoding='ascii').strip()}"
        argv = ["curl", "-sk", "--fail", "--resolve", f"{HUB}:443:127.0.0.1", "-u", user, address]
        return dict(json.loads(self.vps.run(argv).stdout))

    def query(self, sql: str) -> list[str]:
        """Return the rows of a query in the hub's database."""
        argv = ["docker", "exec", DATABASE, "psql", "--username", "hub", "--dbname", "hub", "-At", "-c", sql]
        return self.vps.run(argv).stdout.splitlines()

    def agent(self, *words: str, code: int = 0) -> dict[str, Any]:
        """Return what a verb of the agent says with --json."""
        done = rig.vsa("agent", *words, "--json", vps=self.vps, check=False)
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        return dict(next(iter(json.loads(done.stdout)["hosts"].values())))

    def register(self, token: str, *, code: int = 0) -> dict[str, Any]:
        """Register the agent with a token. The last beat is long enough ago for the hub to take the next one."""
        time.sleep(5)
        words = ("--hub-url", f"https://{HUB}/api", "--token-file", self.token_file(token))
        return self.agent("register", *words, code=code)

    def beat(self) -> dict[str, Any]:
        """Let the agent send a beat, and return the state of its sender."""
        time.sleep(5)
        self.vps.run(BEAT, check=False)
        return dict(json.loads(self.vps.run("cat /var/lib/vsa-agent/state.json").stdout))


@pytest.fixture(scope="module")
def both(proxy_vps: rig.Vps, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    prepare_for_hub(proxy_vps)
    proxy_vps.add_dns(HUB, SITE, VISITED)
    rig.vsa("site", "provision", "--domain", VISITED, "--container", "web-2", "--port", "3000", vps=proxy_vps)
    made = Both(proxy_vps, tmp_path_factory.mktemp("both"))
    made.up()
    yield made
    rig.vsa("agent", "unregister", "-y", vps=proxy_vps, check=False)
    for domain in (HUB, SITE, VISITED):
        rig.vsa("site", "unprovision", "--domain", domain, "--keep-container", "-y", vps=proxy_vps, check=False)
    proxy_vps.run("docker rm -f secretive", check=False)
    remove_hub(proxy_vps)


def wait_until(what: Callable[[], bool], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(1)


def test_agent_and_hub(both: Both) -> None:
    asked = {"node": NODE, "hostname": "vps-07.example.com", "address": both.vps.ip, "provider": "infomaniak"}
    first = both.admin(do="register", **asked)["token"]
    image = both.vps.run(["docker", "inspect", "-f", "{{.Config.Image}}", "web-1"]).stdout.strip()
    secrets = ("-e", f"PASSWORD={MARKS[0]}", "--label", f"key={MARKS[2]}")
    command = ("--entrypoint", "sh", image, "-c", f"sleep 900; echo {MARKS[1]}")
    both.vps.run(["docker", "run", "-d", "--name", "secretive", *secrets, *command])
    found = both.register(first)
    assert (found["changed"], found["node"], found["hub_url"]) == (True, NODE, f"https://{HUB}")
    assert found["answer"]["result"] == "accepted"
    both.vps.run("systemctl stop vsa-agent.timer")  # each step lets the agent send by itself
    with visiting(both.vps, VISITED, clients=2) as seen:
        _the_hub_knows_what_the_host_is(both)
        _every_record_is_at_the_hub_once(both)
        _a_rotation_loses_no_beat(both, first)
        _docker_that_stops_empties_nothing(both)
        _a_database_that_restarts_costs_one_wait(both)
        _a_revoked_token_is_told(both)
    assert seen.failures == [], "whatever becomes of the hub, sites answer"
    assert seen.answers > 100


def _the_hub_knows_what_the_host_is(both: Both) -> None:
    node = both.node()
    assert node["freshness"] == "fresh"
    assert abs(node["skew_seconds"]) < 3
    assert node["attention"] == []
    sections = node["sections"]
    assert {name: entry["status"] for name, entry in sections.items()} == dict.fromkeys(sections, "ok")
    rows = {name: entry["rows"] for name, entry in sections.items()}
    assert both.vps.ip in rows["node"][0]["addresses"]
    assert {row["name"] for row in rows["containers"]} >= {"secretive", "vsa-nginx", DASHBOARD, DATABASE}
    assert {row["id"] for row in rows["stacks"]} >= {"hub/dashboard", "platform/reverse-proxy"}
    site = {row["domain"]: row for row in rows["domains"]}[HUB]
    assert site["auth"] == {"paths": ["/"], "open": ["/api/v1/agent/"], "users": 1}
    certificate = {row["name"]: row for row in rows["certificates"]}[HUB]
    served = {row["domain"]: row for row in rows["served"]}[HUB]
    assert served["fingerprint"] == certificate["fingerprint"]
    dump = both.vps.run(["docker", "exec", DATABASE, "pg_dump", "--username", "hub", "hub"]).stdout
    assert "secretive" in dump
    for mark in MARKS:
        assert mark not in dump


def _every_record_is_at_the_hub_once(both: Both) -> None:
    rig.vsa("site", "provision", "--domain", SITE, "--container", "web-1", "--port", "3000", vps=both.vps)
    for switch in ("on", "off", "on", "off"):
        rig.vsa("site", "maintenance", "--domain", SITE, switch, vps=both.vps)
    state = both.beat()
    trail = both.vps.run("cat /var/log/vsa/audit.jsonl").stdout.splitlines()
    hashes = [json.loads(line)["hash"] for line in trail]
    assert both.query(f"select hash from audit where node = '{NODE}' order by number") == hashes
    assert both.node()["audit_breaks"] == []
    assert state["after"] == hashes[-1]
    assert state["taken"]["backlog"] == 0


def _a_rotation_loses_no_beat(both: Both, first: str) -> None:
    second = both.admin(do="rotate", node=NODE)["token"]
    assert both.beat()["last"]["result"] == "accepted"  # the old one is valid until the new one is used
    assert both.register(second)["answer"]["result"] == "accepted"
    both.vps.run("systemctl stop vsa-agent.timer")
    refused = both.register(first, code=3)
    assert refused["error"]["state"] == "the host is as it was"
    assert both.beat()["last"]["result"] == "accepted"
    assert both.node()["audit_breaks"] == []
    count = both.query(f"select count(*), count(distinct hash) from audit where node = '{NODE}'")[0]
    assert count.split("|")[0] == count.split("|")[1]


def _docker_that_stops_empties_nothing(both: Both) -> None:
    before = {row["name"] for row in both.node()["sections"]["containers"]["rows"]}
    # The hub runs on this host, so its engine is only silent for the collector: the socket is not there.
    both.vps.run("mv /run/docker.sock /run/docker.hidden")
    try:
        assert both.beat()["last"]["result"] == "accepted"
    finally:
        both.vps.run("mv /run/docker.hidden /run/docker.sock")
    section = both.node()["sections"]["containers"]
    assert section["status"] == "failed"
    assert "does not answer" in section["error"]
    assert {row["name"] for row in section["rows"]} == before
    assert both.beat()["last"]["result"] == "accepted"
    assert both.node()["sections"]["containers"]["status"] == "ok"


def _a_database_that_restarts_costs_one_wait(both: Both) -> None:
    both.vps.run(["docker", "stop", DATABASE])
    state = both.beat()
    assert state["last"]["code"] in ("database", "no_answer")
    assert state["failures"] == 1
    both.vps.run(["docker", "start", DATABASE])
    wait_until(lambda: both.beat()["last"]["result"] == "accepted", seconds=120)
    assert both.beat()["failures"] == 0


def _a_revoked_token_is_told(both: Both) -> None:
    both.admin(do="revoke", node=NODE)
    state = both.beat()
    assert state["last"]["code"] == "token_revoked"
    found = both.agent("status")["agent"]
    assert found["answer"]["code"] == "token_revoked"
    assert found["wait_seconds"] > 1800
    assert "revoked" in rig.vsa("agent", "status", vps=both.vps).stdout
