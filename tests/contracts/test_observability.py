"""The stack observability as files: dashboards, data sources, alert rules and the settings of Loki."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

import vsa_tree
from vsa.cli import cli

STACK = vsa_tree.ROOT / "stacks/observability"
DASHBOARDS = sorted((STACK / "grafana/dashboards").glob("*.json"))
RULES = sorted((STACK / "prometheus/rules").glob("*.yml"))
ALERTS = [
    pytest.param(rule, id=rule["alert"])
    for path in RULES
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
# The alerts that the stack must have, whatever becomes of their names.
WANTED = {
    "CertificateIsLate", "DiskFillsUp", "ContainerRestarts", "SiteFails", "AuditTrailIsNotInLoki", "BackupIsStale",
    "LokiPushFails",
}  # fmt: skip
# What Grafana puts into the place of its variables.
_VARIABLE = re.compile(r"\$(\{?\w+\}?)")
# What LogQL of the Loki in the tests has not: such a query could not be tried anywhere.
_NOT_TESTED = ("| pattern", "| drop", "| keep", "offset ", "vector(", "| decolorize")


def _load(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)


def _targets(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [target for panel in dashboard["panels"] for target in panel["targets"]]


def test_there_is_a_dashboard_for_each_subject() -> None:
    assert [path.stem for path in DASHBOARDS] == ["audit", "containers", "host", "proxy", "sites"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_can_be_provisioned(path: Path) -> None:
    dashboard = _load(path)
    assert dashboard["uid"] == f"vsa-{path.stem}"
    assert dashboard["schemaVersion"] == 42
    # A dashboard that was exported for sharing asks for its data sources, and nobody answers.
    assert not [key for key in ("__inputs", "__requires", "id") if key in dashboard]
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    titles = [panel["title"] for panel in dashboard["panels"]]
    assert len(titles) == len(set(titles))
    for panel in dashboard["panels"]:
        assert panel["targets"], panel["title"]
        refs = [target["refId"] for target in panel["targets"]]
        assert len(refs) == len(set(refs)), panel["title"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_no_panel_lies_on_another(path: Path) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in _load(path)["panels"]:
        place = panel["gridPos"]
        assert set(place) == {"h", "w", "x", "y"}
        assert place["x"] + place["w"] <= 24, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} lies on {taken[(x, y)]}"
                taken[(x, y)] = panel["title"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_asks_only_the_data_sources_that_are_provisioned(path: Path) -> None:
    provisioned = _load(STACK / "grafana/provisioning/datasources/datasources.yml")["datasources"]
    known = {source["uid"]: source["type"] for source in provisioned}
    dashboard = _load(path)
    asked = [panel["datasource"] for panel in dashboard["panels"]]
    asked += [target["datasource"] for target in _targets(dashboard)]
    asked += [variable["datasource"] for variable in dashboard["templating"]["list"]]
    for source in asked:
        assert known.get(source["uid"]) == source["type"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_query_has_no_variable_that_the_dashboard_lacks_and_nothing_that_no_test_can_run(path: Path) -> None:
    dashboard = _load(path)
    known = {variable["name"] for variable in dashboard["templating"]["list"]} | {"__auto"}
    for target in _targets(dashboard):
        used = {name.strip("{}") for name in _VARIABLE.findall(target["expr"])}
        assert used <= known, target["expr"]
        if target["datasource"]["uid"] == "loki":
            assert not [word for word in _NOT_TESTED if word in target["expr"]], target["expr"]


def test_the_data_sources_are_containers_of_the_stack() -> None:
    services = _load(STACK / "compose.yml")["services"]
    for source in _load(STACK / "grafana/provisioning/datasources/datasources.yml")["datasources"]:
        host = re.fullmatch(r"http://([a-z-]+):\d+", source["url"])
        assert host, source["url"]
        assert "inside" in services[host[1]]["networks"]
        assert "inside" in services["grafana"]["networks"]
    [provider] = _load(STACK / "grafana/provisioning/dashboards/dashboards.yml")["providers"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in services["grafana"]["volumes"]


def test_every_part_is_scraped_and_watched() -> None:
    config = _load(STACK / "prometheus/prometheus.yml")
    targets = [
        target for job in config["scrape_configs"] for entry in job["static_configs"] for target in entry["targets"]
    ]
    services = _load(STACK / "compose.yml")["services"]
    names = {target.partition(":")[0] for target in targets} - {"127.0.0.1"}
    assert names <= set(services)
    for name in names:
        assert set(services[name]["networks"]) & set(services["prometheus"]["networks"]), name
    assert names == {"alertmanager", "node-exporter", "cadvisor", "shipper", "loki"}


def test_the_alerts_that_must_be_there() -> None:
    assert {rule.values[0]["alert"] for rule in ALERTS} >= WANTED


@pytest.mark.parametrize("rule", ALERTS)
def test_an_alert_says_what_is_wrong_and_names_a_command_that_exists(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"][0].isupper() or rule["annotations"]["summary"].startswith("{{")
    for command in rule["annotations"]["action"].split("; "):
        words = shlex.split(re.sub(r"\{\{.*?\}\}", "x", command))
        if words[0] != "vsa":
            continue
        noun = cli.get_command(None, words[1])  # type: ignore[arg-type]
        assert noun is not None, command
        if hasattr(noun, "get_command") and len(words) > 2 and not words[2].startswith("-"):
            assert noun.get_command(None, words[2]) is not None, command  # type: ignore[arg-type]


def test_each_alert_is_made_true_by_a_test() -> None:
    tests = _load(vsa_tree.ROOT / "tests/integration/observability/alerts.yml")["tests"]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case.get("exp_alerts")}
    assert fired == {rule.values[0]["alert"] for rule in ALERTS}


def test_the_figures_in_the_rules_are_those_of_the_settings() -> None:
    limits = _load(STACK / "loki/loki.yaml")["limits_config"]
    expr = next(rule.values[0]["expr"] for rule in ALERTS if rule.values[0]["alert"] == "StreamsRunOut")
    assert f"0.7 * {limits['max_global_streams_per_user']}" in expr


def test_loki_keeps_thirty_days_and_can_start() -> None:
    loki = _load(STACK / "loki/loki.yaml")
    assert loki["limits_config"]["retention_period"] == "720h"
    # Loki 3 refuses to start with retention, and without this.
    assert loki["compactor"]["retention_enabled"]
    assert loki["compactor"]["delete_request_store"] == "filesystem"


def test_nothing_but_pushes_gets_to_loki_from_outside() -> None:
    compose = _load(STACK / "compose.yml")
    manifest = _load(STACK / "stack.yml")
    assert compose["networks"]["loki"] == {"name": "vsa_loki", "external": True}
    on_loki = [name for name, service in compose["services"].items() if "loki" in service["networks"]]
    assert on_loki == ["loki"]
    assert not [site for site in manifest["sites"] if not site["auth"]]
    led_to = {route["service"] for site in manifest["sites"] for route in site.get("routes", [])}
    led_to |= {site["service"] for site in manifest["sites"] if "service" in site}
    on_edge = {name for name, service in compose["services"].items() if "edge" in service["networks"]}
    assert led_to == on_edge == {"grafana", "gateway"}
    gateway = (STACK / "gateway/nginx.conf").read_text(encoding="utf-8")
    assert re.findall(r"location (.*) \{", gateway) == ["= /health", "= /loki/api/v1/push", "/"]


def test_only_the_shipper_of_a_node_has_a_way_out() -> None:
    compose = _load(STACK / "compose.yml")
    assert [name for name, service in compose["services"].items() if "out" in service["networks"]] == ["shipper-node"]
    assert compose["services"]["shipper-node"]["profiles"] == ["node"]


def test_data_lie_in_volumes_and_only_settings_are_mounted() -> None:
    for name, service in _load(STACK / "compose.yml")["services"].items():
        for volume in service["volumes"]:
            if isinstance(volume, str) and volume.startswith((".", "/")):
                assert volume.endswith(":ro"), f"{name}: {volume}"
