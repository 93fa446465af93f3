"""The logs that NGINX makes when it tests a configuration."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.flowbiz.vsa.plugins.module_utils._host.logs import log_names, remove_logs
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.paths import Paths


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
