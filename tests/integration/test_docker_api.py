# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The read-only API of Docker on a real host: what its readers get, and who may be a reader."""

from __future__ import annotations

from collections.abc import Callable
from subprocess import CompletedProcess
from typing import Any

import pytest

import rig
from stackrun import SERVICE, Stacks

pytestmark = [pytest.mark.rig, pytest.mark.timeout(600)]

LIST = {"readers": {"external": True, "name": "vsa_docker_list"}}
INSPECT = {"readers": {"external": True, "name": "vsa_docker_inspect"}}
# Prints the status of each request of argv, METHOD and PATH in turn.
_ASK = """
import http.client, sys
words = sys.argv[1:]
for method, path in zip(words[::2], words[1::2]):
    engine = http.client.HTTPConnection('docker-api', 2375, timeout=10)
    engine.request(method, path)
    print(engine.getresponse().status)
"""


def _reader(networks: dict[str, Any]) -> dict[str, Any]:
    return {"services": {"web": {**SERVICE, "networks": ["readers"]}}, "networks": networks}


def _asked(vps: rig.Vps, container: str, *requests: str) -> list[int]:
    words = [word for request in requests for word in request.split()]
    done = vps.run(["docker", "exec", container, "python3", "-c", _ASK, *words])
    return [int(line) for line in done.stdout.split()]


def test_a_reader_gets_the_list_and_nothing_else(
    stacks: Stacks, playbook: Callable[..., CompletedProcess[str]]
) -> None:
    vps = stacks.vps
    stacks.used("docker-api")
    stacks.write("reader", _reader(LIST), tenant="acme", docker_api={"web": "list"})
    # The network is missing, and the error names the command that makes it.
    done = stacks.up("reader", "-e", "stack_allow=docker-api")
    assert "a network of the stack does not exist" in done.stdout
    assert "flowbiz.vsa.stack.up -e stack_name=docker-api" in done.stdout
    done = playbook("flowbiz.vsa.stack.up", {"stack_name": "docker-api"}, vps=vps)
    assert done.returncode == 0, done.stdout
    assert "changed=0" in playbook("flowbiz.vsa.stack.up", {"stack_name": "docker-api"}, vps=vps).stdout

    done = stacks.up("reader")
    assert "docker-api: vsa_docker_list shows the containers of all tenants" in done.stdout
    assert "there are" not in done.stdout
    done = stacks.up("reader", "-e", "stack_allow=docker-api")
    assert done.returncode == 0, done.stdout
    reader = "acme-reader-web-1"
    passed = ("GET /_ping", "GET /version", "GET /v1.41/containers/json?all=1")
    refused = (
        f"GET /containers/{reader}/json",
        "GET /info",
        "GET /images/json",
        "GET /containers/../info",
        "POST /containers/create",
        f"POST /containers/{reader}/stop",
    )
    assert _asked(vps, reader, *passed) == [200] * len(passed)
    assert _asked(vps, reader, *refused) == [403] * len(refused)

    # What the service is not named for, it does not get.
    stacks.write("reader", _reader(INSPECT), tenant="acme", docker_api={"web": "inspect"})
    done = stacks.up("reader", "-e", "stack_allow=docker-inspect")
    assert "nobody can allow docker-inspect" in done.stdout
    stacks.write("reader", _reader(LIST), tenant="acme")
    done = stacks.up("reader", "-e", "stack_allow=docker-api")
    assert "stack.yml does not say that web reads Docker" in done.stdout

    # What a reader of the second network gets, and that nothing else of the host is on it.
    run = "docker run --rm --network vsa_docker_inspect --entrypoint curl nginx:1.30.7"
    run += " -s -o /dev/null -w '%{http_code} '"
    url = "http://docker-api:2375"
    seen = vps.run(f"{run} {url}/containers/{reader}/json; {run} -X POST {url}/build")
    assert seen.stdout.split() == ["200", "403"]
    body = vps.run(f"{run} -X GET -d x {url}/containers/json")
    assert body.stdout.split() == ["413"]
    members = "docker network inspect -f '{{range .Containers}}{{.Name}} {{end}}' vsa_docker_inspect"
    assert vps.run(members).stdout.split() == ["vsa-docker-inspect"]
