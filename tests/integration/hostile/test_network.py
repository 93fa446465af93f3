# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks from inside a tenant's container, as root there with Docker's default capabilities, on other tenants."""

from __future__ import annotations

import ipaddress
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import packets
import rig
from proxyhost import ProxyHost

TENANTS = ("ann", "bob")
#: A site without a tenant; its container is the attacker on the common network.
COMMON = "common.network.vsa.test"
STRICT = {
    "net/ipv4/conf/{}/forwarding": "0",
    "net/ipv4/conf/{}/rp_filter": "1",
    "net/ipv4/conf/{}/arp_ignore": "2",
    "net/ipv4/conf/{}/arp_announce": "2",
    "net/ipv4/conf/{}/arp_filter": "1",
    "net/ipv4/conf/{}/accept_redirects": "0",
    "net/ipv4/conf/{}/secure_redirects": "0",
    "net/ipv4/conf/{}/send_redirects": "0",
    "net/ipv4/conf/{}/accept_source_route": "0",
    "net/ipv4/conf/{}/drop_unicast_in_l2_multicast": "1",
    "net/ipv6/conf/{}/forwarding": "0",
    "net/ipv6/conf/{}/accept_ra": "0",
    "net/ipv6/conf/{}/autoconf": "0",
    "net/ipv6/conf/{}/accept_redirects": "0",
    "net/ipv6/conf/{}/accept_source_route": "0",
    "net/ipv6/conf/{}/drop_unicast_in_l2_multicast": "1",
}


def start(host: ProxyHost, name: str, *words: str) -> None:
    host.run("docker", "rm", "-f", name, check=False)
    host.run(
        "docker", "run", "-d", "--no-healthcheck", "--name", name, *words, "-e", f"APP_NAME={name}", "vsa-demo-web:1"
    )


def end(host: ProxyHost, container: str, network: str) -> dict[str, Any]:
    """Return the end of a container on a network: its addresses and its MAC."""
    text = host.run("docker", "inspect", "-f", f'{{{{json (index .NetworkSettings.Networks "{network}")}}}}', container)
    return dict(json.loads(text))


def outside(address: str) -> str:
    """Return the status that a client on another host gets from the common site."""
    shown = f"[{address}]" if ":" in address else address
    words = ["curl", "-sk", "-o", "/dev/null", "--max-time", "5", "-w", "%{http_code}"]
    words += ["--resolve", f"{COMMON}:443:{shown}", f"https://{COMMON}/"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


def link_local(mac: str) -> str:
    """Return the link-local address that the kernel makes of a MAC (EUI-64)."""
    raw = bytes.fromhex(mac.replace(":", ""))
    host = bytes([raw[0] ^ 2]) + raw[1:3] + b"\xff\xfe" + raw[3:]
    return str(ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + host))


def in_proxy(host: ProxyHost, path: str) -> str:
    """Return a file of /proc as the proxy's network namespace has it."""
    pid = host.run("docker", "inspect", "-f", "{{.State.Pid}}", "vsa-nginx").strip()
    return host.run("nsenter", "-t", pid, "-n", "cat", f"/proc/{path}")


@pytest.fixture(scope="module")
def host(proxy_vps: rig.Vps) -> Iterator[ProxyHost]:
    """Two tenants with a site each, and a site without a tenant."""
    host = ProxyHost(proxy_vps)
    host.restart_web("web-1")
    for tenant in TENANTS:
        host.run("docker", "network", "create", f"own-{tenant}", check=False)
        start(host, f"{tenant}-web", "--network", f"own-{tenant}")
        domain = f"{tenant}.network.vsa.test"
        host.provision(domain, f"{tenant}-web", said={"tenant": tenant})
        host.wait_for(domain, f'"app": "{tenant}-web"', seconds=15)
    start(host, "common-web", "--network", "flowbiz_ext")
    host.provision(COMMON, "common-web")
    host.wait_for(COMMON)
    yield host
    for domain in (*(f"{tenant}.network.vsa.test" for tenant in TENANTS), COMMON):
        host.unprovision(domain)
    host.run("docker", "rm", "-f", "common-web", *(f"{tenant}-web" for tenant in TENANTS), check=False)
    for tenant in TENANTS:
        host.run("docker", "network", "rm", f"own-{tenant}", check=False)


