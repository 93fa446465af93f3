# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record that opens a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import AuditRecord
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.ids import is_uuid7
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import Places
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._audit.opening import opening_record

AUDIT_ID = "01936f00-0000-7000-8000-000000000000"


def opened(folder: Path, arguments: dict[str, Any], **named: Any) -> AuditRecord:
    places = Places(folder, folder, folder / "spool")
    return opening_record(places=places, environ={}, verb="site.list", playbook=None, arguments=arguments, **named)


def test_the_id_of_the_wrapper_is_taken_and_shown_once(tmp_path: Path) -> None:
    record = opened(tmp_path, {"vsa_audit_id": AUDIT_ID, "domain": "a.example.com"})
    assert record.id == AUDIT_ID
    assert record.arguments == {"domain": "a.example.com"}
    assert (record.kind, record.status, record.target) == ("started", "started", "a.example.com")


@pytest.mark.parametrize("wrong", ["", "x", 5, None, "01936f00-0000-4000-8000-000000000000"])
def test_another_id_is_not_taken(tmp_path: Path, wrong: object) -> None:
    record = opened(tmp_path, {"vsa_audit_id": wrong})
    assert is_uuid7(record.id)
    assert record.id != wrong


def test_secrets_are_masked_and_the_named_target_wins(tmp_path: Path) -> None:
    record = opened(tmp_path, {"db_password": "hunter2hunter2", "domain": "a.example.com"}, target="b", check=True)
    assert record.arguments["db_password"] == "***"
    assert (record.target, record.check) == ("b", True)


def test_records_of_one_trail_have_one_writer(tmp_path: Path) -> None:
    assert opened(tmp_path, {}).controller == opened(tmp_path, {}).controller
