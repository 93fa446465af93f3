# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tenants of one host: no connection between them, no content under another tenant's name, and many tenants."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import rig
from proxyhost import ProxyHost

OVERRIDE = "/srv/platform/reverse-proxy/compose.override.yml"

# Requests two sites in turn, on a new connection each time, and counts by site who answered, until standard input ends.
_ASKING = r"""
import collections, http.client, json, socket, ssl, sys, threading
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
stop = threading.Event()
counts = {domain: collections.Counter() for domain in sys.argv[1:]}
def ask(domain):
    total = 0
    while not stop.is_set() and total < 50000:
        total += 1
        try:
            connection = http.client.HTTPSConnection(domain, timeout=5)
            plain = socket.create_connection(("127.0.0.1", 443), 5)
            connection.sock = context.wrap_socket(plain, server_hostname=domain)
            connection.request("GET", "/", headers={"Connection": "close"})
            answer = connection.getresponse(); body = answer.read()
            counts[domain][json.loads(body)["app"] if answer.status == 200 else str(answer.status)] += 1
        except Exception as error:
            counts[domain][type(error).__name__] += 1
            stop.wait(0.01)
threads = [threading.Thread(target=ask, args=(domain,)) for domain in counts]
for thread in threads: thread.start()
print("started", flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
for thread in threads: thread.join()
print(json.dumps(counts))
"""

# Tries to open a TCP connection to each address or name, and prints the ones that could be opened.
_CONNECTING = r"""
import concurrent.futures, json, socket, sys
def can(target):
    try: socket.create_connection((target, 3000), 3).close()
    except OSError: return False
    return True
with concurrent.futures.ThreadPoolExecutor(16) as pool:
    print(json.dumps([target for target, open_ in zip(sys.argv[1:], pool.map(can, sys.argv[1:])) if open_]))
"""


@pytest.fixture(scope="module")
def host(proxy_vps: rig.Vps) -> Iterator[ProxyHost]:
    """A proxy without tenants."""
    host = ProxyHost(proxy_vps)
    yield host
    host.run("sh", "-c", "docker rm -f $(docker ps -aq --filter label=tenant-test) 2>/dev/null; true")
    for name in host.run("ls", "/etc/vsa/sites").split():
        if ".tenants.vsa.test" in name:
            host.unprovision(name.removesuffix(".yml"))
    host.run("sh", "-c", "docker network ls --format '{{.Name}}' | grep ^own- | xargs -r docker network rm")


def start(host: ProxyHost, name: str, *words: str) -> None:
    host.run("docker", "rm", "-f", name, check=False)
    host.run(
        "docker",
        "run",
        "-d",
        "--name",
        name,
        "--label",
        "tenant-test",
        *words,
        "-e",
        f"APP_NAME={name}",
        "vsa-demo-web:1",
    )


def make(host: ProxyHost, tenant: str) -> str:
    """Make a tenant with a container, a network of its app, and a site. VSA joins the container. Returns the domain."""
    domain = f"{tenant}.tenants.vsa.test"
    host.run("docker", "network", "create", f"own-{tenant}", check=False)
    start(host, f"{tenant}-web", "--network", f"own-{tenant}")
    assert host.provision(domain, f"{tenant}-web", said={"tenant": tenant})["proven"]
    host.wait_for(domain, f'"app": "{tenant}-web"', seconds=15)
    return domain


def ends(host: ProxyHost, name: str) -> dict[str, Any]:
    return dict(json.loads(host.run("docker", "inspect", "-f", "{{json .NetworkSettings.Networks}}", name)))


def networks(host: ProxyHost) -> set[str]:
    return {name for name in host.run("docker", "network", "ls", "--format", "{{.Name}}").split() if "flowbiz" in name}


def can_open(host: ProxyHost, container: str, targets: list[str]) -> list[str]:
    return list(json.loads(host.run("docker", "exec", container, "python3", "-c", _CONNECTING, *targets)))


@contextmanager
def asking(host: ProxyHost, *domains: str) -> Iterator[dict[str, dict[str, int]]]:
    """Request the sites without pause during the block. Afterwards the mapping has, by site, who answered how often."""
    seen: dict[str, dict[str, int]] = {}
    words = ["docker", "exec", "-i", host.vps.name, "python3", "-c", _ASKING, *domains]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "started"
        try:
            yield seen
        finally:
            output, _errors = process.communicate(timeout=60)
            seen.update(json.loads(output.splitlines()[-1]))


