# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The protected paths of a host with their users, and whether the live proxy protects them: `auth list`.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from typing import Any

from ..._core import forms
from ..._core.auth import htpasswd
from ..._core.errors import VsaError
from ..._core.hints import Advice, Hint
from ..._core.proxy.prefixes import is_below
from ..._core.result import Result
from ..store.host import Host, read_host
from ..store.layout import Paths
from ..store.passwords import protected_on_disk, read_users_file

__all__ = ("list_auth",)


def list_auth(domain: object, *, paths: Paths | None = None) -> Result:
    """Return an entry for each protected path, and for each path that is open below one, sorted by domain.

    RefusedError if there is no such site.
    """
    host = read_host(paths or Paths(), stamped=False)
    wanted = None if domain is None else forms.domain(domain)
    files = protected_on_disk(host.paths)
    if wanted is None:
        domains = sorted({*host.manifests, *files, *host.index})
    elif wanted in host.manifests or wanted in host.index:
        domains = [wanted]
    else:
        raise host.no_such_site(wanted)
    entries = []
    for name in domains:
        entries += [*_entries(host, name, files.get(name, [])), *_opened(host, name)]
    return Result(data={"auth": entries})


def _entries(host: Host, domain: str, files: list[str]) -> list[dict[str, Any]]:
    requested = _requested(host, domain)
    live = host.index.get(domain, {}).get("auth") or []
    paths = sorted({*requested, *files, *live})
    return [_entry(host, domain, path, requested=path in requested, live=path in live) for path in paths]


def _opened(host: Host, domain: str) -> list[dict[str, Any]]:
    """Return an entry for each path that is open below a protected one."""
    try:
        site = host.site(domain)
    except VsaError:
        return []
    paths = [path for path in site.auth_open if any(is_below(closed, path) for closed in site.auth)] if site else []
    return [{"domain": domain, "path": path, "users": [], "state": "open", "problem": None} for path in sorted(paths)]


def _requested(host: Host, domain: str) -> tuple[str, ...]:
    """Return the paths that the site's manifest protects; `site list` reports a manifest that is not valid."""
    try:
        site = host.site(domain)
    except VsaError:
        return ()
    return site.auth if site is not None else ()


def _entry(host: Host, domain: str, path: str, *, requested: bool, live: bool) -> dict[str, Any]:
    text = read_users_file(host.paths, domain, path)
    users = sorted(htpasswd.users(text or ""))
    state, problem = _state(domain, path, text, users, requested=requested, live=live)
    return {"domain": domain, "path": path, "users": users, "state": state, "problem": problem}


def _state(
    domain: str, path: str, text: str | None, users: list[str], *, requested: bool, live: bool
) -> tuple[str, str | None]:
    """Return the state of a path, and its problem if the state is not ``ok``."""
    if not live and requested:
        return "pending", Advice("not behind a password yet", Hint("vhost.sync"))
    if not live:
        return "unused", Advice("nothing points to it", Hint("auth.remove", {"domain": domain, "route": path}))
    if text is None:
        return "missing", Advice(
            "its password file is gone, nobody may pass", Hint("auth.add", {"domain": domain, "route": path})
        )
    if not users:
        return "locked", Advice("it has no user, nobody may pass", Hint("auth.add", {"domain": domain, "route": path}))
    if not requested:
        return "pending", Advice("the manifest no longer protects it. To open it", Hint("vhost.sync"))
    return "ok", None