@pytest.mark.parametrize(("attacker", "network"), [("ann-web", "flowbiz_ext_ann"), ("common-web", "flowbiz_ext")])
def test_no_packet_reaches_another_tenant(host: ProxyHost, attacker: str, network: str) -> None:
    """Every mix of destination MAC, source address (own or forged), target and transport; answers count too."""
    own, proxy = end(host, attacker, network), end(host, "vsa-nginx", network)
    victim, far = end(host, "bob-web", "flowbiz_ext_bob"), end(host, "vsa-nginx", "flowbiz_ext_bob")
    gateway_mac = host.run("cat", f"/sys/class/net/{bridge(host, network)}/address").strip()
    victims = [victim["IPAddress"], victim["GlobalIPv6Address"]]
    frames = packets.every_packet(
        own_mac=own["MacAddress"],
        macs=[proxy["MacAddress"], gateway_mac, victim["MacAddress"], packets.BROADCAST, "33:33:00:00:00:01"],
        sources=[
            *(own["IPAddress"], own["GlobalIPv6Address"], far["IPAddress"], far["GlobalIPv6Address"]),
            *("203.0.113.7", "2001:db8::7"),
        ],
        targets=victims,
    )
    # What hides the victim's address from who looks at the destination alone.
    frames += packets.wrapped_packets(
        own_mac=own["MacAddress"],
        macs=[proxy["MacAddress"], gateway_mac, packets.BROADCAST],
        sources=[own["IPAddress"], own["GlobalIPv6Address"]],
        targets=victims,
        through=[proxy["IPAddress"], proxy["GlobalIPv6Address"], own["Gateway"], host.vps.ip, host.vps.ip6],
    )
    # The victim's address as the source: an answer of the proxy or of the host would go to the victim.
    frames += packets.every_packet(
        own_mac=own["MacAddress"],
        macs=[proxy["MacAddress"], gateway_mac, packets.BROADCAST, "33:33:00:00:00:01"],
        sources=victims,
        targets=[
            *(proxy["IPAddress"], proxy["GlobalIPv6Address"], far["IPAddress"], far["GlobalIPv6Address"]),
            *(own["Gateway"], own["IPv6Gateway"] or "2001:db8::7", host.vps.ip, host.vps.ip6),
        ],
    )
    with packets.capturing(host.vps.name, "bob-web") as seen:
        for _round in range(3):
            packets.send(host.vps.name, attacker, own["IPAddress"], frames)
        time.sleep(2)
    assert seen == []
    # The counter-check: the proxy's end on bob's network does reach the victim, so the capture works.
    with packets.capturing(host.vps.name, "bob-web") as seen:
        host.get("bob.network.vsa.test", f"/{packets.CANARY.decode()}")
        time.sleep(0.5)
    assert seen


def bridge(host: ProxyHost, network: str) -> str:
    """Return the name of a network's bridge on the host."""
    form = '{{.Id}} {{with index .Options "com.docker.network.bridge.name"}}{{.}}{{end}}'
    words = host.run("docker", "network", "inspect", "-f", form, network).split()
    return words[1] if len(words) > 1 else f"br-{words[0][:12]}"


@pytest.mark.parametrize(("attacker", "network"), [("ann-web", "flowbiz_ext_ann"), ("common-web", "flowbiz_ext")])
def test_a_router_advertisement_takes_no_traffic(host: ProxyHost, attacker: str, network: str) -> None:
    own = end(host, attacker, network)
    frame = packets.advertisement(own_mac=own["MacAddress"], own_local=link_local(own["MacAddress"]))
    before = in_proxy(host, "net/ipv6_route").splitlines()
    packets.send(host.vps.name, attacker, own["IPAddress"], [frame], seconds=1)
    time.sleep(1)
    after = in_proxy(host, "net/ipv6_route").splitlines()
    learned = [line for line in after if line not in before and "20010db80bad" in line]
    # The third column from the right is the route's flags; 0x40000 is RTF_ADDRCONF: learned from an advertisement.
    learned += [line for line in after if int(line.split()[-2], 16) & 0x40000]
    assert learned == []


