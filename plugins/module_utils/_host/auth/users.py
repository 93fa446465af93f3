# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users of a site's basic auth: added, removed, listed; hashes come from the controller, passwords never get here.

The order is what keeps a path closed: a password file is there before the proxy points to it, and goes after it no
longer does.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._core import forms
from ..._core.auth import htpasswd
from ..._core.errors import RefusedError, UsageError
from ..._core.hints import Hint
from ..._core.proxy.locations import served
from ..._core.proxy.plan import manifest_file, site_file, text_hash
from ..._core.result import as_module_result
from ..._core.run_context import RunContext
from ..._core.site.manifest import Site, parse
from ..machine.arguments import audit_id
from ..machine.docker import Engine
from ..machine.files import read_text
from ..proxy.nginx import AUTH_CONTAINER
from ..proxy.steps import outcome_result, plan_result
from ..proxy.transaction import Proxy
from ..proxy.values import Change, Request
from ..store.generations import Generations
from ..store.layout import Paths
from ..store.manifests import read_manifest, read_manifests
from ..store.passwords import locked, read_users_file, remove_file, remove_site, write_users_file

__all__ = ("run",)


def run(options: Mapping[str, Any], *, check: bool, diff: bool, paths: Paths | None = None) -> dict[str, Any]:
    """Carry out the module's options and return its result. Raises VsaError."""
    paths = paths or Paths()
    if not paths.htpasswd.is_dir():
        raise RefusedError("this host has no reverse proxy yet", hint=Hint("stack.up", {"name": "reverse-proxy"}))
    auth = _Auth(options, paths, check=check, diff=diff)
    with locked(paths):
        return auth.add() if options["state"] == "present" else auth.remove()


