# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new release changes a file of the stack reverse-proxy: exactly the container that needs it is recreated."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import rig

CONTAINERS = ("vsa-nginx", "vsa-auth", "vsa-certbot")
PARTS = ("meta", "plugins", "roles", "playbooks", "galaxy.yml", "stacks")
NEW = "# of the next release\n"
# A changed file, who is recreated, and where the container reads the new text.
ROWS = [
    ("auth/nginx.conf", "vsa-auth", "/opt/vsa-auth/nginx.conf"),
    ("etc/group", "vsa-nginx", "/etc/group"),
    ("bin/certbot-loop.sh", "vsa-certbot", "/opt/vsa-start.sh"),
]


class Release:
    """A copy of the collection, whose stack a test changes."""

    def __init__(self, place: Path, vps: rig.Vps) -> None:
        self._vps = vps
        self._place = place
        self._folder = place / "ansible_collections/flowbiz/vsa"
        for name in PARTS:
            source, target = rig.ROOT / name, self._folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, target)

    def change(self, name: str) -> None:
        with (self._folder / "stacks/reverse-proxy" / name).open("a", encoding="utf-8") as file:
            file.write(NEW)

    def up(self) -> CompletedProcess[str]:
        paths = os.pathsep.join((str(self._place), str(rig.ROOT / "collections")))
        environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": paths, "ANSIBLE_NOCOLOR": "1"}
        inventory = str(self._vps.inventory(self._place / "hosts.yml"))
        argv = [rig.command("ansible-playbook"), "-v", "-i", inventory, "-e", "stack_name=reverse-proxy"]
        done = subprocess.run(
            [*argv, "flowbiz.vsa.stack.up"],
            cwd=self._place,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done


@pytest.fixture
def release(tmp_path: Path, proxy_vps: rig.Vps) -> Iterator[Release]:
    made = Release(tmp_path, proxy_vps)
    # Tests that share the host run Compose by hand, as operators do. After this, VSA has made all three containers.
    for name, _container, _inside in ROWS:
        made.change(name)
    made.up()
    yield made
    rig.playbook("flowbiz.vsa.stack.up", proxy_vps, extra={"stack_name": "reverse-proxy"})


def started(vps: rig.Vps) -> dict[str, str]:
    """Return the id and the start of each container of the proxy."""
    shown = vps.run(["docker", "inspect", "-f", "{{.Name}} {{.Id}} {{.State.StartedAt}}", *CONTAINERS]).stdout
    return {line.split()[0].strip("/"): line for line in shown.splitlines()}


def read(vps: rig.Vps, container: str, path: str) -> str:
    return str(vps.run(["docker", "exec", container, "cat", path]).stdout)


def test_a_changed_file_recreates_exactly_the_container_that_read_it_once(proxy_vps: rig.Vps, release: Release) -> None:
    for name, recreated, inside in ROWS:
        before = started(proxy_vps)
        release.change(name)
        release.up()
        after = started(proxy_vps)
        assert {container for container in before if before[container] != after[container]} == {recreated}, name
        assert read(proxy_vps, recreated, inside).endswith(NEW), name
    again = release.up()
    assert "changed=0" in again.stdout, again.stdout
    assert started(proxy_vps) == after


def test_a_changed_script_is_read_again_and_nobody_is_recreated(proxy_vps: rig.Vps, release: Release) -> None:
    before = started(proxy_vps)
    reloader = read(proxy_vps, "vsa-nginx", "/run/vsa/reloader.started")
    release.change("bin/clock.sh")
    release.up()
    assert started(proxy_vps) == before
    for container in CONTAINERS:
        assert read(proxy_vps, container, "/opt/vsa/clock.sh").endswith(NEW), container
    # The reloader has read the file at its start, and looks once a minute for a new one.
    until = time.monotonic() + 90
    while read(proxy_vps, "vsa-nginx", "/run/vsa/reloader.started") == reloader:
        assert time.monotonic() < until, "the reloader still runs what it read before"
        time.sleep(1)