def test_a_tenant_can_open_no_connection_to_another(host: ProxyHost) -> None:
    """P15: no isolation between tenants. Tries addresses, IPv4 and IPv6, and every name that exists."""
    for tenant in ("ann", "bob"):
        make(host, tenant)
    edge = ends(host, "bob-web")["flowbiz_ext_bob"]
    names = ["bob-web", "bob-web.flowbiz_ext_bob", host.run("docker", "inspect", "-f", "{{.Id}}", "bob-web")[:12]]
    targets = [edge["IPAddress"], edge["GlobalIPv6Address"], *names]
    assert all(targets)
    assert can_open(host, "ann-web", targets) == []
    # The counter-check: the addresses are right, and another container of the same tenant can connect.
    start(host, "bob-2", "--network", "flowbiz_ext_bob")
    assert can_open(host, "bob-2", targets) == targets
    # The addresses of the host and of the proxy on the other tenant's network do not lead there either.
    proxy = ends(host, "vsa-nginx")["flowbiz_ext_bob"]
    assert can_open(host, "ann-web", [edge["Gateway"], proxy["IPAddress"], proxy["GlobalIPv6Address"]]) == []
    host.run("docker", "rm", "-f", "bob-2")
    for tenant in ("ann", "bob"):
        result = host.unprovision(f"{tenant}.tenants.vsa.test")
        assert f"network flowbiz_ext_{tenant}" in result["removed"]
    assert not {"flowbiz_ext_ann", "flowbiz_ext_bob"} & networks(host)


def test_two_tenants_swap_addresses_and_neither_shows_the_others_body(host: ProxyHost) -> None:
    """P3: a stale address shows another tenant's content. Under load, the two containers swap their addresses.

    Both sites go, and come back with each other's range of addresses, as Docker may hand it out once it is free.
    """
    tenants = ["ann", "bob"]
    domains = [make(host, tenant) for tenant in tenants]
    ranges = "{{range .IPAM.Config}}{{.Subnet}} {{end}}"

    def addresses() -> list[str]:
        return [ends(host, f"{tenant}-web")[f"flowbiz_ext_{tenant}"]["IPAddress"] for tenant in tenants]

    with asking(host, *domains) as seen:
        for _round in range(3):
            before = addresses()
            subnets = [host.run("docker", "network", "inspect", "-f", ranges, f"flowbiz_ext_{t}") for t in tenants]
            for domain in domains:
                assert host.unprovision(domain)["changed"]
            for tenant, subnet in zip(tenants, reversed(subnets), strict=True):
                words = ("--label", "vsa.edge=1", "--ipv6", *(f"--subnet={part}" for part in subnet.split()))
                host.run("docker", "network", "create", *words, f"flowbiz_ext_{tenant}")
            for tenant in tenants:
                make(host, tenant)
            assert addresses() == before[::-1]
            # Both containers restart at once, in the other order.
            host.run("docker", "stop", "-t", "1", *(f"{tenant}-web" for tenant in tenants))
            host.run("docker", "start", *(f"{tenant}-web" for tenant in reversed(tenants)))
    for tenant, other in (("ann", "bob"), ("bob", "ann")):
        answers = seen[f"{tenant}.tenants.vsa.test"]
        assert answers.get(f"{other}-web", 0) == 0, seen
        assert answers[f"{tenant}-web"] > 20, seen
    for domain in domains:
        host.unprovision(domain)


def test_a_network_is_left_with_the_last_site_by_whichever_verb(host: ProxyHost) -> None:
    domain = make(host, "cid")
    assert "flowbiz_ext_cid" in host.run("cat", OVERRIDE)
    # The manifest is removed by hand, and the host is synchronised. The container still exists.
    host.run("rm", f"/etc/vsa/sites/{domain}.yml")
    notes = host.drive(sync=True)["notes"]
    assert "cid-web left flowbiz_ext_cid" in notes
    assert "flowbiz_ext_cid" not in ends(host, "vsa-nginx")
    assert "flowbiz_ext_cid" not in host.run("cat", OVERRIDE, check=False)
    # A rollback restores the site, the network, and the proxy's connection to the network.
    assert host.drive("rollback")["proven"]
    host.wait_for(domain, '"app": "cid-web"', seconds=15)
    result = host.unprovision(domain)
    assert "network flowbiz_ext_cid" in result["removed"]
    # The same after the network was removed: the container is a new one, and VSA joins it again.
    start(host, "cid-web", "--network", "own-cid")
    host.certificate(domain)
    assert host.drive("rollback")["proven"]
    host.wait_for(domain, '"app": "cid-web"', seconds=15)
    host.unprovision(domain)


