# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups on another machine, by S3 and by a rest-server with TLS: saved, restored, and what is said if that fails."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

import rig
from backupstores import KINDS, Stores
from stackrun import SERVICE, Stacks

# The short sibling is test_stack_backup.py, with a repository on the host.
pytestmark = [pytest.mark.rig, pytest.mark.long, pytest.mark.timeout(1800)]

Vsa = Callable[..., CompletedProcess[str]]

WEB = {**SERVICE, "user": "0:0", "volumes": ["files:/files"]}
COMPOSE: dict[str, Any] = {"services": {"web": WEB}, "volumes": {"files": {}}}
SETTINGS = "/etc/vsa/backup.yml"
TOLD = "/root/told"
ALERT = "/usr/local/bin/vsa-test-alert"
TRAIL = "/var/log/vsa/audit.jsonl"
# What everybody on the host can read of the container of restic while it runs, as often as a loop can ask.
WATCH = """
while [ ! -e /root/watched ]; do
    ps -eo args >>/root/seen
    docker ps -aq --filter label=vsa.once | xargs -r docker inspect >>/root/seen 2>/dev/null
done
"""


@pytest.fixture
def store(request: pytest.FixtureRequest, proxy_vps: rig.Vps) -> Iterator[Stores]:
    """Another machine with both servers, append-only if the parameter says so. The host writes alerts to a file."""
    proxy_vps.load_images("restic/restic:0.19.1", "vsa-demo-web:1")
    made = Stores("stores", proxy_vps, append_only=getattr(request, "param", False))
    settings = proxy_vps.run("cat /etc/vsa/vsa.yml").stdout
    proxy_vps.put(ALERT, f"#!/bin/sh\n{{ cat; echo; }} >>{TOLD}\n", mode=0o755)
    proxy_vps.put("/etc/vsa/vsa.yml", f"{settings}alert_command: {ALERT}\n")
    proxy_vps.run(f"rm -f /var/lib/vsa/backup.json {TOLD}")
    yield made
    proxy_vps.put("/etc/vsa/vsa.yml", settings)
    proxy_vps.run(f"rm -rf {SETTINGS} /var/lib/vsa/backup.json {ALERT} {TOLD} /srv/acme/*.before-*")
    proxy_vps.run("docker volume ls -q --filter label=vsa.before | xargs -r docker volume rm", check=False)
    made.remove()


@contextmanager
def watched(vps: rig.Vps) -> Iterator[list[str]]:
    """Give what could be read of restic's containers, after the block."""
    found: list[str] = []
    vps.run("rm -f /root/seen /root/watched")
    with subprocess.Popen(["docker", "exec", vps.name, "sh", "-c", WATCH]) as watcher:
        try:
            yield found
        finally:
            vps.run("touch /root/watched")
            watcher.wait(timeout=60)
    found.append(vps.run("cat /root/seen").stdout)
    vps.run("rm -f /root/seen /root/watched")


def files(vps: rig.Vps) -> str:
    return str(vps.run(["docker", "exec", "acme-far-web-1", "sh", "-c", "cd /files; head -v -n 9 *"]).stdout)


def fill(vps: rig.Vps, script: str) -> None:
    vps.run(["docker", "exec", "acme-far-web-1", "sh", "-c", f"cd /files; {script}"])


