"""The manifests in /etc/vsa/sites."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.manifests import (
    parse_manifest,
    read_manifest,
    read_manifests,
)

TEXT = "schema: 1\ndomain: a.example\nroutes: [{path: /, container: web, port: 80}]\n"


def test_each_file_is_known_by_its_domain(tmp_path: Path) -> None:
    paths = Paths(str(tmp_path))
    assert read_manifests(paths) == {}
    paths.sites.mkdir(parents=True)
    for name, content in {"a.example.yml": TEXT, ".hidden.yml": TEXT, "notes.txt": "no"}.items():
        (paths.sites / name).write_text(content)
    (paths.sites / "latin.example.yml").write_bytes(b"\xff\xfe")
    (paths.sites / "folder.example.yml").mkdir()
    found = read_manifests(paths)
    assert sorted(found) == ["a.example", "folder.example", "latin.example"]
    assert found["a.example"] == TEXT
    for unreadable in ("folder.example", "latin.example"):
        with pytest.raises(RefusedError):
            parse_manifest(unreadable, found[unreadable])


def test_a_manifest_belongs_to_the_domain_of_its_file() -> None:
    assert parse_manifest("a.example", TEXT).domain == "a.example"
    with pytest.raises(RefusedError) as refused:
        parse_manifest("b.example", TEXT)
    assert (refused.value.field, refused.value.expected) == ("sites/b.example/domain", "b.example")


def test_one_manifest_is_read_by_its_domain(tmp_path: Path) -> None:
    paths = Paths(str(tmp_path))
    assert read_manifest(paths, "a.example") is None
    paths.sites.mkdir(parents=True)
    (paths.sites / "a.example.yml").write_text(TEXT)
    (paths.sites / "latin.example.yml").write_bytes(b"\xff\xfe")
    assert read_manifest(paths, "a.example") == TEXT
    with pytest.raises(RefusedError):
        parse_manifest("latin.example", read_manifest(paths, "latin.example") or "")