@pytest.mark.parametrize(("attacker", "network"), [("ann-web", "flowbiz_ext_ann"), ("common-web", "flowbiz_ext")])
def test_a_false_neighbour_takes_no_traffic(host: ProxyHost, attacker: str, network: str) -> None:
    """Claims the gateway of the proxy's default route, IPv4 and IPv6, while clients from outside ask."""
    own, proxy = end(host, attacker, network), end(host, "vsa-nginx", network)
    routes = [line.split() for line in in_proxy(host, "net/route").splitlines()[1:]]
    gateway = next(ipaddress.IPv4Address(bytes.fromhex(row[2])[::-1]) for row in routes if row[1] == "00000000")
    routes6 = [line.split() for line in in_proxy(host, "net/ipv6_route").splitlines()]
    gateway6 = next(
        ipaddress.IPv6Address(bytes.fromhex(row[4])) for row in routes6 if row[0] == "0" * 32 and row[9] != "lo"
    )
    claim: dict[str, str] = {"own_mac": own["MacAddress"], "target_mac": proxy["MacAddress"]}
    frames = packets.arp_reply(claimed=str(gateway), target=proxy["IPAddress"], **claim)
    frames += packets.neighbour_advertisement(claimed=str(gateway6), target=proxy["GlobalIPv6Address"], **claim)
    assert outside(host.vps.ip) == "200"
    packets.send(host.vps.name, attacker, own["IPAddress"], frames, seconds=2)
    assert own["MacAddress"] not in [
        line.split()[3] for line in in_proxy(host, "net/arp").splitlines() if line.startswith(f"{gateway} ")
    ]
    assert {outside(address) for address in (host.vps.ip, host.vps.ip6) for _ in range(3)} == {"200"}


def test_the_proxys_namespace_is_strict_on_every_interface(host: ProxyHost) -> None:
    """Also on an interface that came after the start of the proxy."""
    host.run("docker", "network", "create", "--ipv6", "--subnet", "fd00:aaaa::/64", "late", check=False)
    host.run("docker", "network", "connect", "late", "vsa-nginx")
    try:
        names = [line.split(":")[0].strip() for line in in_proxy(host, "net/dev").splitlines()[2:]]
        interfaces = ["all", "default", *(name for name in names if name.startswith("eth"))]
        assert len(interfaces) > 5
        pid = host.run("docker", "inspect", "-f", "{{.State.Pid}}", "vsa-nginx").strip()
        paths = {
            f"/proc/sys/{path.format(interface)}": value for path, value in STRICT.items() for interface in interfaces
        }
        text = host.run("nsenter", "-t", pid, "-n", "grep", "-H", "", *paths)
        found = dict(line.split(":", 1) for line in text.splitlines())
        assert {path: found[path] for path in paths} == paths
    finally:
        host.run("docker", "network", "disconnect", "late", "vsa-nginx")
        host.run("docker", "network", "rm", "late")


def test_the_default_route_is_on_a_network_that_no_site_joins(host: ProxyHost) -> None:
    members = host.run("docker", "network", "inspect", "-f", "{{range .Containers}}{{.Name}} {{end}}", "flowbiz_entry")
    assert members.split() == ["vsa-nginx"]
    entry = end(host, "vsa-nginx", "flowbiz_entry")
    routes = [line.split() for line in in_proxy(host, "net/route").splitlines()[1:]]
    gateways = [str(ipaddress.IPv4Address(bytes.fromhex(row[2])[::-1])) for row in routes if row[1] == "00000000"]
    assert gateways == [entry["Gateway"]]


# What containers and other hosts reach

