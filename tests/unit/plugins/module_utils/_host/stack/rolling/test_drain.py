# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drain: it ends with the last old worker, or in time."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.nginx import Worker
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.rolling import drain
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.rolling.drain import wait_for_old_workers

NEW, OLD = Worker(2, 20, accepting=True), Worker(1, 10, accepting=False)


class Nginx:
    """An NGINX whose old worker ends after so many looks."""

    def __init__(self, looks: int, *, runs: bool = True) -> None:
        self.looks, self.runs = looks, runs

    def master(self) -> int | None:
        return 1 if self.runs else None

    def workers(self, master: int) -> list[Worker]:
        assert master == 1
        self.looks -= 1
        return [NEW] if self.looks < 0 else [OLD, NEW]


@pytest.mark.parametrize(
    ("nginx", "least", "most"),
    [
        (Nginx(0), 0.0, 0.05),
        (Nginx(3), 0.03, 0.1),
        (Nginx(1_000_000), 0.2, 0.4),
        (Nginx(1_000_000, runs=False), 0.0, 0.05),
    ],
    ids=["no old worker", "an old worker that ends", "a stream without end", "NGINX does not run"],
)
def test_the_wait(nginx: Any, least: float, most: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "_PAUSE_SECONDS", 0.01)
    assert least <= wait_for_old_workers(nginx, seconds=0.2) <= most
