# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit records and chains of records for tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import (
    GENESIS,
    AuditRecord,
    Controller,
    RecordedActor,
    content_of,
    seal,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.ids import uuid7

CONTROLLER = Controller(name="ws", id="0123456789abcdef")


def audit_id(number: int = 0) -> str:
    """Return an id that sorts by its number."""
    return uuid7(1_790_000_000_000 + number, randomness=number.to_bytes(10, "big"))


def record(number: int = 0, **said: Any) -> AuditRecord:
    """Return a record of a started run with these values."""
    made = AuditRecord(
        id=audit_id(number),
        kind="started",
        time=f"2026-11-24T10:00:{number % 60:02}.000000Z",
        actor=RecordedActor(user="ops"),
        controller=CONTROLLER,
        verb="site.provision",
        version="0.1.0",
        target="shop.example.com",
        playbook="flowbiz.vsa.site.provision",
    )
    return replace(made, **said)


def chain(count: int, *, first: int = 0, before: str = GENESIS) -> list[str]:
    """Return the lines of a whole chain, without newlines."""
    lines = []
    for number in range(first, first + count):
        lines.append(seal(record(number), before))
        before = content_of(lines[-1])[1]
    return lines
