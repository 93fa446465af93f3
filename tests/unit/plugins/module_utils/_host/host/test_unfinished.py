"""Changes that were cut off, and changes that still run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.host.unfinished import unfinished_findings
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("place", "name", "subject"),
    [
        ("srv/platform/reverse-proxy/data/nginx/journal.json", "change-unfinished", "proxy"),
        ("var/lib/vsa/unprovision/a.example.json", "removal-unfinished", "a.example"),
        ("etc/docker/daemon.json.vsa-old", "bootstrap-unfinished", None),
    ],
)
def test_what_was_cut_off(tmp_path: Path, place: str, name: str, subject: str | None) -> None:
    paths, file = Paths(str(tmp_path)), tmp_path / place
    assert unfinished_findings(paths, now=NOW) == []
    file.parent.mkdir(parents=True)
    file.touch()
    for age, found in ((1, False), (119, False), (121, True), (-5, True)):
        os.utime(file, (NOW - age, NOW - age))
        names = [finding.name for finding in unfinished_findings(paths, now=NOW)]
        assert names == ([name] if found else []), f"{age} s old; a time in the future is a wrong clock"
    (finding,) = unfinished_findings(paths, now=NOW)
    assert finding.subject == (subject or str(file))
    assert finding.remedy
