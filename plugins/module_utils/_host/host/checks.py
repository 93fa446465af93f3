# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of `vsa status`, one row per check. A new check is a function of its own room, and a row here.

A check returns findings; none means that all is well. A check that raises an error, or that does not end in time, is
reported as not checked (``status.py``).
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..._core.errors import VsaError
from ..._core.finding import Finding
from ..bootstrap.data_disk import data_disk_findings
from ..cert.health import renewal_findings
from ..machine.clock import time_now
from ..proxy.claims import claim_findings
from ..proxy.doors import door_findings
from ..proxy.health import engine_findings, own_container_findings, proxy_findings
from ..proxy.keys import key_findings
from ..proxy.network_health import backend_findings, firewall_findings, network_findings
from ..proxy.tenancy import shared_findings
from ..stack.backup.cut_off import restore_findings
from ..stack.backup.health import backup_findings
from ..stack.container_check import stack_findings
from ..stack.folder_check import folder_findings
from ..stack.inspect import running_findings
from .leftovers import leftover_files, leftover_networks
from .look import Look
from .machine import disk_findings, generation_findings, reboot_findings, settings_findings
from .unfinished import unfinished_findings

__all__ = ("CHECKS", "Check")


@dataclass(frozen=True)
class Check:
    """One check: its name, which the operator reads if the check could not be done, and what it does."""

    name: str
    run: Callable[[Look], list[Finding]]


def _engine(look: Look) -> list[Finding]:
    try:
        look.engine.version()
    except VsaError as error:
        return engine_findings(error)
    return []


CHECKS = (
    Check("Docker", _engine),
    Check("reverse proxy", lambda look: proxy_findings(look.host, look.nginx)),
    Check("networks", lambda look: network_findings(look.engine)),
    Check("firewall", lambda look: firewall_findings(look.paths)),
    Check("firewall backend", lambda look: backend_findings(look.engine)),
    Check("keys", lambda look: key_findings(look.paths)),
    Check("sites", lambda look: look.sites.findings),
    Check("renewal", lambda look: renewal_findings(look.paths)),
    Check("own containers", lambda look: own_container_findings(look.containers)),
    Check("live generation", lambda look: generation_findings(look.host)),
    Check("unfinished changes", lambda look: unfinished_findings(look.paths)),
    Check("unfinished restores", lambda look: restore_findings(look.paths, look.engine)),
    Check("settings", lambda look: settings_findings(look.paths)),
    Check("leftover files", lambda look: leftover_files(look.host)),
    Check("leftover networks", lambda look: leftover_networks(look.host, look.engine)),
    Check("open doors", lambda look: door_findings(look.host)),
    Check("policy", lambda look: running_findings(look.engine, look.paths)),
    Check("names", lambda look: claim_findings(look.host.index, look.containers)),
    Check("tenants", lambda look: shared_findings(look.host.index, look.containers)),
    Check("stack folders", lambda look: folder_findings(look.paths)),
    Check("stacks", lambda look: stack_findings(look.paths, look.containers)),
    Check("backups", lambda look: backup_findings(look.paths, now=time_now())),
    Check("data disk", lambda look: data_disk_findings(look.paths)),
    Check("disk", lambda look: disk_findings(look.paths)),
    Check("reboot", lambda look: reboot_findings(look.paths)),
)
