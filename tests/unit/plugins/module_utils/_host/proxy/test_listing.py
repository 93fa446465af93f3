"""The live NGINX files as vhost_info lists them: index, drift, history, and where the lines of a text come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import as_module_result
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.listing import VhostListRequest, list_vhosts

from hosttree import HostTree, provide

A, B = "a.example", "b.example"


@pytest.fixture
def host(tmp_path: Path) -> HostTree:
    """A host with two sites."""
    host = HostTree(tmp_path)
    host.apply(provide(A, "web-a:3000", tenant="acme"))
    host.apply(provide(B, "web-b:3000", aliases=["www.b.example"]))
    return host


def vhosts(host: HostTree, domain: str | None = None, **request: Any) -> dict[str, Any]:
    """Return what the module returns."""
    return as_module_result(list_vhosts(VhostListRequest(domain, **request), paths=host.paths))


def test_vhosts(host: HostTree) -> None:
    listed = vhosts(host)
    assert [entry["domain"] for entry in listed["vhosts"]] == [A, B]
    assert listed["vhosts"][1]["names"] == [B, "www.b.example"]
    assert not any("text" in entry for entry in listed["vhosts"])
    assert listed["drift"] == []
    assert "generations" not in listed, "nobody asked for them"
    listed = vhosts(host, history=True)
    assert [(it["number"], it["live"], it["summary"]) for it in listed["generations"]] == [
        (2, True, "1 file added"),
        (1, False, "6 files added"),
    ]


def test_one_vhost_with_its_text(host: HostTree) -> None:
    listed = vhosts(host, A)
    assert [entry["domain"] for entry in listed["vhosts"]] == [A]
    assert listed["vhosts"][0]["text"] == host.file(f"sites/{A}.conf").read_text()
    with pytest.raises(RefusedError) as caught:
        vhosts(host, "c.example")
    assert caught.value.there_are == [A, B]


@pytest.mark.parametrize(
    ("name", "drift"), [(f"sites/{A}.conf", [True, False]), ("nginx.conf", [False, False])], ids=["a site", "main"]
)
def test_drift_is_told(host: HostTree, name: str, drift: list[bool]) -> None:
    host.break_open(name, "# by hand\n")
    listed = vhosts(host)
    assert listed["drift"] == [name]
    assert [entry["drift"] for entry in listed["vhosts"]] == drift


def test_vhosts_of_an_empty_host(tmp_path: Path) -> None:
    listed = vhosts(HostTree(tmp_path), history=True)
    assert (listed["generation"], listed["vhosts"], listed["drift"], listed["generations"]) == (0, [], [], [])


def test_each_line_of_a_text_has_its_source(host: HostTree) -> None:
    host.settings("ca: staging\n")
    host.apply(sync=True)
    entry = vhosts(host, A, templates=host.templates)["vhosts"][0]
    assert entry["origin"] == "typed"
    assert "".join(f"{line['text']}\n" for line in entry["lines"]) == entry["text"]
    sources = {line["source"] for line in entry["lines"]}
    assert {"domain", "routes/0", "ca, vsa.yml"} <= sources


def test_without_its_manifest_a_text_is_not_explained(host: HostTree) -> None:
    host.break_open(f"manifests/{A}.yml", None)
    entry = vhosts(host, A, templates=host.templates)["vhosts"][0]
    assert entry["text"]
    assert "lines" not in entry


def test_the_history_is_listed_if_the_settings_are_broken(host: HostTree) -> None:
    host.settings("ca: nobody\n")
    assert [entry["number"] for entry in vhosts(host, history=True)["generations"]] == [2, 1]
