# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three VPSes at once: each figure of the dashboard against its source while the fleet changes, and a node cut off.

What a page says is asked again on the host by another way: Docker's command, openssl, a count of the log file, psql.
Loki is 2.2.1 under the name of Loki 3.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import pytest

import rig
from hubhost import prepare_for_hub
from threevpses import HUB, PASSWORD, Fleet, Truth
from visitors import visiting

pytestmark = [pytest.mark.rig, pytest.mark.long, pytest.mark.timeout(1800)]

SHOPS = {"vps-01": "shop.one.vsa.test", "vps-02": "shop.two.vsa.test"}
MORE = ("more.one.vsa.test", "more.two.vsa.test")
LOGS, GRAFANA = "logs.three.vsa.test", "grafana.three.vsa.test"
STACK = (
    "balabit/syslog-ng:4.12.0", "prom/prometheus:v3.15.0", "prom/alertmanager:v0.34.1", "prom/node-exporter:v1.12.1",
    "grafana/loki:3.7.8", "grafana/grafana:13.2.3", "ghcr.io/google/cadvisor:v0.60.6",
)  # fmt: skip
ROUNDS = 6


@pytest.fixture(scope="module")
def fleet(services: rig.Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The hub with Loki, a node with sites, and a node without an engine, all reporting."""
    try:
        rig.loki_binary()
    except rig.RigError as problem:
        pytest.skip(f"no Loki: {problem}")
    scope = rig.scope()
    hub = rig.proxy_host(f"{scope}-three-1", web=("web-1", "web-2"))
    nodes = {"vps-02": rig.Vps.create(f"{scope}-three-2"), "vps-03": rig.Vps.create(f"{scope}-three-3", "12")}
    made = Fleet(tmp_path_factory.mktemp("three"), {"vps-01": hub, **nodes})
    try:
        prepare(made)
        yield made
    finally:
        for vps in made.hosts.values():
            vps.destroy()


def prepare(fleet: Fleet) -> None:
    """Bring the hub up, add both nodes, and make the first sites."""
    hub, second = fleet.hosts["vps-01"], fleet.hosts["vps-02"]
    hub.add_dns(HUB, SHOPS["vps-01"], MORE[0], LOGS, GRAFANA)
    second.add_dns(SHOPS["vps-02"], MORE[1])
    fleet.write_inventory()
    prepare_for_hub(hub)
    hub.load_images(*STACK)
    secret = ("--password-file", str(fleet.folder / "password"))
    fleet.vsa("stack", "up", "dashboard", "-l", "vps-01", "--set", f"DOMAIN={HUB}", *secret)
    domains = ("--set", f"GRAFANA_DOMAIN={GRAFANA}", "--set", f"LOKI_DOMAIN={LOGS}")
    fleet.vsa("stack", "up", "observability", "-l", "vps-01", *domains, *secret)
    # The hub itself is a node of the fleet.
    fleet.add("vps-01")
    fleet.add("vps-02", "--provider", "infomaniak")
    fleet.add("vps-03", "--provider", "kamatera")
    second.load_images("nginx:1.30.7", "certbot/certbot:v5.5.0", "vsa-demo-web:1")
    fleet.vsa("stack", "up", "reverse-proxy", "-l", "vps-02")
    for name in ("web-1", "web-2"):
        rig.run_web(second, name)
    for node, domain in SHOPS.items():
        fleet.vsa("site", "provision", "-l", node, "--domain", domain, "--container", "web-1", "--port", "3000")


def test_every_figure_is_what_the_hosts_say(fleet: Fleet) -> None:
    listed = fleet.vsa("vps", "list", "--json").stdout
    assert all(name in listed for name in fleet.hosts)
    chance = random.Random(18)
    with ExitStack() as visits:
        seen = {
            node: visits.enter_context(visiting(fleet.hosts[node], domain, clients=2)) for node, domain in SHOPS.items()
        }
        for number in range(ROUNDS):
            changed = _change(fleet, chance, number)
            print(f"round {number}: {changed}")
            _the_pages_say_what_is(fleet)
        _requests_of_the_hour(fleet)
    for node, found in seen.items():
        assert found.failures == [], node
        assert found.answers > 100


def _change(fleet: Fleet, chance: random.Random, number: int) -> list[str]:
    """Change containers of both nodes at random, and one thing about a site; return what was done."""
    done = []
    for node in SHOPS:
        vps = fleet.hosts[node]
        for index in chance.sample(range(6), 2):
            name = f"try-{index}"
            there = set(vps.run("docker ps -a --format '{{.Names}}'").stdout.split())
            if name not in there:
                ending = chance.choice(("sleep 3600", "exit 0", "exit 3"))
                run = f"docker run -d --name {name} --memory {64 + index}m --entrypoint sh vsa-demo-web:1 -c '{ending}'"
                done.append(f"{node}: {run}")
            else:
                verb = chance.choice(("rm -f", "kill", "stop -t 0", "pause", "restart -t 0"))
                done.append(f"{node}: docker {verb} {name}")
            # What is paused or has ended cannot be killed: then nothing changes.
            vps.run(done[-1].partition(": ")[2], check=False)
    if number == 0:
        words = ("--alias", f"www.{MORE[0]}", "--route", "/=web-1:3000", "--route", "/two/=web-2:3000")
        fleet.hosts["vps-01"].add_dns(f"www.{MORE[0]}")
        fleet.vsa("site", "provision", "-l", "vps-01", "--domain", MORE[0], *words)
        done.append(f"{MORE[0]} provisioned")
    elif number == 1:
        words = ("--domain", MORE[0], "--route", "/two/", "--user", "anna", "--password-stdin")
        fleet.vsa("auth", "add", "-l", "vps-01", *words, input=f"{PASSWORD}\n")
        fleet.vsa("site", "provision", "-l", "vps-02", "--domain", MORE[1], "--container", "web-2", "--port", "3000")
        done.append(f"{MORE[1]} provisioned, a password for {MORE[0]}/two/")
    elif number == 2:
        fleet.hosts["vps-02"].run("docker stop -t 0 web-2")
        done.append("web-2 of vps-02 stopped")
    elif number == 3:
        fleet.vsa("cert", "renew", "-l", "vps-02", "--domain", SHOPS["vps-02"], "--force")
        done.append(f"the certificate of {SHOPS['vps-02']} renewed")
    elif number == 4:
        fleet.hosts["vps-02"].run("docker start web-2")
        fleet.vsa("site", "unprovision", "-l", "vps-02", "--domain", MORE[1], "--keep-container", "--yes")
        done.append(f"{MORE[1]} unprovisioned")
    return done


def _the_pages_say_what_is(fleet: Fleet) -> None:
    truths = {node: Truth(fleet.hosts[node]) for node in SHOPS}
    containers = _containers(fleet, truths)
    sites = _sites(fleet, truths)
    certificates = _certificates(fleet, truths)
    _machines(fleet, containers, sites)
    runs = _audit(fleet)
    tiles = {tile["name"]: tile for tile in fleet.page("overview")["tiles"]}
    assert tiles["Nodes"]["value"] == 3
    assert tiles["Containers"]["value"] == sum(len(found) for found in containers.values())
    assert tiles["Sites"]["value"] == sum(len(found) for found in sites.values())
    assert tiles["Certificates"]["value"] == certificates
    assert tiles["Operations, 24 h"]["value"] == runs
    _requests(fleet, truths)


def _containers(fleet: Fleet, truths: dict[str, Truth]) -> dict[str, dict[str, Any]]:
    """Compare Containers with `docker inspect`. A health check may end in between: then it is asked again."""
    for _try in range(6):
        before = {node: truth.containers() for node, truth in truths.items()}
        fleet.beat(*SHOPS)
        shown: dict[str, dict[str, Any]] = {node: {} for node in truths}
        for row in fleet.rows("containers"):
            shown[row["node"]][row["name"]] = {
                "shown": (row["kind"], row["word"]),
                **{name: row[name] for name in ("restarts", "image", "memory_limit_bytes")},
            }
        if before == {node: truth.containers() for node, truth in truths.items()}:
            assert shown == before
            return before
    raise AssertionError("the containers never stood still")


def _sites(fleet: Fleet, truths: dict[str, Truth]) -> dict[str, dict[str, Any]]:
    expected = {node: truth.sites() for node, truth in truths.items()}
    rows = fleet.rows("domains")
    shown: dict[str, dict[str, Any]] = {node: {} for node in truths}
    for row in rows:
        routes = {(route["path"], route["container"], route["port"]) for route in row["routes"]}
        shown[row["node"]][row["name"]] = {"routes": routes, "aliases": row["aliases"]}
        # "serving" is never said of a site that does not answer, and the other way round.
        status = truths[row["node"]].answer(row["name"])
        assert (row["kind"] == "ok") == (status in (200, 401, 404)), f"{row['name']}: {row['word']}, {status}"
        protected = bool(row["auth"]["paths"])
        asked = truths[row["node"]].answer(row["name"], row["auth"]["paths"][0]) if protected else 0
        assert asked == (401 if protected else 0)
    assert shown == expected
    assert fleet.query("select count(*) from domain") == [str(len(rows))]
    return expected


def _certificates(fleet: Fleet, truths: dict[str, Truth]) -> int:
    rows = {(row["node"], row["name"]): row for row in fleet.rows("certificates")}
    expected = {(node, name): found for node, truth in truths.items() for name, found in truth.certificates().items()}
    assert set(rows) == set(expected)
    for key, found in expected.items():
        row = rows[key]
        ends = datetime.strptime(found["not_after"] + " +0000", "%b %d %H:%M:%S %Y GMT %z")
        assert datetime.fromisoformat(row["not_after"]) == ends, key
        assert ",".join(sorted(row["names"])) == found["names"], key
        if row["served"]["word"] not in ("no site uses it", "not checked"):
            assert (row["served"]["word"] == "same") == (found["file"] == found["served"]), key
    return len(rows)


def _machines(fleet: Fleet, containers: dict[str, Any], sites: dict[str, Any]) -> None:
    for node, vps in fleet.hosts.items():
        row, found = fleet.node(node), Truth(vps).machine()
        assert (row["kind"], row["word"]) in (("ok", "fresh"), ("warn", "late"))
        assert row["address"] == vps.ip
        assert row["memory"]["bytes"] == found["memory"]
        assert (row["cpus"], row["kernel"], row["os"]) == (found["cpus"], found["kernel"], found["os"])
        # The rig gives vps-03 a directory of Docker's data and no engine: its containers are not known, and not none.
        assert row["containers"] == (len(containers[node]) if node in containers else None)
        assert row["sites"] == len(sites.get(node, ()))
        root = next(disk for disk in row["disks"] if disk["mount"] == "/")
        assert root["bytes"] == found["disk"][0]
        assert abs(root["used_bytes"] - found["disk"][1]) < found["disk"][0] * 0.02
    assert fleet.node("vps-03")["docker"] is None


def _audit(fleet: Fleet) -> int:
    """Compare Audit with the trails of the hosts: every run once, and each record in PostgreSQL."""
    fleet.beat(*fleet.hosts)
    expected: set[str] = set()
    for node, vps in fleet.hosts.items():
        expected |= Truth(vps).runs()
        lines = vps.run("wc -l < /var/log/vsa/audit.jsonl").stdout.strip()
        assert fleet.query(f"select count(*) from audit where node = '{node}'") == [lines], node
    shown: list[str] = []
    before: dict[str, str] = {}
    while True:
        page = fleet.page("audit", **before)
        shown += [row["run"] for row in page["rows"]]
        assert {chain["state"] for chain in page["chains"]} == {"whole"}, page["chains"]
        if not page["next"]:
            break
        before = {"before": page["next"]}
    assert Counter(shown) == Counter(dict.fromkeys(expected, 1))
    return len(expected)


def _requests(fleet: Fleet, truths: dict[str, Truth]) -> None:
    """Compare Traffic with the lines of the log file of a site that only this test visits."""
    truth = truths["vps-01"]
    for path in ("/page", "/page", "/status/404", "/two/", "/page?x=1"):
        truth.answer(MORE[0], path)
    statuses = truth.statuses(MORE[0])

    def by_status() -> dict[str, int]:
        table = fleet.page("traffic/panels/statuses", domain=MORE[0], range="1h")["table"]
        assert not table or table["total"] == sum(row["requests"] for row in table["rows"])
        return {row["name"]: row["requests"] for row in table["rows"]} if table else {}

    fleet.until(lambda: by_status() == statuses, seconds=60)


def _requests_of_the_hour(fleet: Fleet) -> None:
    """Compare the requests on the page Domains, which counts whole minutes, with the lines of the log file."""
    lines = sum(Truth(fleet.hosts["vps-01"]).statuses(MORE[0]).values())
    fleet.until(lambda: fleet.page("domains", q=MORE[0])["list"]["rows"][0]["requests"] == lines, seconds=180)


def _answering(fleet: Fleet) -> tuple[int, list[str]] | None:
    """Return how many sites of the silent node were asked, and which do not answer; None if nobody asked yet."""
    found = fleet.node("vps-02")["sites_answer"]
    return found and (found["asked"], [row["domain"] for row in found["silent"]])


def test_a_node_that_is_cut_off_is_silent_and_loses_nothing(fleet: Fleet) -> None:
    node = fleet.hosts["vps-02"]
    fleet.vsa("site", "provision", "-l", "vps-02", "--domain", MORE[1], "--container", "web-2", "--port", "3000")
    fleet.beat("vps-02")
    before = fleet.node("vps-02")
    # The host itself reaches no HTTPS elsewhere. Its sites are asked from outside, as ever.
    rule = "OUTPUT -o eth0 -p tcp --dport 443 -j REJECT"
    with visiting(node, SHOPS["vps-02"], clients=2) as seen:
        node.run(f"iptables -I {rule} && ip6tables -I {rule}")
        try:
            fleet.until(lambda: fleet.node("vps-02")["word"] == "silent", seconds=300)
            # The hub asks the sites of the node by name and address, through the node's own proxy.
            fleet.until(lambda: _answering(fleet) == (2, []), seconds=120)
            last = fleet.node("vps-02")
            assert (last["kind"], last["received_at"]) == ("silent", before["received_at"])
            for name in ("memory", "disks", "sites"):
                assert last[name] == before[name]
            # What was well is not known to be well now; what was wrong is shown as that, and as old.
            rows = [row for row in fleet.rows("containers") if row["node"] == "vps-02"]
            assert {(row["is_old"], row["kind"]) for row in rows} <= {(True, "silent"), (True, "bad"), (True, "warn")}
            assert [row["kind"] for row in rows if row["name"] == "web-1"] == ["silent"]
            assert any("vps-02" in str(item) for item in fleet.page("overview")["attention"])
            node.run("docker stop -t 0 web-2")
            fleet.until(lambda: _answering(fleet) == (2, [MORE[1]]), seconds=120)
            # What happens meanwhile is told later.
            for switch in ("on", "off"):
                fleet.vsa("site", "maintenance", "-l", "vps-02", "--domain", MORE[1], switch)
        finally:
            node.run(f"iptables -D {rule} && ip6tables -D {rule}")
        node.run("docker start web-2")
        # An agent whose hub does not answer asks ever more seldom, so it takes minutes until it asks again.
        fleet.until(lambda: fleet.node("vps-02")["word"] == "fresh", seconds=660)
        _audit(fleet)
    assert seen.failures == []


def test_removed_nodes_are_gone_and_their_sites_are_served(fleet: Fleet) -> None:
    second, third = fleet.hosts["vps-02"], fleet.hosts["vps-03"]
    third.run("systemctl stop ssh.socket ssh.service", check=False)
    with visiting(second, SHOPS["vps-02"], clients=2) as seen:
        fleet.vsa("vps", "remove", "--id", "vps-02", "-y")
        gone = fleet.vsa("vps", "remove", "--id", "vps-03", "-y")
        assert "does not answer" in gone.stdout + gone.stderr
        assert [row["id"] for row in fleet.page("vps")["nodes"]] == ["vps-01"]
        assert {row["node"] for row in fleet.rows("domains")} == {"vps-01"}
        assert fleet.query("select count(*) from container where node <> 'vps-01'") == ["0"]
    assert seen.failures == []
    assert "vps-02" not in (fleet.inventory / "hosts.yml").read_text()
    assert second.run("ls /etc/vsa/agent", check=False).stdout == ""
