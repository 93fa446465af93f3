# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``deploy: rolling`` on a real host: no visitor notices a new version, a broken one, or a run that was killed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from subprocess import CompletedProcess
from typing import Any

import pytest

import rig
from making import TEMPLATE_TEXTS
from proxyhost import ProxyHost
from stackrun import SERVICE, Stacks
from visitors import visiting

Playbook = Callable[..., CompletedProcess[str]]

DOMAIN = "rolling.vsa.test"
CHECK = "import urllib.request as r; r.urlopen('http://127.0.0.1:3000/healthz')"
NAMES = "docker ps -a --filter label=com.docker.compose.project=acme-roll --format '{{.Names}}' | sort"
STEPS = ("others", "start", "made", "healthy", "switch", "journal", "reload", "prove", "keep", "close", "drain", "stop")
# Writes the version and rolls, as the module does, and dies before a step; at `made` while Compose starts a container.
_KILLED = """
import json, os, signal, subprocess, sys, threading
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.actor import Actor
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker_stack import StackEngine
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.ids import new_audit_id
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.transaction import Proxy
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.rolling.run import RollRequest, roll
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.up import StackUpRequest, prepare
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

wanted = json.load(sys.stdin)

def found():
    wanted = [f"label=com.docker.compose.{label}" for label in ("project=acme-roll", "service=web")]
    argv = ["docker", "ps", "-aq", "--filter", wanted[0], "--filter", wanted[1]]
    return subprocess.run(argv, capture_output=True, check=True).stdout

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def die_when_made(before):
    while found() == before:
        pass
    die()

def on_step(name):
    if name == wanted["step"]:
        die()
    if (name, wanted["step"]) == ("start", "made"):
        threading.Thread(target=die_when_made, args=(found(),)).start()

run = RunContext(new_audit_id(), Actor("tester"), "stack.up")
prepare(StackUpRequest("roll", wanted["files"]), check=False, diff=False)
engine = StackEngine()
proxy = Proxy(engine, Paths(), on_step=on_step)
roll(RollRequest("roll", run, wanted["templates"]), engine=engine, proxy=proxy, on_step=on_step)
"""


def compose(version: str, **more: Any) -> dict[str, Any]:
    """Return the Compose file of a version, with a service beside that no site names."""
    web = {
        **SERVICE,
        "environment": {"APP_NAME": version},
        "healthcheck": {"test": ["CMD", "python3", "-c", CHECK], "interval": "2s", "timeout": "30s"},
        "networks": ["edge", "default"],
        **more,
    }
    networks = {"edge": {"external": True, "name": "flowbiz_ext_acme"}}
    return {"services": {"web": web, "other": {**SERVICE, "networks": ["default"]}}, "networks": networks}


def write(stacks: Stacks, version: str, **more: Any) -> None:
    sites = [{"domain": DOMAIN, "service": "web", "port": 3000}]
    rolling = {"deploy": "rolling", "drain": 30, "health": {"timeout": 120}}
    stacks.write("roll", compose(version, **more), tenant="acme", sites=sites, **rolling)


def names(vps: rig.Vps) -> list[str]:
    return str(vps.run(NAMES).stdout).split()


def up(stacks: Stacks, *, code: int = 0) -> CompletedProcess[str]:
    done = stacks.up("roll")
    assert (done.returncode != 0) == (code != 0), done.stdout + done.stderr
    return done


@pytest.fixture
def rolled(stacks: Stacks) -> Stacks:
    """A host on which version ``one`` runs and serves its site."""
    stacks.vps.add_dns(DOMAIN)
    write(stacks, "one")
    up(stacks)
    assert names(stacks.vps) == ["acme-roll-other-1", "acme-roll-web-1"]
    return stacks


def test_a_new_version_comes_without_a_failed_request(rolled: Stacks, vsa: Playbook) -> None:
    vps = rolled.vps
    write(rolled, "two")
    with visiting(vps, DOMAIN) as seen:
        up(rolled)
    assert seen.failures == []
    assert set(seen.versions) == {"one", "two"}
    assert names(vps) == ["acme-roll-other-1", "acme-roll-web-2"]
    assert "container: acme-roll-web-2" in vps.run(f"cat /etc/vsa/sites/{DOMAIN}.yml").stdout
    again = up(rolled)
    assert "changed=0" in again.stdout, again.stdout

    words = ("--domain", "typed.vsa.test", "--tenant", "acme", "--container", "acme-roll-web-2", "--port", "3000")
    refused = vsa("site", "provision", *words)
    assert refused.returncode == 3, refused.stdout + refused.stderr
    assert "typed.vsa.test among the sites of stack.yml of acme/roll, with service: web" in refused.stderr


@pytest.mark.long
def test_a_thousand_requests_and_a_stream_survive_a_new_version(rolled: Stacks) -> None:
    """Compose alone failed 80 of 1,680 requests."""
    write(rolled, "two")
    with visiting(rolled.vps, DOMAIN, clients=12, streams=2, seconds=20) as seen:
        up(rolled)
        while_it_was_there = len(names(rolled.vps))
        rolled.vps.run("sleep 20")
    print(f"{seen.answers} answers, {seen.versions}, streams {seen.streams}")
    assert seen.failures == []
    assert seen.answers >= 1000
    assert set(seen.versions) == {"one", "two"}
    assert seen.streams == [[100, "one", "one"]] * 2, "the streams were open before"
    assert while_it_was_there == 2


