# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every query of the dashboards and every figure of the alert rules, asked of a genuine Prometheus and a genuine Loki.

Grafana's server is not run: it is under the AGPL and no image is within reach. The series of cAdvisor and of VSA itself
come from a text file of node-exporter, by their genuine names.
"""

from __future__ import annotations

import json
import re
import shutil
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import rig
from shipping import PROMETHEUS, SYSLOG_NG, Shipper, access_line, container_line, eventually

pytestmark = [pytest.mark.rig, pytest.mark.long, pytest.mark.timeout(600)]

NODE_EXPORTER = "prom/node-exporter:v1.12.1"
STACK = rig.ROOT / "stacks/observability"
DASHBOARDS = sorted((STACK / "grafana/dashboards").glob("*.json"))
# What is empty while all is well. That these alerts fire is shown by `promtool test rules`.
EMPTY = {'ALERTS{alertstate="firing"}'}
_SERIES = """\
container_start_time_seconds{{name="acme-shop-web-1"}} {start}
container_memory_working_set_bytes{{name="acme-shop-web-1"}} 1000
container_memory_working_set_bytes{{name="vsa-nginx"}} 1000
container_spec_memory_limit_bytes{{name="acme-shop-web-1"}} 2000
container_cpu_usage_seconds_total{{name="acme-shop-web-1"}} {start}
container_cpu_usage_seconds_total{{name="vsa-nginx"}} {start}
container_oom_events_total{{name="acme-shop-web-1"}} 0
vsa_certificate_not_before_seconds{{domain="shop.example.com"}} 1000
vsa_certificate_not_after_seconds{{domain="shop.example.com"}} 9000000000
vsa_backup_last_success_seconds{{tenant="acme",stack="shop"}} {start}
"""


class Sources:
    """Prometheus and Loki after some traffic."""

    def __init__(self, prometheus: str, loki: rig.Loki) -> None:
        self._prometheus = f"http://{prometheus}:9090/api/v1"
        self._loki = f"{loki.url}/loki/api/v1"

    def names(self) -> set[str]:
        with urllib.request.urlopen(f"{self._prometheus}/label/__name__/values", timeout=30) as answer:
            return set(json.load(answer)["data"])

    def answers(self, query: str) -> bool:
        """Say whether Prometheus answers, and finds something."""
        try:
            return self.series("prometheus", query) > 0
        except OSError:
            return False

    def series(self, source: str, query: str) -> int:
        """Return how many series or streams a query finds."""
        if source == "prometheus":
            address, words = f"{self._prometheus}/query", {"query": query}
        else:
            end = time.time_ns()
            words = {"query": query, "start": str(end - 3600 * 10**9), "end": str(end), "step": "60"}
            address = f"{self._loki}/query_range"
        with urllib.request.urlopen(f"{address}?{urllib.parse.urlencode(words)}", timeout=60) as answer:
            return len(json.load(answer)["data"]["result"])


@pytest.fixture(scope="module")
def sources(_rig: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sources]:
    try:
        rig.loki_binary()
    except rig.RigError as problem:
        pytest.skip(f"no Loki: {problem}")
    rig.images(SYSLOG_NG, PROMETHEUS, NODE_EXPORTER)
    root = tmp_path_factory.mktemp("queries")
    loki = rig.loki("queries")
    shipper = Shipper(root, loki)
    exporter, prometheus = rig.scoped("node-exporter"), rig.scoped("prometheus")
    try:
        shipper.create()
        _write(root / "textfiles", start=100)
        mounts = ["--volume", f"{root / 'textfiles'}:/textfiles:ro", "--volume", "/:/host:ro"]
        words = ["--path.rootfs=/host", "--collector.textfile.directory=/textfiles"]
        rig.run_beside(exporter, NODE_EXPORTER, *words, words=mounts)
        hosts = {"shipper": shipper.address, "node-exporter": rig.address_of(exporter), "loki": shipper.loki}
        added = [word for name, address in hosts.items() for word in ("--add-host", f"{name}:{address}")]
        config = root / "prometheus"
        shutil.copytree(STACK / "prometheus", config)
        text = (config / "prometheus.yml").read_text(encoding="utf-8")
        (config / "prometheus.yml").write_text(text.replace("30s", "2s"), encoding="utf-8")
        mounts = ["--volume", f"{config}:/etc/prometheus:ro", "--tmpfs", "/prometheus"]
        words = ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
        rig.run_beside(prometheus, PROMETHEUS, *words, words=[*added, *mounts])
        found = Sources(rig.address_of(prometheus), loki)
        _traffic(shipper)
        # Figures that change: the first values are scraped before the second ones are written.
        first = "count(vsa_requests_total) + count(container_start_time_seconds)"
        eventually(lambda: found.answers(first), True, seconds=60)
        _write(root / "textfiles", start=200)
        _traffic(shipper)
        second = "max(rate(vsa_requests_total[5m])) > 0 and max(changes(container_start_time_seconds[5m])) > 0"
        eventually(lambda: found.answers(second), True, seconds=60)
        eventually(lambda: found.series("loki", '{job="vsa-host-audit"}') > 0, True, seconds=60)
        yield found
    finally:
        shipper.remove()
        loki.remove()
        for name in (exporter, prometheus):
            rig.docker("rm", "--force", "--volumes", name, check=False)


def _write(folder: Path, *, start: int) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "all.prom").write_text(_SERIES.format(start=start), encoding="utf-8")


def _traffic(shipper: Shipper) -> None:
    shop = shipper.nginx / "shop.example.com.access.log"
    shipper.write(shop, [access_line(f"/{number}", status=200) for number in range(20)])
    shipper.write(shop, [access_line("/broken", method="POST", status=503)] * 3)
    for name in ("acme-shop-web-1", "vsa-nginx"):
        file = shipper.containers / name / f"{name}-json.log"
        shipper.write(file, [container_line("hello", name=name)] * 3)
    actor = {"user": "alice"}
    records = [{"kind": "finished", "verb": "site.provision", "status": "failed", "actor": actor}]
    shipper.write(shipper.vsa / "audit.jsonl", [json.dumps(record, separators=(",", ":")) for record in records])


QUERIES = [
    pytest.param(target["datasource"]["uid"], target["expr"], id=f"{path.stem}-{panel['title']}-{target['refId']}")
    for path in DASHBOARDS
    for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]
    for target in panel["targets"]
    if target["expr"] not in EMPTY
]


@pytest.mark.parametrize(("source", "query"), QUERIES)
def test_a_panel_shows_data(sources: Sources, source: str, query: str) -> None:
    asked = re.sub(r"\$(domain|container)\b", ".*", query).replace("$__auto", "5m")
    if source == "loki":
        # Loki wants a matcher that does not match the empty text.
        asked = asked.replace('=~".*"', '=~".+"')
    assert sources.series(source, asked) > 0, asked


def test_the_alert_rules_use_figures_that_there_are(sources: Sources) -> None:
    names = sources.names()
    used: set[str] = set()
    for path in sorted((STACK / "prometheus/rules").glob("*.yml")):
        text = "\n".join(re.findall(r"(?s)expr: (.*?)\n {8}(?:for|labels):", path.read_text(encoding="utf-8")))
        used |= set(re.findall(r"\b(?:node|vsa|container|syslogng|loki)_\w+", text))
    assert used
    assert sorted(used - names) == []


@pytest.mark.skip(
    reason="Grafana's server and Loki 3: not run here (AGPL, no image); files and queries are checked instead"
)
def test_grafana_and_loki_3_load_their_files() -> None:
    """Said aloud, so that nobody takes the checks above for a run of Grafana."""