_OPEN = r"""
import json, socket, sys
reached = []
for word in sys.argv[1:]:
    address, _colon, port = word.rpartition(":")
    try:
        socket.create_connection((address.strip("[]"), int(port)), timeout=2).close()
        reached.append(word)
    except OSError:
        pass
print(json.dumps(reached))
"""
_FETCH = r"""
import http.client, socket, ssl, sys
address, domain = sys.argv[1:]
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
connection = http.client.HTTPSConnection(domain, context=context)
connection.sock = context.wrap_socket(socket.create_connection((address, 443), 5), server_hostname=domain)
connection.request("GET", "/")
print(connection.getresponse().read().decode())
"""
_SERVE = r"""
import socket, sys, threading
servers = [socket.create_server((address, 80), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
           for address in sys.argv[1:]]
def answer(server):
    while True: server.accept()[0].close()
for server in servers: threading.Thread(target=answer, args=(server,), daemon=True).start()
print("started", flush=True); sys.stdin.read()
"""
METADATA = ("169.254.169.254", "fd00:ec2::254")


def reached(host: ProxyHost, container: str, *targets: str) -> list[str]:
    """Return which targets a container can open a connection to."""
    return list(json.loads(host.run("docker", "exec", container, "python3", "-c", _OPEN, *targets)))


def in_network_of(vps: rig.Vps, *words: str) -> list[str]:
    """Return a command of this machine that runs in the network namespace of a VPS."""
    form = ["docker", "inspect", "-f", "{{.State.Pid}}", vps.name]
    pid = subprocess.run(form, capture_output=True, text=True, check=True).stdout.strip()
    return ["nsenter", "-t", pid, "-n", *words]


@pytest.fixture(scope="module")
def neighbour(services: rig.Services) -> Iterator[rig.Vps]:
    """Another host on the same segment."""
    vps = rig.Vps.create(f"{rig.scoped('neighbour')}")
    yield vps
    vps.destroy()


def from_neighbour(neighbour: rig.Vps, host: ProxyHost, *targets: str) -> list[str]:
    """Return what the other host can open, if it sends packets for the containers' networks to this host."""
    for target in targets:
        address = target.rpartition(":")[0].strip("[]")
        gateway = host.vps.ip6 if ":" in address else host.vps.ip
        subprocess.run(in_network_of(neighbour, "ip", "route", "replace", address, "via", gateway), check=True)
    words = in_network_of(neighbour, sys.executable, "-c", _OPEN, *targets)
    return list(json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout))


def test_another_host_reaches_no_unpublished_port(host: ProxyHost, neighbour: rig.Vps) -> None:
    """The host forwards packets before Docker starts, so that Docker leaves the chain FORWARD open."""
    restart = "echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding"
    host.run("sh", "-c", f"systemctl stop docker.socket docker; {restart}; iptables -P FORWARD ACCEPT; true")
    host.run("sh", "-c", "ip6tables -P FORWARD ACCEPT; systemctl start docker", timeout=180)
    host.wait_for(COMMON)
    targets = []
    for container, network in (("common-web", "flowbiz_ext"), ("bob-web", "flowbiz_ext_bob")):
        own = end(host, container, network)
        targets += [f"{own['IPAddress']}:3000", f"[{own['GlobalIPv6Address']}]:3000"]
    entry = end(host, "vsa-nginx", "flowbiz_entry")
    targets += [f"{entry['IPAddress']}:80", f"[{entry['GlobalIPv6Address']}]:80"]
    assert from_neighbour(neighbour, host, *targets) == []
    assert {outside(address) for address in (host.vps.ip, host.vps.ip6)} == {"200"}


@pytest.mark.parametrize("container", ["ann-web", "common-web"])
def test_a_container_reaches_no_port_of_the_host_but_the_proxys(host: ProxyHost, container: str) -> None:
    network = "flowbiz_ext_ann" if container == "ann-web" else "flowbiz_ext"
    gateways = [end(host, container, network)["Gateway"], "172.17.0.1"]
    for port in (22, 80, 443):
        own = [f"{host.vps.ip}:{port}", f"[{host.vps.ip6}]:{port}"]
        assert reached(host, container, *own) == ([] if port == 22 else own)
    assert reached(host, container, *(f"{gateway}:22" for gateway in gateways)) == []