@pytest.mark.long
def test_a_broken_version_is_not_noticed(rolled: Stacks, vsa: Playbook) -> None:
    vps = rolled.vps
    write(rolled, "broken", entrypoint=["sh", "-c", "echo out of order; sleep 2; exit 1"])
    words = ("stack", "up", "roll", "--from", str(rolled.folder))
    with visiting(vps, DOMAIN, clients=12) as seen:
        failed = vsa(*words)
        vps.run("sleep 20")
    print(f"{seen.answers} answers, {seen.versions}")
    assert failed.returncode == 4, failed.stdout + failed.stderr
    assert "out of order" in failed.stderr
    assert "the previous version runs and is healthy" in failed.stderr
    assert seen.failures == []
    assert seen.answers >= 1000
    assert set(seen.versions) == {"one"}
    assert names(vps) == ["acme-roll-other-1", "acme-roll-web-1"]


@pytest.mark.long
def test_a_run_that_is_killed_before_any_step_is_finished_by_the_next(rolled: Stacks) -> None:
    host = ProxyHost(rolled.vps)
    environment = host.driver[:2]
    number = 0
    with visiting(rolled.vps, DOMAIN, clients=4) as seen:
        for step in STEPS:
            number += 1
            write(rolled, f"v{number}")
            folder = rolled.folder / "roll"
            files = {path.name: path.read_text() for path in folder.iterdir()}
            wanted = json.dumps({"step": step, "files": files, "templates": TEMPLATE_TEXTS})
            argv = ["docker", "exec", "-i", rolled.vps.name, *environment, "python3", "-c", _KILLED]
            killed = subprocess.run(argv, input=wanted, capture_output=True, text=True, check=False)
            assert killed.returncode == 137, (step, killed.stdout, killed.stderr)
            up(rolled)
            found = names(rolled.vps)
            assert len(found) == 2, (step, found)
            assert f"container: {found[1]}" in rolled.vps.run(f"cat /etc/vsa/sites/{DOMAIN}.yml").stdout, step
    print(f"{seen.answers} answers, {seen.versions}")
    assert seen.failures == []
    assert {f"v{kill + 1}" for kill in range(len(STEPS))} <= set(seen.versions)


@pytest.mark.long
def test_the_daily_verbs_know_the_replicas(rolled: Stacks, vsa: Playbook) -> None:
    vps = rolled.vps
    write(rolled, "two")
    up(rolled)
    for verb in (("stack", "ps", "roll"), ("stack", "list")):
        shown = vsa(*verb)
        assert shown.returncode == 0, shown.stderr
        assert "acme-roll-web-2" in shown.stdout
        assert "unhealthy" not in shown.stdout
    status = vsa("status", "--json")
    assert "acme-roll-web-1" not in status.stdout
    restarted = vsa("stack", "restart", "roll", "web")
    assert restarted.returncode == 0, restarted.stdout + restarted.stderr
    down = vsa("stack", "down", "roll", "-y")
    assert f"closed for maintenance until the next up: {DOMAIN}" in down.stdout, down.stdout + down.stderr
    assert names(vps) == []
    up(rolled)
    assert names(vps) == ["acme-roll-other-1", "acme-roll-web-1"]
    assert "container: acme-roll-web-1" in vps.run(f"cat /etc/vsa/sites/{DOMAIN}.yml").stdout


@pytest.mark.long
def test_several_replicas_roll_and_one_service_restarts(rolled: Stacks, vsa: Playbook) -> None:
    vps = rolled.vps
    for version, replicas in (("two", 2), ("three", 3), ("four", 1)):
        write(rolled, version, deploy={"replicas": replicas})
        with visiting(vps, DOMAIN, clients=4) as seen:
            up(rolled)
        assert seen.failures == [], version
        found = names(vps)
        assert len(found) == 1 + replicas, found
        manifest = vps.run(f"cat /etc/vsa/sites/{DOMAIN}.yml").stdout
        assert sum(f"container: {name}\n" in manifest for name in found) == 1, (version, manifest)
        apps = [vps.run(["docker", "exec", name, "printenv", "APP_NAME"]).stdout.strip() for name in found[1:]]
        assert apps == [version] * replicas
        assert "changed=0" in up(rolled).stdout

    look = "docker inspect -f '{{{{.State.StartedAt}}}}' $(docker ps -q --filter label=com.docker.compose.service={})"
    before = {service: vps.run(look.format(service)).stdout for service in ("web", "other")}
    restarted = vsa("stack", "restart", "roll", "web")
    assert restarted.returncode == 0, restarted.stdout + restarted.stderr
    assert vps.run(look.format("web")).stdout != before["web"]
    assert vps.run(look.format("other")).stdout == before["other"]
    with visiting(vps, DOMAIN, clients=2) as seen:
        vps.run("sleep 2")
    assert seen.failures == []
    assert set(seen.versions) == {"four"}


@pytest.mark.long
@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"container_name": "roll"}, "compose.yml/services/web/container_name"),
        ({"ports": ["127.0.0.1:9999:3000"]}, "compose.yml/services/web/ports"),
        ({"healthcheck": {"disable": True}}, "compose.yml/services/web/healthcheck"),
    ],
)
def test_a_service_that_cannot_roll_is_refused_and_serves_on(
    rolled: Stacks, vsa: Playbook, more: dict[str, Any], field: str
) -> None:
    before = rolled.state()
    write(rolled, "two", **more)
    refused = vsa("stack", "up", "roll", "--from", str(rolled.folder))
    assert refused.returncode == 3, refused.stdout + refused.stderr
    assert field in refused.stderr
    assert "nothing was changed" in refused.stderr
    assert rolled.state() == before
