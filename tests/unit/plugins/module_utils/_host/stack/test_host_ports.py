"""The ports of the host that a stack declares."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, cast

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import Stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Endpoint
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack import host_ports

from stackhost import FakeEngine, StackHost, make_container

STACK = Stack("app", "x", "acme", host_ports=(9100,))


class Engine(FakeEngine):
    def bridges(self) -> dict[str, str]:
        return {"flowbiz_ext_acme": "br-0123456789ab", "other": "br-ffffffffffff"}


def test_ports_are_open_while_the_stack_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[bool] = []
    monkeypatch.setattr(host_ports, "ensure_firewall", lambda *_values, check: loaded.append(check))
    host, engine = StackHost(tmp_path), Engine()
    engine.folder = str(host.folder())
    container = make_container("app", "web", project="acme-app")
    engine.running = [dataclasses.replace(container, networks={"flowbiz_ext_acme": Endpoint("172.20.0.9", "")})]
    for _time in range(2):
        host_ports.open_host_ports(cast(Any, engine), host.paths, STACK)
    kept = json.loads((host.paths.state / "firewall/openings.json").read_text())
    assert kept["stacks"] == {"acme/app": {"ports": [9100], "bridges": ["br-0123456789ab"]}}
    host_ports.close_host_ports(host.paths, STACK)
    assert json.loads((host.paths.state / "firewall/openings.json").read_text())["stacks"] == {}
    # Also the second time: a run of before may have noted the ports and failed at the firewall.
    assert loaded == [False, False, False]


def test_a_stack_without_such_ports_asks_nothing(tmp_path: Path) -> None:
    host = StackHost(tmp_path)
    host_ports.open_host_ports(cast(Any, host.engine), host.paths, Stack("app", "x", "acme"))
    host_ports.close_host_ports(host.paths, Stack("app", "x", "acme"))
    assert not (host.paths.state / "firewall").exists()
