# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stack observability: genuine syslog-ng ships to a genuine Loki, and genuine Prometheus reads the alert rules.

Loki is 2.2.1. It refuses what Loki 3 takes (a line older than the newest of its stream), so it is the stricter one.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import rig
from shipping import PROMETHEUS, SYSLOG_NG, Shipper, access_line, container_line, eventually

pytestmark = [pytest.mark.rig, pytest.mark.timeout(300)]

RULES = rig.ROOT / "stacks/observability/prometheus"
CLASSES = ("2xx", "5xx", "other")
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def _images(_rig: None) -> None:
    try:
        rig.loki_binary()
    except rig.RigError as problem:
        pytest.skip(f"no Loki: {problem}")
    rig.images(SYSLOG_NG, PROMETHEUS)


@pytest.fixture
def loki(_images: None) -> Iterator[rig.Loki]:
    found = rig.loki("observability")
    yield found
    found.remove()


@pytest.fixture
def shipper(tmp_path: Path, loki: rig.Loki) -> Iterator[Shipper]:
    root = tmp_path / f"s{next(_numbers)}"
    root.mkdir()
    found = Shipper(root, loki)
    yield found
    found.remove()


def _lines(loki: rig.Loki, selector: str) -> list[str]:
    return [line for _labels, _time, line in loki.query(selector)]


def _streams(loki: rig.Loki, selector: str) -> list[dict[str, str]]:
    found = {json.dumps(labels, sort_keys=True) for labels, _time, _line in loki.query(selector)}
    return [json.loads(text) for text in sorted(found)]


def _uris(loki: rig.Loki, domain: str) -> list[str]:
    return [json.loads(line)["uri"] for line in _lines(loki, f'{{job="nginx",domain="{domain}"}}')]


