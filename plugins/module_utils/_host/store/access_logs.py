# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The access logs of sites. NGINX creates them when it tests or loads a configuration, even if it refuses the site.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from .layout import Paths

__all__ = ("access_log", "log_names", "move_logs", "remove_logs", "site_logs")

# What follows the domain in the name of a log. The reloader numbers a rotated log by the time of its rotation.
_ROTATED = re.compile(r"(?P<kind>\.(?:access|error)\.log)(?:\.(?P<number>\d+))?(?P<gz>\.gz)?")


def access_log(domain: str) -> str:
    """Return the name of the log that NGINX writes of a site."""
    return f"{domain}.access.log"


def log_names(paths: Paths) -> set[str]:
    """Return the names of all log files. A change of one site asks twice, and each site has a log."""
    try:
        return set(os.listdir(paths.logs))
    except FileNotFoundError:
        return set()


def remove_logs(paths: Paths, names: Iterable[str]) -> None:
    """Remove access logs by name. Other names are ignored, and so are files that do not exist."""
    for name in names:
        if name.endswith(".access.log"):
            (paths.logs / name).unlink(missing_ok=True)


def site_logs(paths: Paths, domain: str) -> list[Path]:
    """Return the log files of a site: the current ones and the rotated ones, compressed or not."""
    form = re.compile(rf"{re.escape(domain)}\.(access|error)\.log(\.\d+)?(\.gz)?")
    return [paths.logs / name for name in sorted(log_names(paths)) if form.fullmatch(name)]


def move_logs(paths: Paths, domain: str, other: str) -> list[Path]:
    """Rename the logs of a site so that they are rotated logs of another domain. Returns the new paths.

    The present log becomes a rotated one too: NGINX writes the other domain's own log already.
    """
    moved = []
    for path in site_logs(paths, domain):
        found = _ROTATED.fullmatch(path.name.removeprefix(domain))
        if found is None:
            continue
        number = int(found["number"] or path.stat().st_mtime)
        target = _free(paths, other + found["kind"], number, found["gz"] or "")
        path.rename(target)
        moved.append(target)
    return moved


def _free(paths: Paths, name: str, number: int, ending: str) -> Path:
    """Return the first path from a number on that neither a log nor a compressed log has."""
    while any((paths.logs / f"{name}.{number}{each}").exists() for each in ("", ".gz")):
        number += 1
    return paths.logs / f"{name}.{number}{ending}"
