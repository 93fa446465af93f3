# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hundred reloads of 1,000 TLS sites, under load and with open streams: no request fails, and memory is bounded."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

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
# Measures the memory of the container ten times a second until standard input ends. Counts as `docker stats` does:
# without the file cache, which the kernel frees first. Prints the largest value in MiB.
_PEAK = r"""
import pathlib, sys, threading, time
pid = sys.argv[1]
groups = [line.split(":", 2)[1:] for line in pathlib.Path("/proc", pid, "cgroup").read_text().splitlines()]
old = [pathlib.Path("/sys/fs/cgroup/memory" + path) for kinds, path in groups if "memory" in kinds.split(",")]
group = old[0] if old else pathlib.Path("/sys/fs/cgroup" + groups[-1][1])
usage, field = ("memory.usage_in_bytes", "total_inactive_file") if old else ("memory.current", "inactive_file")
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
peak = 0
while not ended.wait(0.1):
    stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    peak = max(peak, int((group / usage).read_text()) - int(stat[field]))
print(peak >> 20)
"""
# A stream of two minutes. Several start at once, so that each worker has a stream and the whole set stays alive.
_HELD = f"curl -skN --max-time 120 --resolve {STREAMING}:443:127.0.0.1 'https://{STREAMING}/stream?count=1200&ms=100'"
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


@contextmanager
def needing(host: ProxyHost) -> Iterator[list[int]]:
    """Watch the memory of the proxy's container during the block. Afterwards the list has the peak."""
    seen: list[int] = []
    master = host.run("docker", "inspect", "-f", "{{.State.Pid}}", "vsa-nginx").strip()
    argv = ["docker", "exec", "-i", host.vps.name, "python3", "-c", _PEAK, master]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as watch:
        try:
            yield seen
        finally:
            output, _errors = watch.communicate(timeout=60)
            seen.append(int(output))


def test_a_hundred_reloads_lose_no_request_and_keep_memory_bounded(host: ProxyHost) -> None:
    workers = int(host.run("sh", "-c", _SETS))
    limit = int(host.run("docker", "inspect", "-f", "{{.HostConfig.Memory}}", "vsa-nginx")) >> 20
    rest, most, sets = int(host.run("sh", "-c", _PSS)), 0, 0
    # The program ends by itself if this test is killed.
    argv = ["wrk", "-t1", "-c16", "-d900s", "--timeout", "30s", f"https://{LOADED}/"]
    with (
        needing(host) as peak,
        subprocess.Popen(["docker", "exec", host.vps.name, *argv], stdout=subprocess.PIPE, text=True) as wrk,
    ):
        try:
            for number in range(RELOADS):
                host.run("sh", "-c", f"for _ in 1 2 3 4 5 6; do {_HELD} >/dev/null 2>&1 & done")
                assert host.drive(domain=CHANGED, said={"rate_limit": f"{number + 5}r/s"})["proven"]
                sets = max(sets, int(host.run("sh", "-c", _SETS)) // workers)
                most = max(most, int(host.run("sh", "-c", _PSS)))
        finally:
            host.run("pkill", "-INT", "-x", "wrk", check=False)
            output, _errors = wrk.communicate(timeout=60)
    print(f"PSS {rest} MiB at rest, {most} at most later, peak {peak[0]} of {limit} MiB; {output}")
    assert sets == 3, "the streams held two sets of workers beside the present one, and no third"
    assert "Non-2xx" not in output
    assert "Socket errors" not in output
    found = re.search(r"(\d+) requests in", output)
    assert found
    assert int(found[1]) > 10 * RELOADS
    # Three sets of workers and the new configuration: well below the container's limit.
    assert most < 5 * rest
    assert peak[0] < 0.8 * limit