@pytest.mark.parametrize("container", ["ann-web", "common-web"])
def test_a_container_fetches_another_tenants_site_by_its_public_name(host: ProxyHost, container: str) -> None:
    for address in (host.vps.ip, host.vps.ip6):
        text = host.run("docker", "exec", container, "python3", "-c", _FETCH, address, "bob.network.vsa.test")
        assert '"app": "bob-web"' in text


@pytest.fixture
def shut(host: ProxyHost) -> Iterator[list[str]]:
    """A container on an internal network, with IPv6. Gives the addresses that the host has on that network."""
    words = ("--internal", "--ipv6", "--subnet", "fd00:5000::/64", "shut-in")
    host.run("docker", "network", "create", *words)
    start(host, "shut-web", "--network", "shut-in")
    interface = bridge(host, "shut-in")
    four = host.run("docker", "network", "inspect", "-f", "{{json .IPAM.Config}}", "shut-in")
    gateways = [entry["Gateway"] for entry in json.loads(four) if "." in entry.get("Gateway", "")]
    own6 = host.run("sh", "-c", f"grep {interface} /proc/net/if_inet6").split()[0::6]
    yield [*gateways, *(str(ipaddress.IPv6Address(bytes.fromhex(text))) for text in own6)]
    host.run("docker", "rm", "-f", "shut-web")
    host.run("docker", "network", "rm", "shut-in")


def test_a_container_without_a_way_out_reaches_no_site_of_the_host(host: ProxyHost, shut: list[str]) -> None:
    """Any site would be a way out: whoever has one on the host reads there what the container sends."""
    assert len(shut) > 1
    local = [f"{address}%eth0" if address.startswith("fe80") else address for address in shut]
    targets = [f"[{address}]:{port}" for address in (*local, host.vps.ip, host.vps.ip6) for port in (22, 80, 443)]
    assert reached(host, "shut-web", *targets) == []
    # The counter-check: the container itself is there, and so are the sites.
    assert reached(host, "shut-web", "127.0.0.1:3000") == ["127.0.0.1:3000"]
    assert reached(host, "ann-web", f"{host.vps.ip}:443") == [f"{host.vps.ip}:443"]


