"""The shipped stack n8n: an owner before the first visitor, code of users without a way out, a key that survives.

In the short test n8n and its runner are stand-ins under the genuine names; PostgreSQL and Valkey are genuine. The long
test runs the genuine n8n 2.41.1 and its genuine runner.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from subprocess import CompletedProcess
from typing import Any

import pytest

import rig
from n8nclient import N8nClient
from proxyhost import ProxyHost
from shipped import Shipped
from stackrun import Stacks

Vsa = Callable[..., CompletedProcess[str]]
DOMAIN, OTHER = "n8n.vsa.test", "n8n-beta.vsa.test"
OWNER = "ops@vsa.test"
N8N, RUNNERS = "n8nio/n8n:2.43.3", "n8nio/runners:2.43.3"
REPOSITORY = "/srv/n8n-backup"


@pytest.fixture
def n8n(stacks: Stacks, vsa: Vsa) -> Shipped:
    """The stack as it is shipped, with stand-ins for n8n and its runner."""
    shipped = Shipped("n8n", stacks, vsa)
    shipped.images("postgres:17", "postgres:17.6")
    shipped.images("vsa-rig-standin:1", N8N, RUNNERS)
    stacks.vps.add_dns(DOMAIN, OTHER)
    return shipped


@pytest.mark.long
def test_n8n_has_an_owner_and_a_runner_without_a_way_out(n8n: Shipped) -> None:
    done = n8n.up("acme", DOMAIN=DOMAIN, OWNER_EMAIL=OWNER)
    assert done.returncode == 0, done.stdout + done.stderr
    env = n8n.env("acme")
    assert env["OWNER_PASSWORD_HASH"].startswith("$2")
    assert env["OWNER_PASSWORD"] not in json.dumps(n8n.inspected("acme")), "n8n gets the hash alone"
    answer = n8n.vps.run(
        f"docker exec vsa-nginx curl -sk --resolve {DOMAIN}:443:127.0.0.1 https://{DOMAIN}/webhook/x"
    ).stdout
    assert json.loads(answer)["role"] == "n8n"
    _the_code_of_users_has_no_way_out(n8n)
    # A second tenant, with workers.
    queue = {"DOMAIN": OTHER, "OWNER_EMAIL": OWNER, "COMPOSE_PROFILES": "queue", "EXECUTIONS_MODE": "queue"}
    other = n8n.up("beta", "--check", **queue)
    assert other.returncode == 0, other.stdout + other.stderr


def _the_code_of_users_has_no_way_out(n8n: Shipped) -> None:
    vps = n8n.vps
    outside = f"{vps.services().dns_ip}:14000"
    assert n8n.reached("acme", "runner", "n8n:5679", outside, f"{vps.ip}:22") == ["n8n:5679"]
    assert n8n.reached("acme", "n8n", outside) == [outside], "workflows reach the services of others"


@pytest.mark.long
@pytest.mark.timeout(900)
def test_n8n_runs_for_two_tenants_and_with_workers(n8n: Shipped) -> None:
    vps, outside = n8n.vps, f"{n8n.vps.services().dns_ip}:14000"
    n8n.images("vsa-rig-apps:1", "valkey/valkey:8.1.4")
    for tenant, domain in (("acme", DOMAIN), ("beta", OTHER)):
        done = n8n.up(tenant, DOMAIN=domain, OWNER_EMAIL=OWNER)
        assert done.returncode == 0, done.stdout + done.stderr
    first, second = n8n.env("acme"), n8n.env("beta")
    assert not [name for name, value in first.items() if name != "OWNER_EMAIL" and value and second[name] == value]
    host = ProxyHost(vps)
    for domain in (DOMAIN, OTHER):
        status, body = host.get(domain, "/webhook/x")
        assert (status, json.loads(body)["role"]) == (200, "n8n")
    # Compose and the policy take the profile, and Valkey, worker and runner come up.
    queue = n8n.up("acme", COMPOSE_PROFILES="queue", EXECUTIONS_MODE="queue")
    assert queue.returncode == 0, queue.stdout + queue.stderr
    assert sorted(n8n.networks("acme")) == ["db", "n8n", "redis", "runner", "worker", "worker-runner"]
    assert n8n.reached("acme", "worker-runner", "worker:5679", outside) == ["worker:5679"]
    assert n8n.reached("acme", "worker", outside) == [outside]
    password = n8n.env("acme")["REDIS_PASSWORD"]
    assert password not in vps.run("cat /proc/[0-9]*/cmdline | tr '\\0' ' '").stdout


def _workflow(name: str, path: str) -> dict[str, Any]:
    """Return a workflow: a webhook whose answer a Code node makes."""
    code = "return [{json: {sum: $input.first().json.body.numbers.reduce((a, b) => a + b, 0)}}];"
    webhook = {"httpMethod": "POST", "path": path, "responseMode": "lastNode", "options": {}}
    nodes = [
        {"id": "1", "name": "Webhook", "type": "n8n-nodes-base.webhook", "typeVersion": 2, "position": [0, 0],
         "webhookId": path, "parameters": webhook},
        {"id": "2", "name": "Code", "type": "n8n-nodes-base.code", "typeVersion": 2, "position": [200, 0],
         "parameters": {"mode": "runOnceForAllItems", "jsCode": code}},
    ]  # fmt: skip
    edges = {"Webhook": {"main": [[{"node": "Code", "type": "main", "index": 0}]]}}
    return {"name": name, "nodes": nodes, "connections": edges, "settings": {"executionOrder": "v1"}, "active": False}


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_the_genuine_n8n_serves_webhooks_push_and_code_and_keeps_its_key(n8n: Shipped, stacks: Stacks) -> None:
    vps = stacks.vps
    try:
        n8n.images("vsa-rig-n8n:1", N8N)
        n8n.images("vsa-rig-n8n-runner:1", RUNNERS)
    except rig.RigError as problem:
        pytest.skip(f"no n8n here: {problem}")
    vps.load_images("restic/restic:0.19.1")
    done = n8n.up("acme", DOMAIN=DOMAIN, OWNER_EMAIL=OWNER)
    assert done.returncode == 0, done.stdout + done.stderr
    client = N8nClient(vps.ip, DOMAIN)

    # The owner is there: nobody else can become the owner, and the generated password logs in.
    status, settings = client.call("GET", "/rest/settings")
    assert status == 200
    assert settings["data"]["userManagement"]["showSetupOnFirstLoad"] is False
    made = {"email": "thief@vsa.test", "firstName": "A", "lastName": "B", "password": "Stolen-1-stolen"}
    assert client.call("POST", "/rest/owner/setup", made)[0] in (400, 403, 404)
    password = n8n.env("acme")["OWNER_PASSWORD"]
    status, answer = client.call("POST", "/rest/login", {"emailOrLdapLoginId": OWNER, "password": password})
    assert status == 200, answer

    credential = {"name": "a token", "type": "httpHeaderAuth", "data": {"name": "X-Token", "value": "a-secret-token"}}
    status, answer = client.call("POST", "/rest/credentials", credential)
    assert status == 200, answer
    number = answer["data"]["id"]

    # The editor's WebSocket, and a webhook whose Code node the external runner executes.
    push = client.push("a-client")
    status, answer = client.call("POST", "/rest/workflows", _workflow("sums", "sums"))
    assert status == 200, answer
    workflow = answer["data"]
    client.activate(workflow)
    deadline = time.monotonic() + 90
    while True:
        status, answer = client.call("POST", "/webhook/sums", {"numbers": [1, 2, 39]})
        if status == 200 or time.monotonic() > deadline:
            break
        time.sleep(2)
    assert (status, answer) == (200, {"sum": 42})
    assert push.read(20), "the editor is told of nothing"
    push.close()

    _the_key_survives(n8n, client, number)


def _the_key_survives(n8n: Shipped, client: N8nClient, number: str) -> None:
    """A credential made before a backup is readable after a restore onto nothing, and only by its key."""
    vps = n8n.vps
    vps.run(f"rm -rf {REPOSITORY} /etc/vsa/backup.yml; mkdir -p /etc/vsa")
    vps.put("/etc/vsa/backup.yml", f"schema: 1\nrepository: {REPOSITORY}\n", mode=0o600)
    saved = n8n.change("acme", "backup")
    assert saved.returncode == 0, saved.stdout + saved.stderr
    status, _answer = client.call("DELETE", f"/rest/credentials/{number}")
    assert status == 200
    restored = n8n.change("acme", "restore", "-y")
    assert restored.returncode == 0, restored.stdout + restored.stderr
    again = N8nClient(vps.ip, DOMAIN)
    password = n8n.env("acme")["OWNER_PASSWORD"]
    assert again.call("POST", "/rest/login", {"emailOrLdapLoginId": OWNER, "password": password})[0] == 200
    argv = ("n8n", "export:credentials", "--all", "--decrypted", "--pretty")
    exported = n8n.inside("acme", "n8n", *argv)
    assert "a-secret-token" in exported.stdout, exported.stdout + exported.stderr
    vps.run(f"rm -rf {REPOSITORY} /etc/vsa/backup.yml")
