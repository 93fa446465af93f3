# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specs that several modules share, and their way into values of the core.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from ..._core.errors import UsageError
from ..._core.ids import is_uuid7, uuid7
from ..._core.site.manifest import FIELDS, parse_route, parse_upstream

__all__ = ("RUN_SPEC", "SITE_SPEC", "TEMPLATES_SPEC", "audit_id", "said_of")

# What names a run; the action plugins fill it in.
RUN_SPEC: dict[str, dict[str, Any]] = {
    "audit_id": {"type": "str"},
    "actor": {"type": "str", "default": "unknown"},
    "verb": {"type": "str"},
}

# What renders the proxy's files. Not secret, but long: without no_log every change would write them whole into the
# journal of the host.
TEMPLATES_SPEC: dict[str, dict[str, Any]] = {
    "templates": {"type": "dict", "no_log": True},
    "templates_dir": {"type": "path"},
}

# The fields of a site as words of a task. Forms are checked by the core, not by Ansible: its errors name the way out.
SITE_SPEC: dict[str, dict[str, Any]] = {
    "upstream": {"type": "raw"},
    "container": {"type": "raw"},
    "port": {"type": "raw"},
    "routes": {"type": "list", "elements": "raw"},
    "aliases": {"type": "list", "elements": "raw"},
    "tenant": {"type": "raw"},
    "email": {"type": "raw"},
    "ca": {"type": "raw"},
    "profile": {"type": "raw"},
    "body_size": {"type": "raw"},
    "http3": {"type": "bool"},
    "hsts": {"type": "bool"},
    "rate_limit": {"type": "raw"},
    "rate_burst": {"type": "raw"},
    "allow": {"type": "list", "elements": "raw"},
    "trusted_proxies": {"type": "list", "elements": "raw"},
    "timeout": {"type": "raw"},
    "www": {"type": "raw"},
    "maintenance": {"type": "bool"},
    "maintenance_allow": {"type": "list", "elements": "raw"},
    "strip_prefix": {"type": "list", "elements": "raw"},
    "auth": {"type": "list", "elements": "raw"},
    "auth_pass": {"type": "bool", "no_log": False},
    "unset": {"type": "list", "elements": "str"},
}


def audit_id(value: str | None) -> str:
    """Return the id of the run, made here where no door brought one."""
    if not value:
        return uuid7(time.time_ns() // 1_000_000, randomness=os.urandom(10))
    if not is_uuid7(value):
        raise UsageError("this is not a run's id", field="audit_id", value=value, expected="a UUID of version 7")
    return value


def said_of(options: Mapping[str, Any]) -> dict[str, object]:
    """Return the fields that a task's options say, without those left out; texts of routes become mappings."""
    said = {key: options[key] for key in (*FIELDS, "container", "port", "strip_prefix") if options.get(key) is not None}
    upstream = options.get("upstream")
    if upstream is not None:
        if any(key in said for key in ("routes", "container", "port")):
            raise UsageError("say either upstream, or routes, or container and port", field="upstream", value=upstream)
        said["routes"] = parse_upstream(str(upstream))
    elif "routes" in said:
        said["routes"] = [
            parse_route(route, field=f"routes/{number}") if isinstance(route, str) else route
            for number, route in enumerate(said["routes"])
        ]
    return said
