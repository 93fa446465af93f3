# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks from a tenant's container, as root there: links in its data folder, other names for the data of others."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import rig
from proxyhost import ProxyHost
from stackrun import SERVICE, Stacks

Run = Callable[..., subprocess.CompletedProcess[str]]
VICTIM = "/etc/systemd/system"
STATE = "/var/lib/vsa/stacks/snare/snare"
FOLDER = "/srv/snare/snare"
SITE = "snare.vsa.test"
PRECIOUS = "/srv/leaver/shop/data"

MANIFEST = """\
schema: 1
description: A stack whose container makes links
tenant: snare
directories:
  - {path: data, owner: 0, group: 0, mode: "0755"}
  - {path: data/inner, owner: 1000, group: 1000, mode: "0777"}
"""
COMPOSE = """\
name: snare
services:
  web:
    image: vsa-demo-web:1
    container_name: snare-web
    volumes: ["./data:/data"]
    cap_drop: [NET_RAW]
    mem_limit: 64m
    healthcheck: {test: ["CMD", "true"], interval: 1s}
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a directory with the stack `snare`."""
    folder = tmp_path / "snare"
    (folder / "data/inner").mkdir(parents=True)
    (folder / "stack.yml").write_text(MANIFEST, encoding="utf-8")
    (folder / "compose.yml").write_text(COMPOSE, encoding="utf-8")
    (folder / ".env.example").write_text("", encoding="utf-8")
    (folder / "data/inner/vsa-test.service").write_text("[Unit]\nDescription=by a link\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def up(proxy_vps: rig.Vps, playbook: Run, source: Path) -> Iterator[Callable[[], subprocess.CompletedProcess[str]]]:
    """Bring the stack up; at the end, take it down and remove its folder."""

    def run() -> subprocess.CompletedProcess[str]:
        given = {"stack_name": "snare", "stack_source": str(source)}
        return playbook("flowbiz.vsa.stack.up", given, words=["-v"])

    yield run
    playbook("flowbiz.vsa.stack.down", {"stack_name": "snare", "yes": True})
    proxy_vps.run(f"rm -rf {FOLDER} /var/lib/vsa/stacks/snare {VICTIM}/vsa-test.service")


def inside(vps: rig.Vps, script: str) -> None:
    vps.run(["docker", "exec", "-u", "0", "snare-web", "sh", "-c", script])


def test_root_follows_no_link_that_a_container_made(
    proxy_vps: rig.Vps, up: Callable[[], subprocess.CompletedProcess[str]], source: Path
) -> None:
    first = up()
    assert first.returncode == 0, first.stdout
    seen = f"stat -c '%u:%g %a' {VICTIM}; ls {VICTIM}; stat -c '%u:%g %a' /etc"
    before = proxy_vps.run(seen).stdout
    inside(proxy_vps, f"rm -r /data/inner && ln -s {VICTIM} /data/inner")
    (source / "snare/data/inner/vsa-test.service").write_text("[Unit]\nDescription=changed\n", encoding="utf-8")
    done = up()
    assert proxy_vps.run(seen).stdout == before, "a container wrote to the host"
    assert '"vsa_exit": 3' in done.stdout, done.stdout
    assert f"{FOLDER}/data/inner is a link" in done.stdout

    inside(
        proxy_vps, "rm /data/inner && ln -s /etc /data/other && mkdir /data/inner && ln -s /etc/hostname /data/inner/a"
    )
    assert up().returncode == 0
    assert proxy_vps.run(seen).stdout == before


def test_what_compose_runs_is_what_was_judged(
    proxy_vps: rig.Vps, up: Callable[[], subprocess.CompletedProcess[str]]
) -> None:
    assert up().returncode == 0
    label = '{{index .Config.Labels "com.docker.compose.project.config_files"}}'
    assert proxy_vps.run(["docker", "inspect", "-f", label, "snare-web"]).stdout.strip() == f"{STATE}/compose.yml"
    assert proxy_vps.run(f"stat -c '%U %a' {STATE} {STATE}/compose.yml {STATE}/.env").stdout.split("\n")[:3] == [
        "root 700",
        "root 600",
        "root 600",
    ]
    # Whatever somebody adds beside the stack's own files, Compose would have merged it.
    override = "services: {web: {privileged: true}}"
    proxy_vps.run(f"echo '{override}' >{FOLDER}/compose.override.yml; docker rm -f snare-web")
    done = up()
    assert done.returncode == 0, done.stdout
    assert proxy_vps.run("docker inspect -f '{{.HostConfig.Privileged}}' snare-web").stdout.strip() == "false"
    assert "compose.override.yml in the folder is not run" in done.stdout


@pytest.mark.long
def test_a_stack_of_an_earlier_release_moves(
    proxy_vps: rig.Vps, up: Callable[[], subprocess.CompletedProcess[str]], playbook: Run
) -> None:
    assert up().returncode == 0
    started = proxy_vps.run("docker inspect -f '{{.Id}} {{.State.StartedAt}}' snare-web").stdout
    move = f"mkdir -m 700 {FOLDER}/.vsa && cd {STATE} && mv stack.json good.json {FOLDER}/.vsa/ && rm -r {STATE}"
    proxy_vps.run(move)
    listed = playbook("flowbiz.vsa.stack.list", words=["-v"])
    assert "snare" in listed.stdout
    done = up()
    assert done.returncode == 0, done.stdout
    assert proxy_vps.run(f"test -e {FOLDER}/.vsa", check=False).returncode == 1
    assert proxy_vps.run(f"ls {STATE}").stdout.split() == [
        "compose.yml",
        "good.json",
        "stack.json",
        "stack.yml",
        "version.json",
    ]
    assert proxy_vps.run("docker inspect -f '{{.Id}} {{.State.StartedAt}}' snare-web").stdout == started
    again = up()
    assert "changed=0" in again.stdout, again.stdout


# -- a link in the place of what Docker looks for at the start ---------------------------------------------------------

# Exchanges the data folder for a link to / as soon as the container is told to stop: after the new version was judged.
_TRAP = "trap 'mv /app/data /app/was; ln -s / /app/data; exit 0' TERM; while :; do sleep 0.2; done"
_WIDE = {**SERVICE, "user": "0", "init": False, "volumes": [".:/app"], "entrypoint": ["sh", "-c", _TRAP]}
_NARROW = {**SERVICE, "user": "0", "volumes": ["./data:/data"]}
_DATA = {"directories": [{"path": "data", "owner": 0, "group": 0, "mode": "0755"}]}


def test_a_container_that_is_told_to_stop_leads_no_mount_of_the_next_one_elsewhere(stacks: Stacks) -> None:
    stacks.write("trap", {"services": {"web": _WIDE}}, tenant="acme", **_DATA)
    assert stacks.up("trap").returncode == 0
    stacks.write("trap", {"services": {"web": _NARROW}}, tenant="acme", **_DATA)
    done = stacks.up("trap")
    assert stacks.vps.run("docker exec acme-trap-web-1 test -e /data/etc/vsa", check=False).returncode == 1
    assert '"vsa_exit": 3' in done.stdout, done.stdout
    assert "bind-nested: the container acme-trap-web-1 mounts /srv/acme/trap and can replace" in done.stdout
    # Without the container there is nobody left who could.
    stacks.vps.run("docker kill acme-trap-web-1 && docker rm acme-trap-web-1")
    assert stacks.up("trap").returncode == 0
    # The other direction: this version comes back if the next one fails, so the next one must not reach its mount.
    stacks.write("trap", {"services": {"web": _WIDE}}, tenant="acme", **_DATA)
    done = stacks.up("trap")
    assert '"vsa_exit": 3' in done.stdout, done.stdout
    assert "which the last good version mounts" in done.stdout


def test_a_container_leads_no_secret_of_its_stack_to_a_file_of_the_host(stacks: Stacks) -> None:
    secret = {"secrets": {"token": {"file": "./data/token"}}}
    compose = {"services": {"web": {**_NARROW, "secrets": ["token"]}}, **secret}
    stacks.write("leak", compose, tenant="acme", files={"data/token": "t"})
    done = stacks.up("leak")
    assert '"vsa_exit": 3' in done.stdout, done.stdout
    assert "lets a container replace /srv/acme/leak/data/token by a link" in done.stdout


# -- purging -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def host(proxy_vps: rig.Vps) -> Iterator[ProxyHost]:
    """A host with a site whose container has a directory of its own."""
    made = ProxyHost(proxy_vps)
    made.run("sh", "-c", f"mkdir -p {PRECIOUS} && echo precious >{PRECIOUS}/file")
    words = ("--network", "flowbiz_ext", "-v", f"{PRECIOUS}:/data", "vsa-demo-web:1")
    made.run("docker", "run", "-d", "--name", "snare-1", *words)
    assert made.provision(SITE, "snare-1")["proven"]
    yield made
    made.run("sh", "-c", "docker rm -f snare-1 snare-2 2>/dev/null; docker volume rm snare_all 2>/dev/null; true")
    made.unprovision(SITE)
    made.run("sh", "-c", "rm -rf /srv/leaver /srv/beta /var/lib/vsa/stacks/beta")


ALIASES = {
    "a link": "mkdir -p /srv/beta && ln -s /srv/leaver/shop /srv/beta/shop && "
    "docker create --name snare-2 -v /srv/beta/shop/data:/data vsa-demo-web:1",
    "a volume": f"docker volume create -o type=none -o o=bind -o device={PRECIOUS} snare_all && "
    "docker create --name snare-2 -v snare_all:/data vsa-demo-web:1",
    "a volume without a container": f"docker volume create -o type=none -o o=bind -o device={PRECIOUS} snare_all",
    "a bind mount": f"mkdir -p /srv/beta/data && mount --bind {PRECIOUS} /srv/beta/data && "
    "docker run -d --name snare-2 -v /srv/beta/data:/data vsa-demo-web:1",
    "a stack that is down": "mkdir -p /var/lib/vsa/stacks/beta/files && cd /var/lib/vsa/stacks/beta/files && "
    'echo \'{"schema": 1}\' >stack.json && echo \'{"schema": 1, "env": "", "files": {"compose.yml": '
    f'"services: {{web: {{volumes: [\\"{PRECIOUS}:/data\\"]}}}}"}}}}\' >version.json',
}


@pytest.mark.parametrize("alias", ALIASES)
def test_a_purge_keeps_what_others_use_under_another_name(host: ProxyHost, alias: str) -> None:
    host.run("sh", "-c", ALIASES[alias])
    try:
        result = host.unprovision(SITE, purge=True)
        assert host.run("cat", f"{PRECIOUS}/file") == "precious\n"
        notes = next(step for step in result["steps"] if step["name"] == "data")["notes"]
        assert any(note.startswith(f"{PRECIOUS} stays: ") for note in notes), notes
    finally:
        host.run("sh", "-c", "umount /srv/beta/data 2>/dev/null; true")


def test_a_purge_says_sizes_and_leaves_no_trash(host: ProxyHost) -> None:
    host.run("sh", "-c", f"head -c 3000000 /dev/zero >{PRECIOUS}/large")
    checked = host.unprovision(SITE, purge=True, check=True)
    assert f"{PRECIOUS} (3.0 MB) would be lost" in [step["text"] for step in checked["steps"]]
    assert host.unprovision(SITE, purge=True)["changed"]
    assert host.run("sh", "-c", "ls -A /srv").split() == ["hello", "platform"] or "leaver" not in host.run("ls", "/srv")
    assert ".vsa-trash" not in host.run("find", "/srv", "-maxdepth", "3", "-name", ".vsa-trash")


# Exchanges the app's folder for a link again and again, as the owner of /srv/leaver can.
_SWAP = """
import ctypes, os, time
libc = ctypes.CDLL(None, use_errno=True)
end = time.monotonic() + 30
while time.monotonic() < end and os.path.lexists("/srv/leaver/other"):
    libc.renameat2(-100, b"/srv/leaver/shop", -100, b"/srv/leaver/other", 2)
"""


@pytest.mark.long
def test_an_owner_who_exchanges_folders_loses_only_his_own(host: ProxyHost) -> None:
    """The link leads to a directory of the host with the same names below it: eight times nothing of it goes."""
    precious = "/etc/vsa-precious"
    host.run("sh", "-c", f"mkdir -p {precious}/data && seq 500 | xargs -I@ touch {precious}/data/@")
    try:
        for _time in range(8):
            host.run("sh", "-c", f"mkdir -p {PRECIOUS} && seq 500 | xargs -I@ touch {PRECIOUS}/@")
            if not host.run("docker", "ps", "-q", "-f", "name=snare-1"):
                words = ("--network", "flowbiz_ext", "-v", f"{PRECIOUS}:/data", "vsa-demo-web:1")
                host.run("docker", "run", "-d", "--name", "snare-1", *words)
                host.provision(SITE, "snare-1")
            host.run("ln", "-sfn", precious, "/srv/leaver/other")
            host.run("sh", "-c", f"python3 -c '{_SWAP}' >/dev/null 2>&1 &")
            host.unprovision(SITE, purge=True)
            host.run("rm", "-f", "/srv/leaver/other", check=False)
            assert host.run("sh", "-c", f"ls {precious}/data | wc -l").strip() == "500"
            # The program may be in the middle of an exchange still.
            host.wait_until("! pgrep -f '[r]enameat2' >/dev/null", seconds=60)
            host.run("rm", "-rf", "/srv/leaver")
    finally:
        host.run("rm", "-rf", precious)
