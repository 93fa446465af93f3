# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give keys and password files of an earlier release to VSA's own group, as soon as every reader has this group.

Earlier releases let the group of NGINX's image read them. On the host another group may have this number, such as _ssh
of Debian 13. The readers of this release have both groups, so nobody is without keys at any moment, and a run that was
killed in the middle is finished by the next one: the topmost directory is changed last.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..._core.finding import WARNING, Finding
from ..._core.hints import Advice, Hint
from ..machine.files import read_text
from ..machine.groups import group_names
from ..machine.walk import walk
from ..store.key_group import trees_of_before
from ..store.layout import KEYS_GID, KEYS_GROUP, NGINX_GID, Paths
from .nginx import AUTH_CONTAINER, Nginx

if TYPE_CHECKING:
    from .protocols import ProxyEngine

__all__ = ("hand_over_keys", "key_findings")


def hand_over_keys(engine: ProxyEngine, paths: Paths, *, check: bool, proc: Path = Path("/proc")) -> list[str]:
    """Give the keys of before to VSA's own group, and return what was given; nothing while a reader lacks the group.

    With ``check`` nothing is changed.
    """
    trees = trees_of_before(paths)
    if not trees or not _readers_have_group(engine, paths, proc):
        return []
    if not check:
        for top in trees:
            with walk(top) as tree:
                tree.regroup(NGINX_GID, KEYS_GID)
    return [f"{top.name} (for the group {KEYS_GROUP})" for top in trees]


def _readers_have_group(engine: ProxyEngine, paths: Paths, proc: Path) -> bool:
    """Say whether all workers of NGINX and vsa-auth run with VSA's own group."""
    nginx = Nginx(engine, paths, proc=proc)
    master, auth = nginx.master(), engine.container(AUTH_CONTAINER)
    workers = nginx.workers(master) if master else []
    if not workers or auth is None or not auth.running:
        return False
    return all(KEYS_GID in _groups(proc, pid) for pid in (*(worker.pid for worker in workers), auth.pid))


def _groups(proc: Path, pid: int) -> set[int]:
    """Return the groups of a process besides its first one. Source: proc_pid_status(5)."""
    for line in (read_text(proc / str(pid) / "status") or "").splitlines():
        if line.startswith("Groups:"):
            return {int(word) for word in line.split()[1:]}
    return set()


def key_findings(paths: Paths) -> list[Finding]:
    """Return a finding if keys can still be read by the host's group that has the number of NGINX's group."""
    trees = trees_of_before(paths)
    if not trees:
        return []
    other = group_names(paths.root).get(NGINX_GID, f"with the number {NGINX_GID}")
    text = f"keys and password files can be read by the host's group {other}: {', '.join(top.name for top in trees)}"
    remedy = Advice("", Hint("stack.up", {"name": "reverse-proxy"}))
    return [Finding("keys-of-another-group", WARNING, str(paths.proxy / "data"), text, remedy)]