def test_a_site_that_moves_to_a_tenant_takes_its_container_along(host: ProxyHost) -> None:
    """P15: a container that stays on the common network can still be reached from there."""
    host.run("docker", "network", "create", "own-eve")
    start(host, "eve-web", "--network", "own-eve")
    domain = "eve.tenants.vsa.test"
    assert host.provision(domain, "eve-web")["proven"]
    assert set(ends(host, "eve-web")) == {"own-eve", "flowbiz_ext"}
    assert "eve-web left flowbiz_ext" in host.provision(domain, "eve-web", said={"tenant": "eve"})["notes"]
    assert set(ends(host, "eve-web")) == {"own-eve", "flowbiz_ext_eve"}
    host.wait_for(domain, '"app": "eve-web"', seconds=15)
    assert host.unprovision(domain)["changed"]
    assert "flowbiz_ext_eve" not in networks(host)


def test_finding_10_a_container_serves_one_tenant_and_leaves_what_vsa_joined(host: ProxyHost) -> None:
    host.run("docker", "network", "create", "own-fay")
    start(host, "fay-web", "--network", "own-fay")
    assert host.provision("fay.tenants.vsa.test", "fay-web", said={"tenant": "fay"})["proven"]
    for said in ({"tenant": "gus"}, {}):
        refused = host.provision("gus.tenants.vsa.test", "fay-web", said=said)
        assert refused["error"] == "RefusedError", refused
        assert "also serves fay.tenants.vsa.test (tenant fay)" in str(refused)
    assert set(ends(host, "fay-web")) == {"own-fay", "flowbiz_ext_fay"}
    assert host.remove("fay.tenants.vsa.test")["proven"]
    assert set(ends(host, "fay-web")) == {"own-fay"}
    assert not {"flowbiz_ext_fay", "flowbiz_ext_gus"} & networks(host)
    host.unprovision("fay.tenants.vsa.test")


def test_a_network_that_somebody_else_made_stays(host: ProxyHost) -> None:
    host.run("docker", "network", "create", "flowbiz_ext_dan")
    domain = make(host, "dan")
    result = host.unprovision(domain)
    assert "network flowbiz_ext_dan stays: it was not VSA that made it" in next(
        step["notes"] for step in result["steps"] if step["name"] == "containers"
    )
    host.run("docker", "network", "rm", "flowbiz_ext_dan")


@pytest.mark.parametrize("count", [4, pytest.param(200, marks=pytest.mark.long)])
def test_many_tenants_and_the_proxy_is_recreated(host: ProxyHost, count: int) -> None:
    """Each tenant has a network, a container and a site. All sites are served, also after the proxy was recreated."""
    tenants = [f"many-{number}" for number in range(count)]
    script = (
        "for t in $@; do d=$t.tenants.vsa.test; printf '{schema: 1, domain: %s, tenant: %s, ca: selfsigned, routes: "
    )
    script += "[{path: /, container: %s, port: 3000}]}\\n' $d $t $t-web >/etc/vsa/sites/$d.yml; done"
    host.run("sh", "-c", script, "-", *tenants)
    for tenant in tenants:
        host.certificate(f"{tenant}.tenants.vsa.test")
    started = time.monotonic()
    assert host.drive(sync=True)["proven"]
    synced = time.monotonic() - started
    assert len(networks(host)) >= count + 1
    run = "docker run -d --no-healthcheck --name $t-web --label tenant-test --network flowbiz_ext_$t -e APP_NAME=$t-web"
    host.run("sh", "-c", f"for t in $@; do {run} vsa-demo-web:1 >/dev/null; done", "-", *tenants, timeout=900)

    def all_serve() -> None:
        deadline = time.monotonic() + 60
        left = list(tenants)
        while left and time.monotonic() < deadline:
            left = [t for t in left if f'"app": "{t}-web"' not in host.get(f"{t}.tenants.vsa.test")[1]]
        assert left == []

    all_serve()
    started = time.monotonic()
    compose = "cd /srv/platform/reverse-proxy && docker compose up -d --force-recreate --wait nginx 2>&1"
    host.run("sh", "-c", compose, timeout=600)
    recreated = time.monotonic() - started
    all_serve()
    assert set(ends(host, "vsa-nginx")) >= {f"flowbiz_ext_{tenant}" for tenant in tenants}
    print(f"{count} tenants: sync {synced:.1f} s, the proxy recreated in {recreated:.1f} s")
    host.run("sh", "-c", "docker rm -f $(docker ps -aq --filter label=tenant-test) >/dev/null", timeout=600)
    host.run("sh", "-c", "rm /etc/vsa/sites/many-*.yml")
    assert host.drive(sync=True)["changed"]
    assert not [name for name in networks(host) if "many" in name]
    places = ("data/selfsigned/many-*", "data/selfsigned/.pairs/many-*", "logs/nginx/many-*")
    host.run("sh", "-c", f"cd /srv/platform/reverse-proxy && rm -rf {' '.join(places)}")
