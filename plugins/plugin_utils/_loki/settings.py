# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of the push to Loki, and where they come from.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import Places

__all__ = ("LokiSettings", "loki_settings")

_NAMES = ("loki_url", "loki_auth_file", "loki_ca_bundle")


@dataclass(frozen=True)
class LokiSettings:
    """The URL that the trail is pushed to, the file with the credentials, and the file with the CA's certificates."""

    url: str
    auth_file: Path | None = None
    ca_bundle: Path | None = None


def loki_settings(environ: Mapping[str, str], *, config: Path | None, places: Places) -> LokiSettings | None:
    """Return the settings, or None if no URL is set anywhere.

    Each setting comes from the environment (``VSA_LOKI_URL`` …) or else from ``[callback_audit]`` of the ansible.cfg
    ``config``. If both lack the URL and the trail is a host's own, the host's settings apply.
    """
    section = _section(config)
    found = {name: environ.get(f"VSA_{name.upper()}") or section.get(name) for name in _NAMES}
    if not found["loki_url"] and places == Places.of_host():
        found |= _host_settings()
    if not found["loki_url"]:
        return None
    return LokiSettings(
        url=str(found["loki_url"]),
        auth_file=_path(found["loki_auth_file"]),
        ca_bundle=_path(found["loki_ca_bundle"]),
    )


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser() if text else None


def _section(config: Path | None) -> Mapping[str, str]:
    """Return ``[callback_audit]`` of an ansible.cfg; nothing if the file cannot be read."""
    if config is None:
        return {}
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(config, encoding="utf-8")
        return dict(parser["callback_audit"]) if parser.has_section("callback_audit") else {}
    except (configparser.Error, OSError, UnicodeDecodeError):
        return {}


def _host_settings() -> dict[str, str | None]:
    # Imported here: a controller that is no managed host does not need these files.
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.settings import read_settings

    try:
        settings = read_settings(Paths())
    except (ValueError, OSError):
        return {}
    return {"loki_url": settings.loki_url, "loki_ca_bundle": settings.ca_bundle}
