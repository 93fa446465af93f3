"""What is looked at for all sites at once: whom the proxy is asked for, and what the DNS is asked for."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.visitor import ContainerState, Lookup, Visit
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.served import ServedCertificate
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Engine
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site import survey as module
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.survey import Survey, survey
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.visit import Visited
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host

from hosttree import HostTree, provide

A, B = "a.example", "b.example"


class Running:
    """An engine whose proxy runs and whose container web-1 does not."""

    def overview(self) -> dict[str, ContainerState]:
        """Return the containers."""
        return {"web-1": ContainerState("exited")}

    def container(self, _name: str) -> Any:
        """Return the proxy."""
        return SimpleNamespace(status="running", running=True, pid=0, health=None)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the visits and the DNS were asked for."""
    seen: dict[str, Any] = {}

    def visit_sites(asks: Any, target: Any) -> dict[str, Visited]:
        seen.update(asks=asks, target=target)
        return {ask.domain: Visited(Visit(502), ServedCertificate(fingerprint="f")) for ask in asks}

    def look_up(names: Any, *_arguments: Any, **more: Any) -> dict[str, Lookup]:
        seen.update(names=names, fresh=more["fresh"])
        return dict.fromkeys(names, Lookup(here=("192.0.2.7",)))

    monkeypatch.setattr(module, "visit_sites", visit_sites)
    monkeypatch.setattr(module, "look_up", look_up)
    return seen


def look(host: HostTree, *domains: str, engine: Any = None, probe: bool = True) -> Survey:
    return survey(read_host(host.paths), domains, lambda: cast(Engine, engine or Running()), probe=probe, fresh=True)


@pytest.fixture
def host(tmp_path: Path) -> HostTree:
    host = HostTree(tmp_path)
    host.settings("ca: letsencrypt\n")
    host.apply(provide(A, aliases=["www.a.example"], trusted_proxies=["198.51.100.0/24"]))
    host.apply(provide(B, ca="selfsigned"))
    return host


def test_what_is_asked(host: HostTree, asked: dict[str, Any]) -> None:
    found = look(host, A, B, "c.example")
    assert [(ask.domain, ask.name, ask.verify) for ask in asked["asks"]] == [(A, A, True), (B, B, False)]
    assert asked["names"] == {A: ("198.51.100.0/24",), "www.a.example": ("198.51.100.0/24",), B: ()}
    assert asked["fresh"]
    record = host.read_record()
    assert (asked["target"].generation, asked["target"].marker) == (record["number"], record["marker"])
    assert asked["target"].keeps_marker
    assert set(found.lookups[A]) == {A, "www.a.example"}
    assert found.answer(A) == ServedCertificate(fingerprint="f")
    assert found.answer("c.example") is None


def test_a_generation_that_passes_the_marker_on_does_not_get_it(host: HostTree, asked: dict[str, Any]) -> None:
    host.break_open("nginx.conf", "# an earlier version wrote this\n")
    look(host, A)
    assert not asked["target"].keeps_marker


def test_findings_of_a_site(host: HostTree, asked: dict[str, Any]) -> None:
    found = look(host, A)
    site = read_host(host.paths).live_site(A)
    assert site is not None
    assert [finding.text for finding in found.findings(site)] == ["the proxy answers 502: web-1 is exited"]


def test_without_a_probe_nobody_is_asked(host: HostTree, asked: dict[str, Any]) -> None:
    found = look(host, A, B, probe=False)
    assert asked == {}
    assert (found.visits, found.answer(A)) == ({}, None)


def test_an_engine_that_does_not_answer_is_a_cause(host: HostTree, asked: dict[str, Any]) -> None:
    class Silent:
        def overview(self) -> Any:
            raise RefusedError("the Docker engine of this host does not answer")

    found = look(host, A, engine=Silent())
    assert [cause.name for cause in found.causes] == ["engine-silent"]
    assert (found.alarmed, found.down, found.states) == (True, False, None)


def test_what_does_not_come_back_in_time_is_not_checked(
    host: HostTree, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()

    def hang(*_arguments: Any, **_more: Any) -> Any:
        release.wait(10)
        return {}

    class Hanging:
        def overview(self) -> Any:
            return hang()

    monkeypatch.setattr(module, "VISIT_SECONDS", 0.1)
    monkeypatch.setattr(module, "_GRACE_SECONDS", 0.1)
    monkeypatch.setattr(module, "visit_sites", hang)
    monkeypatch.setattr(module, "look_up", hang)
    found = look(host, A, engine=Hanging())
    release.set()
    assert found.visits[A].visit.late
    assert all(lookup.failed for lookup in found.lookups[A].values())
    assert [cause.name for cause in found.causes] == ["engine-silent"]