@pytest.mark.usefixtures("_images")
def test_the_alert_rules_are_right_and_each_alert_fires_once() -> None:
    """`promtool` reads the configuration and the rules, and makes each alert true."""
    mounts = [
        *("--volume", f"{RULES}:/etc/prometheus:ro", "--volume", f"{RULES}/rules:/rules:ro"),
        *("--volume", f"{rig.ROOT}/tests/integration/observability:/tests:ro"),
    ]
    run = ["docker", "run", "--rm", "--network", "none", "--label", "vsa.rig=1", *mounts, "--entrypoint", "promtool"]
    for words in (["check", "config", "/etc/prometheus/prometheus.yml"], ["test", "rules", "/tests/alerts.yml"]):
        done = subprocess.run([*run, PROMETHEUS, *words], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr


def test_lines_arrive_with_their_labels_and_nobody_makes_streams(shipper: Shipper, loki: rig.Loki) -> None:
    shop = shipper.nginx / "shop.example.com.access.log"
    web = shipper.containers / ("a" * 64) / f"{'a' * 64}-json.log"
    shipper.write(shop, [access_line("/before")])
    shipper.create()
    shipper.write(shop, [access_line("/checkout", method="POST", status=503, seconds=1.5)])
    took = eventually(lambda: _uris(loki, "shop.example.com"), ["/before", "/checkout"], seconds=15)
    assert took <= 15
    assert shipper.healthy()
    found = _streams(loki, '{job="nginx",method="POST"}')
    assert found == [
        {"domain": "shop.example.com", "job": "nginx", "method": "POST", "node": "vps-01", "status": "503"}
    ]
    line = _lines(loki, '{job="nginx",domain="shop.example.com",method="POST"}')[0]
    assert json.loads(line)["agent"] == 'a "quote", a \\ and an é'
    assert json.loads(line)["seconds"] == 1.5

    # A client invents methods, host names and, through a backend, statuses.
    before = len(_streams(loki, '{job="nginx"}'))
    shipper.write(shop, [access_line(f"/m{number}", method=f"MADE{number}") for number in range(500)])
    shipper.write(shop, [access_line(f"/s{number}", method="GET", status=600 + number) for number in range(99)])
    eventually(lambda: len(_uris(loki, "shop.example.com")), 601, seconds=30)
    made = [stream for stream in _streams(loki, '{job="nginx"}') if "other" in stream.values()]
    assert len(_streams(loki, '{job="nginx"}')) == before + 2
    assert sorted((stream["method"], stream["status"]) for stream in made) == [("GET", "other"), ("other", "200")]

    # Lines of containers have their container, and those without a name can be found too.
    shipper.write(web, [container_line("hello"), container_line("oh", stream="stderr"), container_line("?", name=None)])
    eventually(lambda: len(_lines(loki, '{job="containers"}')), 3, seconds=15)
    labels = {(stream["container"], stream["stream"]) for stream in _streams(loki, '{job="containers"}')}
    assert labels == {("acme-shop-web-1", "stdout"), ("acme-shop-web-1", "stderr"), ("unknown", "stdout")}

    # What a container or its labels say names no other container.
    forged = '","stream":"stderr","attrs":{"tag":"victim"},"time":"2026-01-01T00:00:00Z"}'
    labels = {"com.docker.compose.project": f"x{forged}", "com.docker.compose.service": "{}", "tag": "evil"}
    line = {"log": f"x{forged}\n", "stream": "stdout", "attrs": labels, "time": "2026-01-01T00:00:00Z"}
    shipper.write(web, [json.dumps(line, separators=(",", ":")), container_line(forged, name="evil")])
    eventually(lambda: len(_lines(loki, '{job="containers",container="evil",stream="stdout"}')), 2, seconds=15)
    assert _lines(loki, '{job="containers",container="victim"}') == []

    # A line that is no JSON arrives too.
    shipper.write(shop, ["half of a li", "\x00\x00 and bytes of a power cut"])
    shipper.write(web, ['{"log": "half of a li'])
    unknown = '{job="nginx",domain="shop.example.com",method="other",status="other"}'
    eventually(lambda: len(_lines(loki, unknown)), 2, seconds=15)
    eventually(lambda: _lines(loki, '{job="containers"} |= "half of a li"'), ['{"log": "half of a li'], seconds=15)

    # The audit trail of the host arrives once, as it is.
    record = json.dumps({"schema": 1, "kind": "change", "verb": "site.provision", "hash": "0" * 64})
    shipper.write(shipper.vsa / "audit.jsonl", [record])
    eventually(lambda: _lines(loki, '{job="vsa-host-audit",node="vps-01"}'), [record], seconds=15)

    # What Prometheus scrapes: the names that the alert rules use.
    metrics = shipper.metrics()
    counted = {
        name: metrics[f'syslogng_tagged_events_total{{id="request:{name}:shop.example.com"}}'] for name in CLASSES
    }
    assert counted == {"2xx": 501, "5xx": 1, "other": 101}
    outputs = [name for name in metrics if name.startswith("syslogng_output_events_total{")]
    for part in ('id="d_access', 'id="d_audit', 'driver="http"', 'result="queued"', 'result="delivered"'):
        assert [name for name in outputs if part in name], (part, outputs)
    assert shipper.memory() <= 32 << 20


def test_no_line_is_lost_by_a_kill_a_restart_and_an_outage(shipper: Shipper, loki: rig.Loki) -> None:
    """The short form of the battery. After a kill a line may be there twice, so distinct lines are compared."""
    shop = shipper.nginx / "shop.example.com.access.log"
    shipper.create()
    wanted = [f"/{number}" for number in range(2000)]
    parts = [wanted[start : start + 500] for start in range(0, 2000, 500)]
    shipper.write(shop, [access_line(uri) for uri in parts[0]])
    shipper.kill()
    shipper.write(shop, [access_line(uri) for uri in parts[1]])
    shipper.start()
    loki.stop()
    shipper.write(shop, [access_line(uri) for uri in parts[2]])
    shipper.restart()
    loki.start()
    # Rotation as the proxy does it: rename, and a new file. The old handle is written on for a moment.
    with shop.open("a", encoding="utf-8") as old:
        shop.rename(shop.with_name(f"{shop.name}.1"))
        old.writelines(f"{access_line(uri)}\n" for uri in parts[3][:250])
        old.flush()
        time.sleep(2)
    shipper.write(shop, [access_line(uri) for uri in parts[3][250:]])
    eventually(lambda: sorted(set(_uris(loki, "shop.example.com"))), sorted(wanted), seconds=60)
    assert shipper.memory() <= 32 << 20


def test_the_logs_of_two_hundred_containers(shipper: Shipper, loki: rig.Loki) -> None:
    """Each container has three directories, and the kernel gives all programs of a host 128 instances of inotify."""
    for number in range(200):
        folder = shipper.containers / f"{number:064x}"
        for path in (folder, folder / "checkpoints", folder / "mounts"):
            path.mkdir()
        shipper.write(folder / f"{folder.name}-json.log", [container_line("hello", name=f"acme-shop-{number}")])
    shipper.create()
    count = 'count(sum by (container) (count_over_time({job="containers"}[1h])))'
    eventually(lambda: [value for _labels, value in loki.instant(count)], [200.0], seconds=60)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_no_log_is_missed_that_appears_while_the_shipper_starts(shipper: Shipper, loki: rig.Loki) -> None:
    """syslog-ng lists a directory and watches it only after that: the more logs it opens, the more it misses."""
    audit = shipper.vsa / "audit.jsonl"
    shipper.write(audit, ['{"number": 1}'])
    for number in range(1000):
        shipper.write(shipper.nginx / f"old{number}.example.com.access.log", [access_line("/")])
    starting = threading.Thread(target=shipper.create)
    starting.start()
    for number in range(900):
        shipper.write(shipper.nginx / f"new{number}.example.com.access.log", [access_line("/")])
        time.sleep(0.004)
    starting.join()
    count = 'count(sum by (domain) (count_over_time({job="nginx"}[1h])))'
    eventually(lambda: [value for _labels, value in loki.instant(count)], [1900.0], seconds=180)
    # syslog-ng was started again for that. What it had read before is not there twice, and it reads on.
    shipper.write(audit, ['{"number": 2}'])
    eventually(lambda: _lines(loki, '{job="vsa-host-audit"}'), ['{"number": 1}', '{"number": 2}'], seconds=30)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_an_outage_of_a_minute_and_forty_thousand_lines(shipper: Shipper, loki: rig.Loki) -> None:
    shop = shipper.nginx / "shop.example.com.access.log"
    shipper.create()
    shipper.write(shop, [access_line("/first")])
    eventually(lambda: _uris(loki, "shop.example.com"), ["/first"], seconds=30)
    loki.stop()
    shipper.write(shop, [access_line(f"/{number}") for number in range(40_000)])
    time.sleep(60)
    shipper.kill()
    shipper.start()
    loki.start()
    count = 'sum(count_over_time({job="nginx",domain="shop.example.com"}[1h]))'
    eventually(lambda: [value >= 40_001 for _labels, value in loki.instant(count)], [True], seconds=300)
    assert shipper.memory() <= 32 << 20


@pytest.mark.long
@pytest.mark.timeout(900)
def test_two_hundred_busy_logs_in_one_outage(shipper: Shipper, loki: rig.Loki) -> None:
    """All lines in flight are in memory. The limit of compose.yml is enough, and no restart by the kernel is needed."""
    logs = [shipper.nginx / f"d{number}.example.com.access.log" for number in range(200)]
    shipper.create()
    loki.stop()
    for log in logs:
        # Loki sums lines of the same second up once, if they are equal.
        shipper.write(log, [access_line(f"/{log.name}/{number}") for number in range(300)])
    # Until each log has its window full of lines.
    eventually(lambda: shipper.waiting() >= 200 * 100, True, seconds=60)
    time.sleep(10)
    print(f"{shipper.waiting()} lines wait, in {shipper.memory() / (1 << 20):.1f} MiB")
    assert shipper.restarts() == 0
    loki.start()
    count = 'sum(count_over_time({job="nginx"}[1h]))'
    eventually(lambda: [value >= 60_000 for _labels, value in loki.instant(count)], [True], seconds=300)
    assert shipper.restarts() == 0


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_thousand_domains_and_a_kill_between(shipper: Shipper, loki: rig.Loki) -> None:
    logs = [shipper.nginx / f"d{number}.example.com.access.log" for number in range(1000)]
    for log in logs:
        shipper.write(log, [access_line(f"/{number}") for number in range(5)])
    shipper.create()
    count = 'count(sum by (domain) (count_over_time({job="nginx"}[1h])) >= LINES)'
    first, second = count.replace("LINES", "5"), count.replace("LINES", "10")
    eventually(lambda: [value for _labels, value in loki.instant(first)], [1000.0], seconds=120)
    shipper.kill()
    for log in logs:
        shipper.write(log, [access_line(f"/{number}") for number in range(5, 10)])
    shipper.start()
    eventually(lambda: [value for _labels, value in loki.instant(second)], [1000.0], seconds=120)
    # 21 KiB for each log that is open, and what a backlog of all of them leaves behind.
    print(f"{shipper.memory() / (1 << 20):.1f} MiB with 1,000 logs")
    assert shipper.memory() <= 40 << 20


@pytest.mark.long
def test_a_thousand_logs_in_which_nothing_is_written(shipper: Shipper) -> None:
    for number in range(1000):
        shipper.write(shipper.nginx / f"d{number}.example.com.access.log", [])
    shipper.create()
    eventually(shipper.opened, 1000, seconds=60)
    print(f"{shipper.memory() / (1 << 20):.1f} MiB with 1,000 idle logs")
    assert shipper.memory() <= 32 << 20
