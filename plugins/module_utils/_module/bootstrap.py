# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument spec of the module bootstrap_info. The module's documentation describes the options.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from typing import Any

__all__ = ("BOOTSTRAP_SPEC",)

_OFF: dict[str, Any] = {"type": "bool", "default": False}
_STRINGS: dict[str, Any] = {"type": "list", "elements": "str", "default": []}

_CONCERNS: dict[str, dict[str, Any]] = {
    "packages": _OFF,
    "engine": _OFF,
    "daemon": _OFF,
    "network": _OFF,
    "directories": _OFF,
    "settings": _OFF,
}

_ENGINE: dict[str, dict[str, Any]] = {
    "source": {"type": "str", "choices": ["auto", "distro", "docker"], "default": "auto"},
    "repository": {"type": "str", "default": ""},
    "distro_packages": _STRINGS,
    "distro_compose_package": {"type": "str", "default": ""},
    "docker_packages": _STRINGS,
}

_DAEMON: dict[str, dict[str, Any]] = {
    "address_pools": {"type": "list", "elements": "dict", "default": []},
    "live_restore": {"type": "bool", "default": True},
    "log_max_size": {"type": "str", "default": "10m"},
    "log_max_file": {"type": "int", "default": 3},
    "ipv6": {"type": "bool", "default": True},
    "options": {"type": "dict", "default": {}},
}

_DIRECTORY: dict[str, dict[str, Any]] = {
    "path": {"type": "path", "required": True},
    "mode": {"type": "str", "required": True},
}

BOOTSTRAP_SPEC: dict[str, dict[str, Any]] = {
    "concerns": {"type": "dict", "options": _CONCERNS, "apply_defaults": True},
    "packages": _STRINGS,
    "engine": {"type": "dict", "options": _ENGINE, "apply_defaults": True},
    "daemon": {"type": "dict", "options": _DAEMON, "apply_defaults": True},
    "directories": {"type": "list", "elements": "dict", "options": _DIRECTORY, "default": []},
    "data_disk": {"type": "str"},
    "settings": {"type": "dict", "default": {}},
    "unset": _STRINGS,
    "ca_bundle": {"type": "str"},
    # Not secret, but long: without no_log each run would write it into the host's journal.
    "ca_bundle_text": {"type": "str", "default": "", "no_log": True},
    "python_installed": _OFF,
    "host_changed": _OFF,
}