class _Auth:
    """One call of the module, under the lock of the password files."""

    def __init__(self, options: Mapping[str, Any], paths: Paths, *, check: bool, diff: bool) -> None:
        self._options, self._paths, self._check, self._diff = options, paths, check, diff
        self._domain = forms.domain(options["domain"])
        self._id = audit_id(options["audit_id"])
        self._user = None if options["user"] is None else forms.user(options["user"])
        self._route = None if options["route"] is None else forms.path(options["route"], field="route")

    def add(self) -> dict[str, Any]:
        """Let a user in, and put the path behind a password where it is not yet.

        A user who has another hash than the one that came is not touched: the hash goes back, for the controller to
        say whether the password is the same, and it comes again with what it replaces.
        """
        domain, route = self._domain, self._route or "/"
        site = self._site()
        if self._user is None:
            raise UsageError("a user is missing", field="user")
        hashed = forms.password_hash(self._options["hash"])
        if not served(site, route):
            raise RefusedError(
                "the site serves nothing there",
                field="route",
                value=route,
                there_are=[str(entry.path) for entry in site.routes],
            )
        text = read_users_file(self._paths, domain, route)
        present = htpasswd.users(text or "").get(self._user)
        in_force = self._in_force(site, route)
        if present is not None and present not in (hashed, self._options["replaces"]):
            return {**self._result(False), "present": present, "protected": in_force, "steps": []}
        changed = present != hashed
        where = f"{domain}{route}"
        steps = [self._step(changed, f"{self._user} may pass at {where}", self._word(present))]
        if in_force:
            if changed and not self._check:
                write_users_file(self._paths, domain, route, htpasswd.with_user(text or "", self._user, hashed))
            return {**self._result(changed), "steps": [*steps, *self._stopped()]}
        if not self._check:
            # First the file: a path without one is closed to everybody, and a run that is killed here leaves all as it
            # was but for a file that nothing points to.
            write_users_file(self._paths, domain, route, htpasswd.with_user(text or "", self._user, hashed))
        try:
            proxy = self._transact({"auth": list(dict.fromkeys([*site.auth, route]))})
        except BaseException:
            if not self._check:
                self._roll_back(route, text)
            raise
        return {**proxy, **self._result(True), "steps": [*steps, *proxy["steps"], *self._stopped()]}

    def remove(self) -> dict[str, Any]:
        """Shut a user out, or without a user open paths to everybody."""
        site = self._site()
        routes = [self._route] if self._route is not None else list(site.auth)
        if self._user is not None:
            return self._remove_user(self._user, site, routes)
        opened = [route for route in site.auth if route in routes]
        steps: list[dict[str, Any]] = []
        proxy: dict[str, Any] = {}
        if opened:
            proxy = self._transact({"auth": [route for route in site.auth if route not in opened]})
            steps += proxy["steps"]
        removed: list[str] = []
        if not self._check:
            if self._route is None:
                removed = remove_site(self._paths, self._domain)
            else:
                removed = [route for route in routes if remove_file(self._paths, self._domain, route)]
        changed = bool(opened or removed)
        if opened:
            words = f"{', '.join(f'{self._domain}{route}' for route in opened)} open to everybody"
        else:
            words = "users of nothing removed" if removed else f"nothing of {self._domain} is behind a password there"
        steps.insert(0, self._step(changed, words))
        # No way back is offered: the users are gone, and a rollback refuses without them.
        proxy.pop("base", None)
        return {**proxy, **self._result(changed), "steps": steps}

    def _remove_user(self, user: str, site: Site, routes: list[str]) -> dict[str, Any]:
        """Take a user out of password files; a file without users keeps its path closed."""
        gone, notes = [], []
        for route in routes:
            text = read_users_file(self._paths, self._domain, route) or ""
            there = htpasswd.users(text)
            if user not in there:
                notes.append(f"{self._domain}{route}: {', '.join(there) or 'no user'}")
                continue
            gone.append(route)
            if not self._check:
                write_users_file(self._paths, self._domain, route, htpasswd.without_user(text, user))
            if len(there) == 1 and route in site.auth:
                notes.append(f"nobody may pass at {self._domain}{route} now; vsa auth remove without --user opens it")
        if gone:
            places = ", ".join(f"{self._domain}{route}" for route in gone)
            step = self._step(True, f"{user} may no longer pass at {places}", notes=notes)
        else:
            step = self._step(False, f"{user} may pass nowhere on {self._domain}", notes=notes)
        return {**self._result(bool(gone)), "steps": [step]}

    def _site(self) -> Site:
        manifest = read_manifest(self._paths, self._domain)
        if manifest is None:
            raise RefusedError(
                "this host has no such site",
                field="domain",
                value=self._domain,
                there_are=sorted(read_manifests(self._paths))[:20],
                hint=Hint("site.list"),
            )
        return parse(manifest)

    def _in_force(self, site: Site, route: str) -> bool:
        """Say whether the live files of the site protect a path, as they were written and nobody touched them."""
        if route not in site.auth:
            return False
        generations = Generations(self._paths)
        record = generations.record(generations.live_number())
        if record is None or route not in (record.sites.get(self._domain, {}).get("auth") or ()):
            return False
        directory = generations.directory(record.number)
        names = (site_file(self._domain), manifest_file(self._domain))
        return all(text_hash(read_text(directory / name) or "") == record.files.get(name) for name in names)

    def _transact(self, said: Mapping[str, object]) -> dict[str, Any]:
        request = Request(
            run=RunContext(self._id, self._options["actor"], self._options["verb"] or "auth.add"),
            templates=self._options["templates"] or {},
            changes=(Change(self._domain, said),),
        )
        proxy = Proxy(Engine(), self._paths)
        if self._check:
            plan, desired = proxy.plan(request)
            return as_module_result(plan_result(plan, desired, diff=self._diff))
        prepared, outcome = proxy.apply(request)
        return as_module_result(outcome_result(prepared, outcome, request.run, diff=self._diff))

    def _roll_back(self, route: str, text: str | None) -> None:
        if text is None:
            remove_file(self._paths, self._domain, route)
        else:
            write_users_file(self._paths, self._domain, route, text)

    def _stopped(self) -> list[dict[str, Any]]:
        found = Engine().container(AUTH_CONTAINER)
        if found is not None and found.running:
            return []
        text = f"{AUTH_CONTAINER} does not run: only who passed in the last minutes is let in"
        return [{"name": "check", "state": "warning", "text": text, "notes": ["vsa stack up reverse-proxy"]}]

    @staticmethod
    def _word(present: str | None) -> str:
        return "" if present is None else "with another password"

    def _result(self, changed: bool) -> dict[str, Any]:
        return {"changed": changed, "schema": 1, "audit_id": self._id}

    def _step(self, changed: bool, text: str, more: str = "", *, notes: list[str] | None = None) -> dict[str, Any]:
        state = "ok" if not changed else "would_change" if self._check else "changed"
        return {
            "name": "users",
            "state": state,
            "text": f"{text} {more}".strip() if changed else text,
            "notes": notes or [],
        }
