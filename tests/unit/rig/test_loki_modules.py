"""What the rig's Loki is built from: exact versions, sums for all, nothing under the AGPL, no registry's name."""

from __future__ import annotations

import re

import rig

_FOLDER = rig.ROOT / "tests/rig/images/loki"
_MOD = (_FOLDER / "go.mod").read_text()
_SUM = (_FOLDER / "go.sum").read_text()


def test_it_is_the_last_apache_release() -> None:
    version = "v1.6.2-0.20210406003638-babea82ef558"
    assert re.findall(r"github\.com/grafana/loki\S* (v\S+)", _MOD) == [version]
    assert f"github.com/grafana/loki {version} h1:Itqao8z6hKcQ9/ivLQCiucZoHUbFw4aSNAGO/NA53hI=" in _SUM


def test_nothing_of_grafana_that_is_under_the_agpl() -> None:
    modules = set(re.findall(r"github\.com/grafana/[^\s@]+", _MOD + _SUM))
    assert modules == {"github.com/grafana/gocql", "github.com/grafana/loki", "github.com/grafana/tail"} | {
        f"github.com/grafana/loki/cmd/{command}" for command in ("loki", "promtail")
    }


def test_the_directory_holds_what_the_build_names() -> None:
    assert {path.name for path in _FOLDER.iterdir()} == {"go.mod", "go.sum", "loki.yaml"}
    assert "proxy." not in _MOD
    assert "GOPROXY" not in _MOD + (rig.ROOT / "tests/rig/vsa_rig/golang.py").read_text()
