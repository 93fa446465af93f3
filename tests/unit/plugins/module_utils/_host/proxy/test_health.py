"""What is wrong with the proxy, by the state of its container and by what NGINX says."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Advice, Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.libraries import MissingLibraryError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.health import (
    engine_findings,
    own_container_findings,
    proxy_findings,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host

from hosttree import HostTree, provide


def nginx(status: str | None, *, served: int | None = None, health: str | None = None) -> Any:
    """Return an NGINX whose container has this status; None if there is no container."""
    running = status == "running"
    container = SimpleNamespace(status=status, running=running, pid=9 if running else 0, health=health)
    return SimpleNamespace(container=lambda: container if status else None, generation=lambda _pid: served)


@pytest.mark.parametrize(
    ("status", "served", "health", "name", "level"),
    [
        (None, None, None, "proxy-missing", "down"),
        ("exited", None, None, "proxy-stopped", "down"),
        ("created", None, None, "proxy-stopped", "down"),
        ("restarting", None, None, "proxy-stopped", "down"),
        ("running", None, None, "proxy-silent", "down"),
        ("running", 7, None, "proxy-other-generation", "warning"),
        ("running", 1, "unhealthy", "proxy-unhealthy", "warning"),
    ],
)
def test_what_is_wrong(tmp_path: Path, status: str, served: int, health: str, name: str, level: str) -> None:
    host = HostTree(tmp_path)
    host.apply(provide("a.example"))
    (found,) = proxy_findings(read_host(host.paths), nginx(status, served=served, health=health))
    assert (found.name, found.level) == (name, level)
    assert found.remedy


def test_nothing_is_wrong(tmp_path: Path) -> None:
    host = HostTree(tmp_path)
    assert proxy_findings(read_host(host.paths), nginx(None)) == [], "a host that has no site needs no proxy"
    host.apply(provide("a.example"))
    assert proxy_findings(read_host(host.paths), nginx("running", served=1, health="healthy")) == []


def test_an_engine_that_does_not_answer() -> None:
    error = RefusedError("the Docker engine of this host does not answer", details=["to connect: refused"])
    (found,) = engine_findings(error)
    assert (found.name, found.level) == ("engine-silent", "down")
    assert found.text == "the Docker engine of this host does not answer (to connect: refused)"


def test_issue_14_item_12_an_engine_that_no_library_can_ask_is_not_down() -> None:
    (found,) = engine_findings(MissingLibraryError("idna", said="No module named 'idna'"))
    assert (found.name, found.level) == ("library-missing", "warning")
    assert found.text == "the library idna is missing on this host: it was not asked"
    assert isinstance(found.remedy, Advice)
    assert found.remedy.hint == Hint("bootstrap")


def test_the_other_containers_of_the_proxy() -> None:
    def container(name: str, status: str, health: str | None = None, project: str = "reverse-proxy") -> Any:
        labels = {"com.docker.compose.project": project}
        return SimpleNamespace(name=name, status=status, running=status == "running", health=health, labels=labels)

    containers = [
        container("vsa-nginx", "exited"),
        container("vsa-auth", "exited"),
        container("vsa-certbot", "running", "unhealthy"),
        container("vsa-reloader", "running", "healthy"),
        container("web-1", "exited", project="shop"),
    ]
    found = own_container_findings(containers)
    assert [(finding.name, finding.subject) for finding in found] == [
        ("own-container-stopped", "vsa-auth"),
        ("own-container-unhealthy", "vsa-certbot"),
    ]
    left = [entry for entry in containers if entry.name not in ("vsa-auth", "vsa-certbot")]
    found = own_container_findings(left)
    assert [(finding.name, finding.subject) for finding in found] == [
        ("own-container-missing", "vsa-auth"),
        ("own-container-missing", "vsa-certbot"),
    ]
    assert own_container_findings(containers[-1:]) == [], "this host has no proxy"
