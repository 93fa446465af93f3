"""What the rig's PocketBase is built from: an exact version with its sums, and no registry's name."""

from __future__ import annotations

import re

import rig

_FOLDER = rig.ROOT / "tests/rig/images/pocketbase"
_MOD = (_FOLDER / "go.mod").read_text()
_SUM = (_FOLDER / "go.sum").read_text()


def test_it_is_one_release_with_its_sum() -> None:
    (version,) = re.findall(r"github\.com/pocketbase/pocketbase (v\d+\.\d+\.\d+)$", _MOD, re.MULTILINE)
    assert f"github.com/pocketbase/pocketbase {version} h1:" in _SUM
    assert "github.com/grafana" not in _MOD + _SUM


def test_the_directory_holds_what_the_build_names() -> None:
    assert {path.name for path in _FOLDER.iterdir()} == {"Dockerfile", "go.mod", "go.sum", "main.go"}
    assert "proxy." not in _MOD
