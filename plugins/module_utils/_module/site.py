# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a site that the modules ``site`` and ``vhost`` share.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from typing import Any

__all__ = ("SITE_SPEC",)

# The core checks the form of a value, not Ansible: an error of the core names the way out.
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
