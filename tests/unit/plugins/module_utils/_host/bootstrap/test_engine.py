"""The engine of a host: its state, its source, its daemon.json, and the edge network. Only programs are fakes."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.bootstrap import (
    DaemonRequest,
    EngineRequest,
    EngineSource,
    Platform,
    Policy,
    plan_daemon,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.bootstrap import engine as module
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.bootstrap.engine import EdgeNetwork, ExistingEngine
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.systemd import UnitState
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

RUNNING = UnitState(active=True, enabled=True)
DAEMON = DaemonRequest([], live_restore=True, log_max_size="10m", log_max_file=3, ipv6=True, options={})
PLATFORM = Platform("debian", "12", "bookworm", "amd64")
REQUEST = EngineRequest("auto", "http://copy.example.com/linux", ("docker.io",), "docker-compose", ("docker-ce",))


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    (tmp_path / "etc/docker").mkdir(parents=True)
    return Paths(str(tmp_path))


@pytest.mark.parametrize(
    ("printed", "unit", "version", "ready"),
    [
        ("Docker version 26.1.5+dfsg1, build a72d7cd\n", RUNNING, "26.1.5+dfsg1", True),
        ("Docker version 29.0.1, build eedd969\n", UnitState(active=True), "29.0.1", False),
        ("Docker version 29.0.1, build eedd969\n", UnitState(enabled=True), "29.0.1", False),
        (None, UnitState(), "", False),
        ("", UnitState(), "", False),
    ],
)
def test_the_engine_that_is_there(
    monkeypatch: pytest.MonkeyPatch, paths: Paths, printed: str | None, unit: UnitState, version: str, ready: bool
) -> None:
    monkeypatch.setattr(module, "output_of", lambda argv: printed if argv == ["dockerd", "--version"] else None)
    monkeypatch.setattr(module, "read_unit", lambda name: unit if name == "docker.service" else UnitState())
    engine = module.read_engine(paths)
    assert (engine.version, engine.ready, engine.unfinished) == (version, ready, False)
    Path(paths.root, "etc/docker/daemon.json.vsa-old").write_text("")
    assert module.read_engine(paths).unfinished


def test_only_an_engine_that_is_down_has_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "journal_of", lambda name, program: f"{name} of {program}\n")
    assert module.why_it_is_down(ExistingEngine("26.1.5", UnitState())) == "docker.service of dockerd"
    assert module.why_it_is_down(ExistingEngine("26.1.5", RUNNING)) == "nothing"
    assert module.why_it_is_down(ExistingEngine()) == "nothing"


def test_a_repository_is_asked_only_if_it_is_to_be_added(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(module, "repository_error", lambda address: asked.append(address) or "no answer")
    known = Policy({}, {"docker-ce": "5:29.0.1", "docker-compose-plugin": "2.40.3"})
    assert module.find_source(REQUEST, known, PLATFORM) == EngineSource("docker", ("docker-ce",))
    assert asked == []
    with pytest.raises(RefusedError, match="out of reach"):
        module.find_source(REQUEST, Policy(), PLATFORM)
    assert asked == ["http://copy.example.com/linux/debian"]


def test_an_engine_that_would_be_replaced_is_refused_before_a_repository_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "repository_error", lambda address: pytest.fail(f"{address} was asked"))
    with pytest.raises(RefusedError, match="other kind"):
        module.find_source(REQUEST, Policy({"docker.io": "20.10.24"}, {}), PLATFORM)


def test_the_new_daemon_json_is_for_the_engine_that_will_read_it(paths: Paths) -> None:
    distro, docker = EngineSource("distro", ("docker.io",)), EngineSource("docker", ("docker-ce",))
    policy = Policy({}, {"docker.io": "26.1.5+dfsg1-9"})

    def filters(engine: ExistingEngine, source: EngineSource | None, policy: Policy) -> bool:
        plan = module.plan_daemon_change(DAEMON, engine, source, policy, paths)
        return "ip6tables" in json.loads(plan.text)

    assert filters(ExistingEngine("26.1.5", RUNNING), None, Policy())
    assert not filters(ExistingEngine("29.0.1", RUNNING), distro, policy)
    assert filters(ExistingEngine(), distro, policy), "apt will install 26.1.5"
    assert not filters(ExistingEngine(), docker, policy)
    assert not filters(ExistingEngine(), distro, Policy())


def test_after_a_run_that_was_cut_off_the_operators_file_is_the_kept_one(paths: Paths) -> None:
    folder = Path(paths.root, "etc/docker")
    (folder / "daemon.json").write_text('{"labels": ["left=behind"]}')
    (folder / "daemon.json.vsa-old").write_text('{"labels": ["mine"]}')
    cut_off = ExistingEngine("29.0.1", RUNNING, unfinished=True)
    plan = module.plan_daemon_change(DAEMON, cut_off, None, Policy(), paths)
    assert (plan.change, plan.before) == (True, '{"labels": ["mine"]}')
    assert json.loads(plan.text)["labels"] == ["mine"]
    plan = module.plan_daemon_change(DAEMON, ExistingEngine("29.0.1", RUNNING), None, Policy(), paths)
    assert json.loads(plan.text)["labels"] == ["left=behind"]


def test_a_daemon_json_that_is_not_text_is_refused(paths: Paths) -> None:
    Path(paths.root, "etc/docker/daemon.json").write_bytes(b'{"labels": ["\xff"]}')
    with pytest.raises(RefusedError, match="is not text"):
        module.plan_daemon_change(DAEMON, ExistingEngine("29.0.1", RUNNING), None, Policy(), paths)


@pytest.mark.parametrize(
    ("found", "ipv6", "network"),
    [
        (None, True, EdgeNetwork(needed=True, known=True)),
        ({"EnableIPv6": True}, True, EdgeNetwork(needed=True, known=True, exists=True)),
        ({"EnableIPv6": False}, False, EdgeNetwork(needed=True, known=True, exists=True)),
    ],
)
def test_the_edge_network(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, Any] | None, ipv6: bool, network: EdgeNetwork
) -> None:
    engines(monkeypatch, found)
    assert module.read_edge_network(ExistingEngine("29.0.1", RUNNING), ipv6=ipv6, check=False) == network


def test_an_edge_network_without_ipv6_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    engines(monkeypatch, {"EnableIPv6": False})
    network = module.read_edge_network(ExistingEngine("29.0.1", RUNNING), ipv6=True, check=False)
    assert network.warning.startswith("warning: network flowbiz_ext")


@pytest.mark.parametrize("engine", [ExistingEngine(), ExistingEngine("29.0.1", UnitState(enabled=True))])
def test_a_network_is_not_known_before_the_engine_runs(monkeypatch: pytest.MonkeyPatch, engine: ExistingEngine) -> None:
    engines(monkeypatch, {"EnableIPv6": True})
    assert module.read_edge_network(engine, ipv6=True, check=False) == EdgeNetwork(needed=True)
    assert module.read_edge_network(engine, ipv6=True, check=True) == EdgeNetwork(), "a check starts no engine"


def test_a_network_is_not_known_without_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "can_import", lambda name: False)
    engine = ExistingEngine("29.0.1", RUNNING)
    assert module.read_edge_network(engine, ipv6=True, check=False) == EdgeNetwork(needed=True)


def test_issue_14_item_12_a_library_that_lacks_another_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert module.can_import("json")
    (tmp_path / "half_of_an_sdk.py").write_text("import no_such_library\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("no_such_library", "half_of_an_sdk"):
        assert not module.can_import(name)
        assert module.why_not_imported(name) == "No module named 'no_such_library'"


def test_only_an_engine_that_runs_is_asked_for_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    engines(monkeypatch, None)
    plan = plan_daemon(DAEMON, "", path="/x", engine_version="29.0.1")
    assert module.read_log_warning(ExistingEngine("29.0.1", RUNNING), plan).endswith("until they are recreated: old")
    assert module.read_log_warning(ExistingEngine("29.0.1", UnitState()), plan) == ""
    monkeypatch.setattr(module, "can_import", lambda name: False)
    assert module.read_log_warning(ExistingEngine("29.0.1", RUNNING), plan) == ""


def engines(monkeypatch: pytest.MonkeyPatch, found: dict[str, Any] | None) -> None:
    """Put an engine with one network and one container in the place of the Docker SDK's."""

    class Engine:
        def inspections(self) -> list[dict[str, Any]]:
            return [{"Name": "/old", "HostConfig": {"LogConfig": {"Type": "json-file", "Config": {}}}}]

        def network(self, name: str) -> dict[str, Any] | None:
            return found if name == "flowbiz_ext" else None

    stand_in = types.ModuleType("docker")
    stand_in.Engine = Engine  # type: ignore[attr-defined]
    package = module.__name__.rpartition(".bootstrap.")[0]
    monkeypatch.setitem(sys.modules, f"{package}.machine.docker", stand_in)
    monkeypatch.setattr(module, "can_import", lambda name: True)
