# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the audit callback and the wrapper share: a run's first record, and what happens once it has its last.

No import of Ansible here: the wrapper does without.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import configparser
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.mask import masked_arguments, target_of
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import Record
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.ids import is_uuid7, uuid7
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.version import VERSION
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import (
    Places,
    login_actor,
    this_controller,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.trail import now

__all__ = ("LokiSettings", "after_run", "loki_settings", "new_id", "run_record", "send")

# A run waits no longer for its record to be indexed and sent.
_SECONDS = 2.0


@dataclass(frozen=True)
class LokiSettings:
    """Where the trail is pushed to, with the file of the credentials and the CA's certificates."""

    url: str
    auth_file: Path | None = None
    ca_bundle: Path | None = None


def new_id() -> str:
    """Return the id of a run that begins now."""
    return uuid7(time.time_ns() // 1_000_000, randomness=os.urandom(10))


def run_record(
    *,
    places: Places,
    environ: Mapping[str, str],
    verb: str,
    playbook: str | None,
    arguments: Mapping[str, Any],
    check: bool = False,
    hosts: tuple[str, ...] = (),
    target: str | None = None,
) -> Record:
    """Return the record that opens a run; ``arguments`` are masked here, and ``vsa_audit_id`` among them is its id."""
    said = arguments.get("vsa_audit_id")
    return Record(
        id=str(said) if isinstance(said, str) and is_uuid7(said) else new_id(),
        kind="started",
        time=now(),
        actor=login_actor(environ),
        controller=this_controller(places),
        verb=verb,
        version=VERSION,
        hosts=hosts,
        target=target or target_of(arguments),
        playbook=playbook,
        arguments=masked_arguments(arguments),
        check=check,
    )


def loki_settings(environ: Mapping[str, str], *, config: Path | None, places: Places) -> LokiSettings | None:
    """Return where to push to: the environment, ``[callback_audit]`` of an ansible.cfg, or a host's own settings."""
    section = _section(config)
    said = {
        name: environ.get(f"VSA_{name.upper()}") or section.get(name)
        for name in ("loki_url", "loki_auth_file", "loki_ca_bundle")
    }
    if not said["loki_url"] and places == Places.of_host():
        said |= _of_host()
    if not said["loki_url"]:
        return None
    auth, bundle = said["loki_auth_file"], said["loki_ca_bundle"]
    return LokiSettings(
        url=str(said["loki_url"]),
        auth_file=Path(auth).expanduser() if auth else None,
        ca_bundle=Path(bundle).expanduser() if bundle else None,
    )


def _section(config: Path | None) -> Mapping[str, str]:
    if config is None:
        return {}
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(config, encoding="utf-8")
        return dict(parser["callback_audit"]) if parser.has_section("callback_audit") else {}
    except (configparser.Error, OSError, UnicodeDecodeError):
        return {}


def _of_host() -> dict[str, str | None]:
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.settings import read_settings

    try:
        settings = read_settings(Paths())
    except (ValueError, OSError):
        return {}
    return {"loki_url": settings.loki_url, "loki_ca_bundle": settings.ca_bundle}


def send(places: Places, loki: LokiSettings, *, seconds: float) -> Any:
    """Push what was not pushed yet, for at most so many seconds; returns the transport's ShipResult."""
    from ansible_collections.flowbiz.vsa.plugins.plugin_utils._loki.ship import ship

    return ship(
        trail=places.files(),
        cursor=places.loki_cursor,
        url=loki.url,
        writer=this_controller(places).id,
        auth_file=loki.auth_file,
        ca_bundle=loki.ca_bundle,
        deadline=seconds,
    )


def after_run(places: Places, loki: LokiSettings | None, *, began: float) -> str | None:
    """Index what is new and push it, within two seconds of ``began`` (monotonic); returns what is worth a warning."""
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.index import Index

    Index(places).catch_up()
    left = _SECONDS - (time.monotonic() - began)
    if loki is None or left <= 0:
        return None
    result = send(places, loki, seconds=left)
    return f"Loki: {result.error}; it is sent again with the next run" if result.error else None
