# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every dashboard is checked by TypeScript against Grafana's own types (@grafana/schema, Apache-2.0, from npm)."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import rig

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

DASHBOARDS = sorted((rig.ROOT / "stacks/observability/grafana/dashboards").glob("*.json"))
# The release of Grafana that the stack runs.
PACKAGES = ("@grafana/schema@13.2.3", "typescript@5")
# In JSON the value of an enumeration is its text, which TypeScript does not take for the enumeration itself.
_TYPES = """
import type { Dashboard } from "@grafana/schema";
type Plain<T> = unknown extends T ? T
  : T extends string ? `${T}`
  : T extends number | boolean | null | undefined ? T
  : T extends (infer U)[] ? Plain<U>[]
  : { [K in keyof T]: Plain<T[K]> };
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not shutil.which("npm"):
        pytest.skip("no npm: the dashboards are not checked against Grafana's types")
    folder = tmp_path_factory.mktemp("schema")
    (folder / "package.json").write_text('{"name": "schema", "private": true, "type": "module"}\n', encoding="utf-8")
    argv = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", *PACKAGES]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"npm does not give Grafana's types: {done.stderr[-300:]}")
    return folder


def checked(project: Path, dashboard: str) -> str:
    """Return what TypeScript says of a dashboard, empty if all is well."""
    text = f"{_TYPES}export const d: Plain<Partial<Dashboard>> = {dashboard};\n"
    (project / "check.ts").write_text(text, encoding="utf-8")
    argv = ["node_modules/.bin/tsc", "--noEmit", "--skipLibCheck", "--strict", "--module", "nodenext", "check.ts"]
    argv += ["--moduleResolution", "nodenext", "--target", "es2022"]
    return subprocess.run(argv, cwd=project, capture_output=True, text=True, timeout=120).stdout


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_has_grafanas_types(project: Path, path: Path) -> None:
    assert checked(project, path.read_text(encoding="utf-8")) == ""


def test_a_wrong_dashboard_is_found(project: Path) -> None:
    dashboard = json.loads(DASHBOARDS[0].read_text(encoding="utf-8"))
    dashboard["time"] = {"from": 6, "to": "now"}
    assert "Type 'number' is not assignable to type 'string'" in checked(project, json.dumps(dashboard))
    dashboard = json.loads(DASHBOARDS[0].read_text(encoding="utf-8"))
    dashboard["panels"][0]["gridPos"]["width"] = 12
    assert "width" in checked(project, json.dumps(dashboard))
