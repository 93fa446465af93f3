# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hundred reloads of 1,000 TLS sites, under load and with streams held: no request fails, memory stays bounded."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest

import rig
from fleet import Fleet, domain_of
from proxyhost import ProxyHost

pytestmark = pytest.mark.long
RELOADS = 100
LOADED, STREAMING, CHANGED = (domain_of(number) for number in (1, 2, 3))
_PSS = (
    "master=$(docker inspect -f '{{.State.Pid}}' vsa-nginx); for pid in $master $(ps -o pid= --ppid $master); do "
    "awk '/^Pss:/ {print $2}' /proc/$pid/smaps_rollup; done 2>/dev/null | awk '{sum += $1} END {print int(sum / 1024)}'"
)
_SETS = "ps -o cmd= --ppid $(docker inspect -f '{{.State.Pid}}' vsa-nginx) | grep -c 'worker process'"


@pytest.fixture(scope="module")
def host(proxy_vps: rig.Vps) -> Iterator[ProxyHost]:
    """A proxy with 1,000 sites, and wrk beside it."""
    host = ProxyHost(proxy_vps)
    host.run("sh", "-c", "command -v wrk || apt-get install -y -qq wrk", timeout=300)
    host.run("sh", "-c", f"grep -q {LOADED} /etc/hosts || echo 127.0.0.1 {LOADED} >> /etc/hosts")
    for name in ("web-1", "web-2"):
        host.restart_web(name)
    fleet = Fleet(proxy_vps)
    fleet.lay()
    assert host.drive(sync=True)["proven"]
    yield host
    fleet.clear()
    host.drive(sync=True)
    host.run("sh", "-c", f"grep -v {LOADED} /etc/hosts > /tmp/hosts; cat /tmp/hosts > /etc/hosts")


def test_a_hundred_reloads_lose_no_request_and_keep_memory_bounded(host: ProxyHost) -> None:
    workers, limit = int(host.run("sh", "-c", _SETS)), 1024
    rest, most = int(host.run("sh", "-c", _PSS)), 0
    # It ends by itself should this test be killed.
    argv = ["wrk", "-t1", "-c16", "-d900s", "--timeout", "30s", f"https://{LOADED}/"]
    with subprocess.Popen(["docker", "exec", host.vps.name, *argv], stdout=subprocess.PIPE, text=True) as wrk:
        try:
            for number in range(RELOADS):
                if number % 5 == 0:
                    held = f"curl -skN --max-time 60 --resolve {STREAMING}:443:127.0.0.1 https://{STREAMING}/stream"
                    host.run("sh", "-c", f"{held} >/dev/null 2>&1 &")
                assert host.drive(domain=CHANGED, said={"rate_limit": f"{number + 5}r/s"})["proven"]
                assert int(host.run("sh", "-c", _SETS)) <= 3 * workers
                most = max(most, int(host.run("sh", "-c", _PSS)))
        finally:
            host.run("pkill", "-INT", "-x", "wrk", check=False)
            output, _errors = wrk.communicate(timeout=60)
    print(f"memory: {rest} MiB at rest, {most} at most; {output}")
    assert "Non-2xx" not in output
    assert "Socket errors" not in output
    found = re.search(r"(\d+) requests in", output)
    assert found
    assert int(found[1]) > 10 * RELOADS
    # Three sets of workers and the configuration under way, within the container's limit.
    assert most < min(limit, 5 * rest)
