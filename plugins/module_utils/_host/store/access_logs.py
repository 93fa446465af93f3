# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The access logs of sites: NGINX makes them when it tests or takes a configuration, also for sites that it refuses.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from .layout import Paths

__all__ = ("log_names", "remove_logs", "site_logs")


def log_names(paths: Paths) -> set[str]:
    """Return the names of all logs."""
    try:
        return {entry.name for entry in paths.logs.iterdir()}
    except FileNotFoundError:
        return set()


def remove_logs(paths: Paths, names: Iterable[str]) -> None:
    """Remove access logs by name; other names are left alone, and gone already is fine."""
    for name in names:
        if name.endswith(".access.log"):
            (paths.logs / name).unlink(missing_ok=True)


def site_logs(paths: Paths, domain: str) -> list[Path]:
    """Return a site's logs: the present one, and the rotated ones, compressed or not."""
    form = re.compile(rf"{re.escape(domain)}\.(access|error)\.log(\.\d+)?(\.gz)?")
    return [paths.logs / name for name in sorted(log_names(paths)) if form.fullmatch(name)]
