# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The password files of sites.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from .files import remove_tree
from .paths import Paths

__all__ = ("remains", "remove_site")


def remains(paths: Paths, domain: str) -> list[str]:
    """Return the paths of a site's password files."""
    place = paths.htpasswd / domain
    return [str(place)] if place.is_symlink() or place.exists() else []


def remove_site(paths: Paths, domain: str) -> list[str]:
    """Remove a site's password files; returns the paths that went."""
    gone = remains(paths, domain)
    place = paths.htpasswd / domain
    if place.is_dir() and not place.is_symlink():
        remove_tree(place)
    else:
        place.unlink(missing_ok=True)
    return gone
