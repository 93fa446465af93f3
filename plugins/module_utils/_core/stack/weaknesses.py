# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stack may do and hurts its host later: services without a restart policy, log rotation or memory limit.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from .config import run_once

__all__ = ("weaknesses",)

_NOT_AFTER_A_REBOOT = ("", "no", "on-failure")
# Without a driver the engine uses its default, which is this one unless daemon.json says otherwise.
_GROWING = ("", "json-file")


def weaknesses(said: str, *, rotated: bool) -> list[str]:
    """Return a note for each kind of weakness, with the services that have it.

    ``said`` is what ``docker compose config --format json`` says of the stack. ``rotated``: the engine of the host
    rotates the log of every container that says nothing else.
    """
    config = json.loads(said) if said else {}
    services: Mapping[str, Mapping[str, Any]] = config.get("services") or {}
    once = run_once(services)
    lasting = {name: service for name, service in services.items() if name not in once}
    found = (
        (_named(lasting, _stays_down), "no restart policy that survives a reboot (restart: unless-stopped)"),
        (_named(services, _unlimited), "no memory limit (mem_limit), and may take all memory of the host"),
        ([] if rotated else _named(services, _grows), "a log that grows for ever (logging: options: max-size)"),
    )
    return [f"{', '.join(names)}: {text}" for names, text in found if names]


def _named(services: Mapping[str, Mapping[str, Any]], weak: Callable[[Mapping[str, Any]], bool]) -> list[str]:
    return sorted(name for name, service in services.items() if weak(service))


def _stays_down(service: Mapping[str, Any]) -> bool:
    policy = str(service.get("restart") or _deployed(service, "restart_policy").get("condition") or "")
    return policy.partition(":")[0] in _NOT_AFTER_A_REBOOT


def _unlimited(service: Mapping[str, Any]) -> bool:
    limits = _deployed(service, "resources").get("limits")
    return not (service.get("mem_limit") or (isinstance(limits, Mapping) and limits.get("memory")))


def _grows(service: Mapping[str, Any]) -> bool:
    logging = service.get("logging")
    settings: Mapping[str, Any] = logging if isinstance(logging, Mapping) else {}
    options = settings.get("options")
    bounded = isinstance(options, Mapping) and options.get("max-size")
    return str(settings.get("driver") or "") in _GROWING and not bounded


def _deployed(service: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    deploy = service.get("deploy")
    found = deploy.get(key) if isinstance(deploy, Mapping) else None
    return found if isinstance(found, Mapping) else {}
