# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Prometheus keeps with the settings of the stack: the last 15 days, and at most 1 GB."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import rig
from shipping import PROMETHEUS, eventually

pytestmark = [pytest.mark.rig, pytest.mark.long, pytest.mark.timeout(300)]

STACK = rig.ROOT / "stacks/observability"
DAYS = (20, 14, 10, 0)
# The header of a file with chunks: magic number, version, padding. The rest of the file may be a hole.
# Source: https://github.com/prometheus/prometheus/blob/main/tsdb/docs/format/chunks.md
_CHUNKS_HEADER = bytes.fromhex("85bd40dd 01 000000")


def _command() -> list[str]:
    """Return the command of the stack's Prometheus, with the default of each variable."""
    compose = yaml.safe_load((STACK / "compose.yml").read_text(encoding="utf-8"))
    return [re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", word) for word in compose["services"]["prometheus"]["command"]]


class Prometheus:
    """A genuine Prometheus with a sample of each of ``DAYS`` days ago."""

    def __init__(self, root: Path) -> None:
        self.data = root / "data"
        self._name = rig.scoped("retention")
        self._now = int(time.time())
        samples = [f'kept{{days="{days}"}} 1 {self._now - days * 86_400 - 600}\n' for days in DAYS]
        (root / "samples.txt").write_text("# TYPE kept gauge\n" + "".join(samples) + "# EOF\n", encoding="utf-8")
        self.data.mkdir()
        mounts = ["--volume", f"{root}:/made"]
        words = ["tsdb", "create-blocks-from", "openmetrics", "/made/samples.txt", "/made/data"]
        rig.docker("run", "--rm", *mounts, "--entrypoint", "promtool", PROMETHEUS, *words)

    def blocks(self) -> dict[str, Path]:
        """Return the folder of each block by the age of its sample in days."""
        found = {}
        for meta in self.data.glob("*/meta.json"):
            newest = json.loads(meta.read_text(encoding="utf-8"))["maxTime"] / 1000
            found[str(round((self._now - newest) / 86_400))] = meta.parent
        return found

    def start(self) -> None:
        mounts = ["--volume", f"{self.data}:/prometheus", "--volume", f"{STACK / 'prometheus'}:/etc/prometheus:ro"]
        rig.run_beside(self._name, PROMETHEUS, *_command(), words=mounts)

    def stop(self) -> None:
        rig.docker("rm", "--force", "--volumes", self._name, check=False)

    def asked(self, path: str, **words: object) -> Any:
        address = f"http://{rig.address_of(self._name)}:9090/api/v1/{path}?{urllib.parse.urlencode(words)}"
        with urllib.request.urlopen(address, timeout=10) as answer:
            return json.load(answer)["data"]

    def days(self) -> list[str]:
        """Return the ages of the samples that it still has, or its error's name."""
        try:
            found = self.asked("query_range", query="kept", start=self._now - 30 * 86_400, end=self._now, step="300")
        except OSError as error:
            return [type(error).__name__]
        return sorted(series["metric"]["days"] for series in found["result"])


@pytest.fixture
def prometheus(_rig: None, tmp_path: Path) -> Iterator[Prometheus]:
    rig.images(PROMETHEUS)
    made = Prometheus(tmp_path)
    assert sorted(made.blocks()) == sorted(map(str, DAYS))
    try:
        yield made
    finally:
        made.stop()


def test_what_is_older_than_15_days_goes(prometheus: Prometheus) -> None:
    prometheus.start()
    eventually(prometheus.days, ["0", "10", "14"], seconds=60)
    assert sorted(prometheus.blocks()) == ["0", "10", "14"]
    assert prometheus.asked("status/runtimeinfo")["storageRetention"] == "15d or 1GiB"


def test_more_than_1_gb_takes_the_oldest_away(prometheus: Prometheus) -> None:
    large = prometheus.blocks()["10"] / "chunks/000002"
    with large.open("wb") as stream:
        stream.write(_CHUNKS_HEADER)
        stream.truncate(1_000 << 20)
    prometheus.start()
    # 1,000 MiB are below the limit.
    eventually(prometheus.days, ["0", "10", "14"], seconds=60)
    prometheus.stop()
    subprocess.run(["truncate", "--size", "1025M", large], check=True)
    prometheus.start()
    eventually(prometheus.days, ["0"], seconds=60)
    assert sorted(prometheus.blocks()) == ["0"]
