# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rotated logs the reloader keeps: a noisy site loses its own history, and never that of a quiet one."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from vsa_tree import ROOT

RELOADER = (ROOT / "stacks/reverse-proxy/bin/nginx-reloader.sh").read_text()
TIDY = re.search(r"^tidy\(\) \{\n.*?^\}\n", RELOADER, re.MULTILINE | re.DOTALL)


def kept(tmp_path: Path, sizes: dict[str, int], **limits: int) -> list[str]:
    """Write rotated logs of so many bytes, tidy, and return the names of those that are left."""
    assert TIDY is not None
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(b"x" * size)
    settings = {f"VSA_LOG_{name.upper()}": str(value) for name, value in limits.items()}
    environment = {"PATH": os.environ["PATH"], **settings}
    subprocess.run(["sh", "-euc", f"logs={tmp_path}\n{TIDY[0]}\ntidy"], check=True, env=environment)
    return sorted(path.name for path in tmp_path.iterdir())


def _rotated(site: str, *days: int) -> list[str]:
    return [f"{site}.access.log.{1_700_000_000 + day}" for day in days]


def test_a_noisy_site_erases_no_history_of_a_quiet_one(tmp_path: Path) -> None:
    quiet, noisy = _rotated("quiet", 1, 2), _rotated("noisy", *range(3, 13))
    sizes = {**dict.fromkeys(quiet, 100), **dict.fromkeys(noisy, 1000)}
    assert kept(tmp_path, sizes, total_bytes=5300, site_bytes=100_000) == sorted([*noisy[-5:], *quiet])


def test_each_log_has_a_budget_of_its_own(tmp_path: Path) -> None:
    quiet, noisy = _rotated("quiet", 1), _rotated("noisy", 2, 3, 4)
    sizes = {**dict.fromkeys(quiet, 100), **dict.fromkeys(noisy, 1000)}
    assert kept(tmp_path, sizes, total_bytes=100_000, site_bytes=2500) == sorted([*noisy[-2:], *quiet])


def test_of_two_noisy_logs_the_noisier_loses_first(tmp_path: Path) -> None:
    first, second = _rotated("first", 1, 2, 3), _rotated("second", 4, 5)
    sizes = {**dict.fromkeys(first, 1000), **dict.fromkeys(second, 1100)}
    assert kept(tmp_path, sizes, total_bytes=4300, site_bytes=100_000) == sorted([*first[-2:], *second])


@pytest.mark.parametrize(("keep", "left"), [(2, 2), (14, 3)])
def test_the_number_of_old_files_of_a_log(tmp_path: Path, keep: int, left: int) -> None:
    names = _rotated("site", 1, 2, 3)
    assert kept(tmp_path, dict.fromkeys(names, 10), keep=keep) == names[-left:]
