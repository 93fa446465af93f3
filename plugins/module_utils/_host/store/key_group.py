# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The group that reads certificates, keys and password files: of a tree, that of its topmost directory.

The containers of an earlier release read them as the group of NGINX's image, and those of this release as VSA's own
group too. `stack up reverse-proxy` changes the group of a tree after the new containers serve (proxy/keys.py). Until
then, whatever writes into the tree goes on with the group of before, so that no worker is ever without its keys.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from pathlib import Path

from .layout import KEYS_GID, NGINX_GID, Paths

__all__ = ("group_below", "key_trees", "trees_of_before")


def key_trees(paths: Paths) -> tuple[Path, ...]:
    """Return the directories of a host with what NGINX's workers and vsa-auth read, and nobody else may."""
    return (paths.letsencrypt, paths.selfsigned, paths.htpasswd)


def group_below(top: Path) -> int:
    """Return the group for everything below a directory of keys."""
    try:
        found = top.stat().st_gid
    except FileNotFoundError:
        return KEYS_GID
    return NGINX_GID if found == NGINX_GID else KEYS_GID


def trees_of_before(paths: Paths) -> list[Path]:
    """Return the directories of keys that still have the group of an earlier release."""
    return [top for top in key_trees(paths) if top.is_dir() and group_below(top) == NGINX_GID]
