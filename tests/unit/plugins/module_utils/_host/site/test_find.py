"""What a host says about a domain: a site under any of its names, what remains of one, names nearly the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.find import find_site

from hosttree import HostTree, provide

A = "shop.example"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[HostTree]:
    """A host with one live site that has an alias."""
    host = HostTree(tmp_path)
    with host.certificates(A):
        host.apply(provide(A, "web-a:3000", aliases=["www.shop.example"]))
        yield host


def place(host: HostTree, domain: str) -> Any:
    return find_site(domain, paths=host.paths).data["place"]


@pytest.mark.parametrize("name", [A, "www.shop.example"])
def test_a_live_site_is_found_by_each_of_its_names(host: HostTree, name: str) -> None:
    assert place(host, name) == {"site": True, "remains": [], "near": []}


def test_a_site_is_found_by_its_manifest_or_its_file_alone(host: HostTree) -> None:
    (host.paths.sites / f"{A}.yml").unlink()
    (host.paths.current / "generation.json").unlink()
    assert place(host, A)["site"]
    (host.paths.sites / "b.example.yml").write_text("")
    assert place(host, "b.example")["site"]


def test_what_remains_of_a_site_and_names_that_are_near(host: HostTree) -> None:
    (host.paths.letsencrypt / "live/shp.example").mkdir(parents=True)
    (host.paths.unprovision).mkdir(parents=True, exist_ok=True)
    (host.paths.unprovision / "shp.example.json").write_text("{}")
    found = place(host, "shp.example")
    assert found["remains"] == ["a certificate", "a removal that was cut off"]
    assert (found["site"], found["near"][0]) == (False, A)


def test_a_host_without_a_proxy_has_nothing(tmp_path: Path) -> None:
    host = HostTree(tmp_path)
    assert place(host, A) == {"site": False, "remains": [], "near": []}
