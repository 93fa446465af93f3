# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults: a kill in the middle of a change with something else in between, a power cut, a lock that somebody holds.

What a clock that is set back does is tested in tests/unit/stacks/test_clock.py: the hosts of the rig share one clock.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator

import pytest

import rig
from often import rows
from proxyhost import ProxyHost

Run = Callable[..., subprocess.CompletedProcess[str]]
SITE, OTHER, NEIGHBOUR = "fault.vsa.test", "other-fault.vsa.test", "neighbour-fault.vsa.test"
TENANT = "flowbiz_ext_faulty"
SAID = {"tenant": "faulty"}


@pytest.fixture
def host(proxy_vps: rig.Vps) -> Iterator[ProxyHost]:
    """A host with a tenant's network, and a container that has to join it."""
    made = ProxyHost(proxy_vps)
    made.restart_web("web-2")
    made.restart_web("fault-2", network=TENANT)
    assert made.provision(NEIGHBOUR, "fault-2", said=SAID)["proven"]
    made.restart_web("fault-1", network="apart")
    yield made
    made.run("sh", "-c", "docker rm -f fault-1 fault-2 fault-old 2>/dev/null; true")
    for domain in (SITE, OTHER, NEIGHBOUR):
        made.unprovision(domain, keep_container=True)
    made.run("sh", "-c", "docker network rm apart elsewhere 2>/dev/null; true")


def restart_docker(host: ProxyHost) -> None:
    host.run("systemctl", "restart", "docker", timeout=180)
    host.wait_until("docker exec vsa-nginx true 2>/dev/null", seconds=90)
    host.wait_for(NEIGHBOUR, seconds=90)


MEANWHILE: dict[str, Callable[[ProxyHost], object]] = {
    "nothing": lambda host: None,
    "missing": lambda host: host.run("docker", "rm", "-f", "fault-1"),
    "on another network": lambda host: host.restart_web("fault-1", network="elsewhere"),
    "renamed": lambda host: host.run("docker", "rename", "fault-1", "fault-old"),
    "Docker restarted": restart_docker,
}


@pytest.mark.parametrize("happens", rows(MEANWHILE, often=("missing",)))
@pytest.mark.parametrize("step", rows(("effects", "switch", "prove"), often=("switch",)))
def test_a_kill_never_blocks_the_host(host: ProxyHost, step: str, happens: str) -> None:
    assert host.provision(SITE, "fault-1", said=SAID, kill=step) == {"killed": True}
    MEANWHILE[happens](host)
    result = host.provision(OTHER, "web-2")
    assert result.get("proven"), result
    host.wait_for(NEIGHBOUR, "fault-2")
    host.wait_for(OTHER, "web-2")
    assert host.served() == host.live()
    assert host.run("sh", "-c", "ls /srv/platform/reverse-proxy/data/nginx").split().count("journal.json") == 0


# -- a power cut while the proxy is recreated --------------------------------------------------------------------------

# What Compose does when it recreates a container, up to a point; then the power goes.
RECREATED = {
    "the old one stopped": "docker stop vsa-nginx",
    "the old one renamed": "docker stop vsa-nginx && docker rename vsa-nginx 0123456789ab_vsa-nginx",
    "the old one gone": "docker rm -f vsa-nginx",
}


@pytest.mark.parametrize(
    "point", ["the old one gone", *(pytest.param(point, marks=pytest.mark.long) for point in list(RECREATED)[:2])]
)
def test_after_a_power_cut_while_the_proxy_is_recreated_it_serves(host: ProxyHost, point: str) -> None:
    host.run("sh", "-c", RECREATED[point])
    host.vps.power_cut()
    host.wait_until("docker exec vsa-nginx true 2>/dev/null", seconds=120)
    host.wait_for(NEIGHBOUR, seconds=90)
    assert host.served() == host.live()
    assert host.run("sh", "-c", "docker ps -a --format '{{.Names}}' | grep -c vsa-nginx").strip() == "1"


def test_after_a_power_cut_a_version_that_was_never_proven_is_not_started(host: ProxyHost, playbook: Run) -> None:
    state = "/var/lib/vsa/stacks/platform/reverse-proxy"
    folder = "/srv/platform/reverse-proxy"
    spoil = f"sed -i 's/^exec .*/exit 1/' {folder}/bin/nginx.sh && sed -i 's/exec .*exit 1/&/' {state}/version.json"
    host.run("sh", "-c", f"docker rm -f vsa-nginx && {spoil}")
    host.vps.power_cut()
    host.wait_for(NEIGHBOUR, seconds=120)
    assert playbook("flowbiz.vsa.stack.up", {"stack_name": "reverse-proxy"}).returncode == 0


@pytest.mark.long
def test_what_was_taken_down_stays_down_after_a_boot(host: ProxyHost, playbook: Run) -> None:
    assert playbook("flowbiz.vsa.stack.down", {"stack_name": "reverse-proxy", "yes": True}).returncode == 0
    host.vps.reboot()
    host.wait_until("systemctl is-active docker", seconds=90)
    host.run("systemctl", "start", "vsa-boot", timeout=200)
    assert host.run("docker", "ps", "-q", "-f", "name=vsa-nginx") == ""
    assert playbook("flowbiz.vsa.stack.up", {"stack_name": "reverse-proxy"}).returncode == 0
    host.wait_for(NEIGHBOUR, seconds=60)


# -- a lock that somebody holds ----------------------------------------------------------------------------------------


@pytest.mark.long
def test_a_removal_waits_for_certbot_and_blocks_nobody(host: ProxyHost) -> None:
    assert host.provision(SITE, "fault-1", said=SAID)["proven"]
    lock = "/srv/platform/reverse-proxy/data/letsencrypt/vsa-certbot.lock"
    with subprocess.Popen(["docker", "exec", host.vps.name, "flock", lock, "sleep", "25"]) as certbot:
        host.run("sleep", "1")
        command = ["docker", "exec", "-i", host.vps.name, *host.driver]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as removal:
            assert removal.stdin is not None
            removal.stdin.write(host.wanted("unprovision", domain=SITE, options={}, check=False, kill=None).encode())
            removal.stdin.close()
            host.wait_until("! docker inspect fault-1 >/dev/null 2>&1", seconds=20)
            assert host.provision(OTHER, "web-2")["proven"], "the host's lock is free meanwhile"
            assert certbot.poll() is None, "certbot's lock is still held"
            assert removal.poll() is None
            assert removal.wait(timeout=60) == 0
        certbot.wait(timeout=60)
    assert SITE not in host.run("ls", "/srv/platform/reverse-proxy/data/selfsigned").split()
