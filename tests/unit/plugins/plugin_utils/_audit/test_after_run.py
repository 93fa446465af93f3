# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is indexed and sent once a run has its last record, and what the operator reads of it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.index import Index
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import Places
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.trail import Trail
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._audit.after_run import index_and_send
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._loki.settings import LokiSettings

from audit_records import record

NOBODY = LokiSettings("http://127.0.0.1:1")


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(tmp_path, tmp_path, tmp_path / "spool")
    Trail(made).append(record())
    return made


def test_without_loki_the_records_are_indexed(places: Places) -> None:
    assert index_and_send(places, None, began=time.monotonic()) is None
    assert [row.id for row in Index(places).runs()] == [record().id]
    assert not places.loki_cursor.exists()


def test_a_loki_that_cannot_be_reached_is_a_warning(places: Places) -> None:
    words = index_and_send(places, NOBODY, began=time.monotonic())
    assert words is not None
    assert "127.0.0.1:1" in words
    assert "the next run sends the records again" in words


def test_a_run_waits_no_longer_than_two_seconds(places: Places) -> None:
    assert index_and_send(places, NOBODY, began=time.monotonic() - 2.1) is None
    assert [row.id for row in Index(places).runs()] == [record().id], "indexed even so"
