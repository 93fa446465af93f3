# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record that opens a run. The audit callback and the wrapper both start with it.

Ansible is not imported here: the wrapper writes records of verbs that need no Ansible.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.mask import masked_arguments, target_of
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import AuditRecord, RecordedActor
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.ids import is_uuid7
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.version import VERSION
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import (
    Places,
    this_controller,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.trail import now
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.ids import new_audit_id
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.login import current_actor

__all__ = ("opening_record",)


def opening_record(
    *,
    places: Places,
    environ: Mapping[str, str],
    verb: str,
    playbook: str | None,
    arguments: Mapping[str, Any],
    check: bool = False,
    hosts: tuple[str, ...] = (),
    target: str | None = None,
) -> AuditRecord:
    """Return the record that opens a run.

    ``arguments`` are masked here. The record's id is ``vsa_audit_id`` among them if that is a UUID of version 7, or
    else a new one.
    """
    requested = arguments.get("vsa_audit_id")
    usable = isinstance(requested, str) and is_uuid7(requested)
    return AuditRecord(
        id=str(requested) if usable else new_audit_id(),
        kind="started",
        time=now(),
        actor=RecordedActor.of(current_actor(environ)),
        controller=this_controller(places),
        verb=verb,
        version=VERSION,
        hosts=hosts,
        target=target or target_of(arguments),
        playbook=playbook,
        arguments=masked_arguments(arguments),
        check=check,
    )
