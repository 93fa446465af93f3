# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ids of runs are new ones, of the right version, and in the order of their time."""

from __future__ import annotations

import time

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.ids import is_uuid7
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.ids import new_audit_id


def test_every_run_gets_an_id_of_its_own() -> None:
    made = {new_audit_id() for _ in range(100)}
    assert len(made) == 100
    assert all(is_uuid7(audit_id) for audit_id in made)


def test_a_later_run_has_the_greater_id() -> None:
    first = new_audit_id()
    time.sleep(0.002)
    assert first < new_audit_id()
