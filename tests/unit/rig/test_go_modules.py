"""What the rig's Go programs are built from: an exact version with its sums, and no registry's name."""

from __future__ import annotations

import re

import pytest

import rig

PROGRAMS = [
    ("pocketbase", "github.com/pocketbase/pocketbase", {"Dockerfile", "go.mod", "go.sum", "main.go"}),
    ("stores", "github.com/rclone/rclone", {"Dockerfile", "go.mod", "go.sum", "main.go", "serve"}),
]


@pytest.mark.parametrize(("folder", "module", "files"), PROGRAMS)
def test_it_is_one_release_with_its_sum(folder: str, module: str, files: set[str]) -> None:
    place = rig.ROOT / "tests/rig/images" / folder
    assert {path.name for path in place.iterdir()} == files
    named, sums = ((place / name).read_text() for name in ("go.mod", "go.sum"))
    (version,) = re.findall(rf"{re.escape(module)} (v\d+\.\d+\.\d+)$", named, re.MULTILINE)
    assert f"{module} {version} h1:" in sums
    # Both are under the AGPL.
    assert "github.com/grafana" not in named + sums
    assert "github.com/minio/minio " not in named + sums
    assert "proxy." not in named
