# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates of the host as a beat shows them: what `vsa cert status` knows from the files alone.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from ...._core.times import rfc3339
from ...machine.clock import time_now
from ...store.host import Host
from ...store.layout import Paths
from ...store.lineages import read_lineages
from ..kept import Kept, file_stamp

__all__ = ("certificate_files", "certificate_rows")


def certificate_rows(host: Host, kept: Kept) -> list[Mapping[str, Any]]:
    """Return the rows of the section ``certificates``. OSError if the directories cannot be read."""
    domains = sorted({*host.manifests, *read_lineages(host.paths).domains})
    stamps = {domain: certificate_files(host.paths, domain) for domain in domains}
    now = time_now()

    def read(wanted: Sequence[str]) -> dict[str, dict[str, Any]]:
        # Imported here: in most beats no certificate changed, and these need a library that takes 0.1 s to load.
        from ...cert.listing import certificates_on_disk

        rows: dict[str, dict[str, Any]] = {}
        for view in certificates_on_disk(host, wanted):
            # A lineage that no site uses does not hide that of the site.
            rows.setdefault(view["domain"], _row(view))
        return rows

    return kept.rows("certificates", stamps, read, depends=lambda _domain, row: _times(row, now))


def certificate_files(paths: Paths, domain: str) -> list[object]:
    """Return what changes if a file of a certificate changes."""
    top = str(paths.letsencrypt)
    files = (
        f"{top}/live/{domain}/fullchain.pem",
        f"{top}/live/{domain}/privkey.pem",
        f"{top}/renewal/{domain}.conf",
        f"{top}/vsa-attempts/{domain}.json",
        f"{paths.selfsigned}/{domain}/fullchain.pem",
        f"{paths.selfsigned}/{domain}/privkey.pem",
        f"{paths.sites}/{domain}.yml",
        f"{paths.certs}/{domain}.yml",
        str(paths.vsa_yml),
    )
    return list(map(file_stamp, files))


def _times(row: Mapping[str, Any], now: datetime.datetime) -> list[bool]:
    """Return which of the times have come that the state of a certificate depends on."""
    renewal = str((row.get("renewal") or {}).get("at") or "")
    return [str(row.get("not_after") or "") < rfc3339(now), renewal < f"{now:%Y-%m-%d}"]


def _row(view: Mapping[str, Any]) -> dict[str, Any]:
    failure = view["last_failure"]
    problem = view["problem"]
    return {
        "name": view["domain"],
        "names": view["names"],
        "issuer": view["issuer"],
        "key": view["key"],
        "not_before": view["not_before"],
        "not_after": view["not_after"],
        "state": view["state"],
        "why": None if problem is None else str(problem),
        "renewal": {"at": view["renews"], "method": view["renews_by"]} if view["renews"] else None,
        "last_attempt": {"at": failure["time"], "error": failure["error"]} if failure else None,
        "fingerprint": view["fingerprint"],
    }
