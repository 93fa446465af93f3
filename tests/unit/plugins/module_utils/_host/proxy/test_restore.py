"""``vhost restore``: which manifests are written again."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.restore import restore_manifests
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host

from hosttree import RUN, HostTree, provide

A = "a.example"


def test_finding_1_a_lost_manifest_is_written_as_it_is_live_and_only_once(tmp_path: Path) -> None:
    host = HostTree(tmp_path)
    host.apply(provide(A))
    path = host.paths.sites / f"{A}.yml"
    before = path.read_text()
    path.unlink()
    assert restore_manifests(read_host(host.paths), RUN, check=False).data["restored"] == [A]
    assert path.read_text() == before
    assert not restore_manifests(read_host(host.paths), RUN, check=False).changed


def test_a_manifest_that_is_there_stays(tmp_path: Path) -> None:
    host = HostTree(tmp_path)
    host.apply(provide(A))
    host.manifest(A, "edited by hand")
    assert not restore_manifests(read_host(host.paths), RUN, check=False).changed
    assert host.manifests()[A] == "edited by hand"
