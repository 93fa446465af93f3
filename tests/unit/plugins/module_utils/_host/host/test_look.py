"""Each fact is read once, and its error too."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.settings import Settings
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.host.look import Look
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Engine

from hosttree import HostTree


def test_the_host_is_read_once(tmp_path: Path) -> None:
    look = Look(HostTree(tmp_path).paths)
    assert look.host is look.host


def test_without_valid_settings_the_host_is_read_all_the_same(tmp_path: Path) -> None:
    host = HostTree(tmp_path)
    host.manifest("a.example", "domain: a.example\n")
    host.settings("ca: [")
    look = Look(host.paths)
    assert list(look.host.manifests) == ["a.example"]
    assert look.host.settings == Settings()


def test_an_error_is_kept_too(tmp_path: Path) -> None:
    class Silent:
        asked = 0

        def containers(self) -> list[Any]:
            self.asked += 1
            raise RefusedError("the Docker engine of this host does not answer")

    engine = Silent()
    look = Look(HostTree(tmp_path).paths, engine=cast(Engine, engine))
    errors = []
    for _time in range(2):
        with pytest.raises(RefusedError) as caught:
            _ = look.containers
        errors.append(caught.value)
    assert errors[0] is errors[1]
    assert engine.asked == 1
    assert look.sites_so_far is None


def test_the_containers_are_listed_once(tmp_path: Path) -> None:
    class Counting:
        asked = 0

        def containers(self) -> list[Any]:
            self.asked += 1
            return []

    engine = Counting()
    look = Look(HostTree(tmp_path).paths, engine=cast(Engine, engine))
    assert look.containers == look.containers == []
    assert engine.asked == 1
    assert look.nginx.container is not None
