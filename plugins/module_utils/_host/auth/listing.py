# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may pass where: the protected paths of a host with their users, and whether that is so in the live proxy.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from typing import Any

from ..._core import forms
from ..._core.auth import htpasswd
from ..._core.errors import RefusedError, VsaError
from ..._core.hints import Hint
from ..store.generations import Generations
from ..store.layout import Paths
from ..store.manifests import parse_manifest, read_manifests
from ..store.passwords import protected_on_disk, read_users_file

__all__ = ("list_auth",)


def list_auth(domain: object, *, paths: Paths | None = None) -> dict[str, Any]:
    """Return the result of the module ``auth_info``: an entry for each path, by domain and path."""
    paths = paths or Paths()
    wanted = None if domain is None else forms.domain(domain)
    manifests = read_manifests(paths)
    files = protected_on_disk(paths)
    generations = Generations(paths)
    record = generations.record(generations.live_number())
    live = {name: entry.get("auth") or [] for name, entry in (record.sites if record else {}).items()}
    if wanted is not None and wanted not in manifests and wanted not in live:
        raise RefusedError(
            "this host has no such site",
            field="domain",
            value=wanted,
            there_are=sorted({*manifests, *live})[:20],
            hint=Hint("site.list"),
        )
    entries = []
    for name in sorted({*manifests, *files, *live}) if wanted is None else [wanted]:
        said = _said(name, manifests.get(name))
        known = sorted({*said, *files.get(name, ()), *live.get(name, ())})
        entries += [_entry(paths, name, path, said=path in said, live=path in live.get(name, ())) for path in known]
    return {"changed": False, "schema": 1, "auth": entries}


def _said(domain: str, text: str | None) -> tuple[str, ...]:
    try:
        return parse_manifest(domain, text).auth if text is not None else ()
    except VsaError:
        return ()  # `vsa site list` names it


def _entry(paths: Paths, domain: str, path: str, *, said: bool, live: bool) -> dict[str, Any]:
    text = read_users_file(paths, domain, path)
    users = sorted(htpasswd.users(text or ""))
    state, problem = "ok", None
    if not live:
        state = "pending" if said else "unused"
        problem = "not behind a password yet: vsa vhost sync" if said else "nothing points to it: vsa auth remove"
    elif text is None:
        state, problem = "missing", "its password file is gone, nobody may pass: vsa auth add"
    elif not users:
        state, problem = "locked", "it has no user, nobody may pass: vsa auth add"
    elif not said:
        state, problem = "pending", "the manifest no longer says so: vsa vhost sync would open it"
    return {"domain": domain, "path": path, "users": users, "state": state, "problem": problem}