def runs(vsa: Vsa) -> list[dict[str, Any]]:
    done = vsa("stack", "backups", "far", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    (host,) = json.loads(done.stdout)["hosts"].values()
    return list(host["backups"])


def fails(vsa: Vsa, vps: rig.Vps, words: str, hidden: list[str]) -> None:
    """Make a backup that ends with exit code 4 and one alert, and without a secret in any text."""
    vps.run(f"rm -f {TOLD}")
    done = vsa("stack", "backup", "far")
    said = done.stdout + done.stderr
    assert done.returncode == 4, said
    assert words in said
    told = vps.run(f"cat {TOLD}").stdout
    (alert,) = (json.loads(line) for line in told.splitlines())
    assert alert["backups"][0]["stack"] == "far"
    assert words in alert["text"]
    for text in (said, told, vps.run(f"cat {TRAIL}").stdout):
        assert not [secret for secret in hidden if secret in text]


@pytest.mark.parametrize("kind", KINDS)
def test_a_stack_is_saved_far_away_and_comes_back(
    store: Stores, stacks: Stacks, proxy_vps: rig.Vps, vsa: Vsa, kind: str
) -> None:
    vps = proxy_vps
    vps.put(SETTINGS, store.settings(kind), mode=0o600)
    stacks.write("far", COMPOSE, tenant="acme", backup={"volumes": ["files"]})
    assert stacks.up("far").returncode == 0
    fill(vps, "echo one >a; head -c 3000000 /dev/urandom | base64 >b")
    before = files(vps)
    with watched(vps) as seen:
        done = vsa("stack", "backup", "far")
        assert done.returncode == 0, done.stdout + done.stderr
    password = yaml.safe_load(vps.run(f"cat {SETTINGS}").stdout)["password"]
    hidden = [password, *store.secrets.values()]
    assert "restic --repository-file /control/repository" in seen[0]
    assert '"vsa.once": "1"' in seen[0], "the container of restic was never seen"
    assert not [secret for secret in hidden if secret in seen[0]]
    assert store.secrets["REST_PASSWORD"] not in done.stdout + done.stderr
    assert store.secrets["S3_SECRET"] not in done.stdout + done.stderr
    (run,) = runs(vsa)
    assert (run["complete"], run["tenant"]) == (True, "acme")

    fill(vps, "rm a; echo three >c")
    assert vsa("stack", "backup", "far").returncode == 0
    assert len(runs(vsa)) == 2
    restored = vsa("stack", "restore", "far", "--run", run["run"], "-y")
    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert files(vps) == before

    refused = store.settings(kind, password=password, wrong=True)
    vps.put(SETTINGS, refused, mode=0o600)
    fails(vsa, vps, "does not answer", hidden)
    other = "another-password-of-this-test"
    vps.put(SETTINGS, store.settings(kind, password=other), mode=0o600)
    fails(vsa, vps, "is not opened by the password of backup.yml", [*hidden, other])
    vps.put(SETTINGS, store.settings(kind, password=password), mode=0o600)
    store.stop()
    begun = time.monotonic()
    fails(vsa, vps, "does not answer", hidden)
    assert time.monotonic() - begun < 180, "an operator waits for it"
    # Each of these waits until its bound, which is the same for every kind.
    for verb in (("restore", "far", "-y"), ("backups", "far")) if kind == "rest" else ():
        away = vsa("stack", *verb)
        assert away.returncode == 4, away.stdout + away.stderr
        assert not [secret for secret in hidden if secret in away.stdout + away.stderr]
    assert files(vps) == before, "nothing was touched"

    store.start()
    vps.put(SETTINGS, store.settings(kind, password=password), mode=0o600)
    assert len(runs(vsa)) == 2, "no run of those that failed is there"
    assert vsa("stack", "backup", "far").returncode == 0


@pytest.mark.parametrize("store", [True], indirect=True)
def test_a_host_that_was_taken_over_cannot_remove_its_backups(
    store: Stores, stacks: Stacks, proxy_vps: rig.Vps, vsa: Vsa
) -> None:
    """rest-server with --append-only: old runs stay, and the backup says so."""
    keep = "keep: {last: 1, daily: 0, weekly: 0, monthly: 0}\n"
    proxy_vps.put(SETTINGS, store.settings("rest") + keep, mode=0o600)
    stacks.write("far", COMPOSE, tenant="acme", backup={"volumes": ["files"]})
    assert stacks.up("far").returncode == 0
    assert vsa("stack", "backup", "far").returncode == 0
    again = vsa("stack", "backup", "far")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "the repository does not remove old runs" in again.stdout + again.stderr
    assert len(runs(vsa)) == 2
