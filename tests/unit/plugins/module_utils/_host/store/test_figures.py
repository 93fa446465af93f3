"""The text files that node-exporter reads."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.figures import write_figures
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths


def test_another_user_can_read_them(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    assert write_figures(paths, "backups", "a 1\n") is None
    file = tmp_path / "var/lib/vsa/metrics/backups.prom"
    assert file.read_text(encoding="utf-8") == "a 1\n"
    assert file.stat().st_mode & 0o777 == 0o644
    assert file.parent.stat().st_mode & 0o777 == 0o755


def test_no_verb_fails_because_of_them(tmp_path: Path) -> None:
    (tmp_path / "var/lib/vsa").mkdir(parents=True)
    (tmp_path / "var/lib/vsa/metrics").write_text("in the way", encoding="utf-8")
    assert str(write_figures(Paths(tmp_path), "backups", "a 1\n")).startswith("the figures of backups were not written")