@contextmanager
def metadata_served(host: ProxyHost, neighbour: rig.Vps) -> Iterator[list[str]]:
    """Serve the metadata addresses on another host, to which this host has a route. Yields what clients connect to."""
    for address, gateway in zip(METADATA, (neighbour.ip, neighbour.ip6), strict=True):
        subprocess.run(in_network_of(neighbour, "ip", "address", "replace", address, "dev", "lo"), check=True)
        subprocess.run(in_network_of(host.vps, "ip", "route", "replace", address, "via", gateway), check=True)
    words = in_network_of(neighbour, sys.executable, "-c", _SERVE, *METADATA)
    targets = ["169.254.169.254:80", "[fd00:ec2::254]:80"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "started\n"
        try:
            yield targets
        finally:
            server.communicate(timeout=10)


def test_a_container_reaches_no_metadata_address(host: ProxyHost, neighbour: rig.Vps) -> None:
    with metadata_served(host, neighbour) as targets:
        for container in ("ann-web", "common-web"):
            assert reached(host, container, *targets) == []
        # The counter-check: the host itself reaches them, and other hosts stay open for containers.
        here = in_network_of(host.vps, sys.executable, "-c", _OPEN, *targets)
        assert json.loads(subprocess.run(here, capture_output=True, text=True, check=True).stdout) == targets
        assert reached(host, "ann-web", f"{neighbour.ip}:22") == [f"{neighbour.ip}:22"]


# What bootstrap does after it wrote the settings.
_APPLY = """
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Engine
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.firewall import ensure_firewall
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths
ensure_firewall(Paths(), Engine(), check=False, close=True)
"""
SWITCHES = {
    "both closed": ("", False, False),
    "metadata open": ("container_metadata: open\n", True, False),
    "all ports open": ("container_host_ports: all\n", False, True),
    "a port more": ('container_host_ports: "22,80,443"\n', False, True),
    "both open": ("container_metadata: open\ncontainer_host_ports: all\n", True, True),
    "closed again": ("", False, False),
}


def test_each_switch_of_the_settings_opens_what_it_names_and_closes_it_again(
    host: ProxyHost, neighbour: rig.Vps
) -> None:
    before = host.run("cat", "/etc/vsa/vsa.yml")
    kept = "".join(line for line in before.splitlines(keepends=True) if not line.startswith("container_"))
    own = f"{host.vps.ip}:22"
    seen = {}

    def apply(text: str) -> None:
        host.run("sh", "-c", "cat >/etc/vsa/vsa.yml", stdin=text.encode())
        host.run("env", "PYTHONPATH=/root/vsa-test", "python3", "-c", _APPLY)

    with metadata_served(host, neighbour) as targets:
        try:
            for name, (text, *_expected) in SWITCHES.items():
                apply(kept + text)
                found = reached(host, "ann-web", own, *targets)
                seen[name] = (text, {*targets} <= {*found}, own in found)
                assert {*targets} & {*found} in ({*targets}, set())
        finally:
            apply(before)
    assert seen == SWITCHES


def reaches_itself(host: ProxyHost) -> None:
    """Assert that the host gets its own site by its public addresses, also if it has to ask for the proxy's MAC first.

    A name of the site leads to these addresses, and the preflight of a site asks them.
    """
    subprocess.run(in_network_of(host.vps, "ip", "neigh", "flush", "dev", "vsa-entry"), check=True)
    for address in (host.vps.ip, f"[{host.vps.ip6}]"):
        words = ["--max-time", "5", "--resolve", f"{COMMON}:443:{address}", f"https://{COMMON}/"]
        host.run("curl", "-skf", "-o", "/dev/null", *words)


def test_the_host_reaches_its_own_sites_by_its_public_addresses(host: ProxyHost) -> None:
    reaches_itself(host)


def in_force(host: ProxyHost) -> None:
    """Assert that the rules hold and that the proxy's namespace is strict, without asking the units."""
    assert reached(host, "ann-web", f"{host.vps.ip}:22") == []
    pid = host.run("docker", "inspect", "-f", "{{.State.Pid}}", "vsa-nginx").strip()
    values = "grep -hs . /proc/sys/net/ipv6/conf/eth*/accept_ra /proc/sys/net/ipv4/conf/eth*/accept_redirects"
    strict = f"test \"$(nsenter -t {pid} -n sh -c '{values}' | sort -u)\" = 0"
    host.wait_until(strict, seconds=20)
    reaches_itself(host)
    for program in ("iptables", "ip6tables"):
        for words in ("raw PREROUTING -j VSA-PREROUTING", "mangle FORWARD -j VSA-FORWARD", "mangle INPUT -j VSA-INPUT"):
            table, rule = words.split(" ", 1)
            host.run(program, "-t", table, "-C", *rule.split())


def test_the_rules_hold_after_a_restart_of_docker_of_the_proxy_and_of_the_host(host: ProxyHost) -> None:
    # Units that wait for each other: systemd would leave one out of the boot, and it may be Docker.
    assert "cycle" not in host.run("sh", "-c", "systemd-analyze verify default.target 2>&1", check=False)
    host.run("systemctl", "restart", "docker", timeout=180)
    host.wait_for(COMMON)
    in_force(host)
    # NGINX dies, and Docker starts it again by itself.
    host.run("sh", "-c", "kill -KILL $(docker inspect -f '{{.State.Pid}}' vsa-nginx)")
    host.wait_for(COMMON)
    in_force(host)
    host.vps.reboot()
    host.wait_until("docker ps | grep -q vsa-nginx", seconds=90)
    host.run("docker", "start", "ann-web", "bob-web", "common-web")
    host.wait_for(COMMON, seconds=60)
    in_force(host)
