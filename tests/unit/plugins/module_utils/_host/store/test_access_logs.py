"""The logs that NGINX makes when it tests a configuration."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.access_logs import (
    log_names,
    remove_logs,
    site_logs,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths


def test_only_access_logs_are_removed_and_only_those_named(tmp_path: Path) -> None:
    paths = Paths(str(tmp_path))
    assert log_names(paths) == set()
    remove_logs(paths, ["a.example.access.log"])
    paths.logs.mkdir(parents=True)
    names = {"error.log", "a.example.access.log", "b.example.access.log", "b.example.access.log.1.gz"}
    for name in names:
        (paths.logs / name).write_text("x")
    assert log_names(paths) == names
    remove_logs(paths, ["a.example.access.log", "error.log", "b.example.access.log.1.gz", "gone.access.log"])
    assert log_names(paths) == names - {"a.example.access.log"}


def test_the_logs_of_one_site(tmp_path: Path) -> None:
    paths = Paths(str(tmp_path))
    paths.logs.mkdir(parents=True)
    own = ["shop.test.access.log", "shop.test.access.log.1764000000", "shop.test.access.log.1764000000.gz"]
    for name in (*own, "www.shop.test.access.log", "shop.test.eu.access.log", "error.log", "shop.test.access.logx"):
        (paths.logs / name).write_text("x")
    assert [path.name for path in site_logs(paths, "shop.test")] == own
    assert site_logs(Paths(str(tmp_path / "none")), "shop.test") == []
