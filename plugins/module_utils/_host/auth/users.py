# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The users of a site's basic auth: `auth add` and `auth remove`.

Only hashes of passwords reach the host. A protected path must never be open, so the password file is written before the
proxy protects the path, and removed after the proxy has opened it.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from ..._core import forms
from ..._core.auth import htpasswd
from ..._core.errors import RefusedError, UsageError
from ..._core.hints import Advice, Hint
from ..._core.proxy.locations import serves_below
from ..._core.proxy.plan import manifest_file, site_file, text_hash
from ..._core.proxy.prefixes import longest, protects
from ..._core.result import CHANGED, OK, WARNING, WOULD_CHANGE, Result, Step
from ..._core.run_context import RunContext
from ..._core.site.manifest import Site
from ..machine.disk import disk_errors_refused, disk_errors_told
from ..machine.docker import Engine
from ..proxy.nginx import AUTH_CONTAINER
from ..proxy.steps import outcome_result, plan_result
from ..proxy.transaction import Proxy
from ..proxy.values import Change, Request
from ..store.host import Host, no_proxy, read_host
from ..store.layout import Paths
from ..store.passwords import locked, read_users_file, remove_file, remove_site, write_users_file

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ("UserRequest", "add_user", "remove_user")

_WHOLE_SITE = "/"


@dataclasses.dataclass(frozen=True)
class UserRequest:
    """What a run requests about the users of a site.

    * ``user``: the user to add or to remove. A removal without a user opens the paths to everybody.
    * ``route``: a protected path. Without a route, a user is added for the whole site and removed from every path.
    * ``hashed``: the bcrypt hash of the added user's password; ``replaces``: the hash that it may replace.
    * ``templates``: the text of each template and page of the role ``vhost``.
    """

    run: RunContext
    domain: str
    user: str | None = None
    route: str | None = None
    hashed: str | None = None
    replaces: str | None = None
    templates: Mapping[str, str] = dataclasses.field(default_factory=dict)


def add_user(
    request: UserRequest, *, check: bool, diff: bool, paths: Paths | None = None, proxy: Proxy | None = None
) -> Result:
    """Let a user pass at a path, and protect the path if it is not protected yet.

    If the user has another hash than ``hashed`` and ``replaces``, nothing is changed and the result returns the hash as
    ``present``: the controller compares the password with it, and calls again.
    """
    if request.user is None:
        raise UsageError("a user is missing", field="user")
    with _site_users(request, check=check, diff=diff, paths=paths, proxy=proxy) as users:
        return users.add(forms.user(request.user), forms.password_hash(request.hashed))


def remove_user(
    request: UserRequest, *, check: bool, diff: bool, paths: Paths | None = None, proxy: Proxy | None = None
) -> Result:
    """Remove a user from password files; without a user, open the paths to everybody and remove all of their users."""
    with _site_users(request, check=check, diff=diff, paths=paths, proxy=proxy) as users:
        if request.user is None:
            return users.open_paths()
        return users.remove(forms.user(request.user))


@contextmanager
def _site_users(
    request: UserRequest, *, check: bool, diff: bool, paths: Paths | None, proxy: Proxy | None
) -> Iterator[_SiteUsers]:
    """Read the host under the lock of the password files. RefusedError if it has no proxy or no such site."""
    paths = paths or Paths()
    domain = forms.domain(request.domain)
    route = None if request.route is None else forms.path(request.route, field="route")
    request = dataclasses.replace(request, domain=domain, route=route)
    if not paths.htpasswd.is_dir():
        raise no_proxy()
    with locked(paths):
        yield _SiteUsers(request, read_host(paths), check=check, diff=diff, proxy=proxy)


class _SiteUsers:
    """The users of one site in one run, under the lock of the password files."""

    def __init__(self, request: UserRequest, host: Host, *, check: bool, diff: bool, proxy: Proxy | None) -> None:
        self._request = request
        self._host = host
        self._check = check
        self._diff = diff
        self._given_proxy = proxy
        self._site: Site = host.require_site(request.domain)

    @functools.cached_property
    def _proxy(self) -> Proxy:
        return self._given_proxy or Proxy(Engine(), self._host.paths)

    # Add

    def add(self, user: str, hashed: str) -> Result:
        """Set the hash of a user, and protect the path if it is not protected."""
        route = self._request.route or _WHOLE_SITE
        if not serves_below(self._site, route):
            raise RefusedError(
                "the site serves nothing there",
                field="route",
                value=route,
                there_are=[str(entry.path) for entry in self._site.routes],
            )
        text = self._users_file(route)
        present = htpasswd.users(text or "").get(user)
        protected = self._is_protected(route)
        if present is not None and present not in (hashed, self._request.replaces):
            return self._result(False, present=present, protected=protected)
        changed = present != hashed
        step = self._user_step(user, route, changed=changed, replaced=present is not None)
        after = htpasswd.with_user(text or "", user, hashed)
        # First the file: nobody may pass at a path without one. If the run is killed here, nothing refers to the file.
        if changed or not protected:
            with disk_errors_refused():
                self._write(route, after)
        if protected:
            return self._result(changed, step, *self._check_is_down())
        try:
            proxied = self._protect([*self._site.auth, route])
        except BaseException:
            left = f"the proxy is as it was; the password file of {self._place(route)} has {user} already"
            with disk_errors_told(left):
                self._restore(route, text)
            raise
        return self._with_proxy(proxied, step, *proxied.steps, *self._check_is_down(), changed=True)

    def _is_protected(self, route: str) -> bool:
        """Say whether the live generation protects a path, and nobody edited the site's files in the generation."""
        record, domain = self._host.record, self._request.domain
        live = self._host.index.get(domain, {}).get("auth") or ()
        if record is None or route not in self._site.auth or route not in live:
            return False
        files = self._host.live.files
        names = (site_file(domain), manifest_file(domain))
        return all(text_hash(files.get(name, "")) == record.files.get(name) for name in names)

    def _user_step(self, user: str, route: str, *, changed: bool, replaced: bool) -> Step:
        text = f"{user} may pass at {self._place(route)}"
        if changed and replaced:
            text += " with another password"
        return self._step(changed, text)

    def _check_is_down(self) -> tuple[Step, ...]:
        """Return a warning if the container that checks passwords does not run."""
        found = self._proxy.engine.container(AUTH_CONTAINER)
        if found is not None and found.running:
            return ()
        text = f"{AUTH_CONTAINER} does not run: only who passed in the last minutes is let in"
        return (Step("check", WARNING, text, (Advice("to start it", Hint("stack.up", {"name": "reverse-proxy"})),)),)

    # Remove

    def remove(self, user: str) -> Result:
        """Remove a user from password files. A file without users keeps its path closed."""
        places: list[str] = []
        notes: list[str] = []
        for route in self._routes():
            text = self._users_file(route) or ""
            users = htpasswd.users(text)
            place = self._place(route)
            if user not in users:
                notes.append(f"{place}: {', '.join(users) or 'no user'}")
                continue
            with self._telling(user, places):
                self._write(route, htpasswd.without_user(text, user))
            places.append(place)
            if len(users) == 1 and route in self._site.auth:
                hint = Hint("auth.remove", {"domain": self._request.domain, "route": route})
                notes.append(Advice(f"nobody may pass at {place} now. To open it to everybody", hint))
        if places:
            text = f"{user} may no longer pass at {', '.join(places)}"
        else:
            text = f"{user} may pass nowhere on {self._request.domain}"
        return self._result(bool(places), self._step(bool(places), text, notes))

    @staticmethod
    def _telling(user: str, places: list[str]) -> AbstractContextManager[None]:
        """Tell an error of the disk: nothing was changed, or the user was removed from the first files alone."""
        if not places:
            return disk_errors_refused()
        return disk_errors_told(f"{user} may no longer pass at {', '.join(places)}; all other files are as they were")

    def open_paths(self) -> Result:
        """Open paths to everybody, then remove the password files."""
        routes = self._routes()
        opened = [route for route in self._site.auth if route in routes]
        proxied = Result()
        if opened:
            proxied = self._protect(route for route in self._site.auth if route not in opened)
        told = disk_errors_refused()
        if opened:
            told = disk_errors_told(f"{self._opened_text(opened, [])}; their password files are not all removed")
        with told:
            removed = self._remove_files(routes)
        changed = bool(opened or removed)
        closing = [] if changed else self._closing(routes)
        text = "nothing to open there: no path with users of its own" if closing else self._opened_text(opened, removed)
        step = self._step(changed, text, closing)
        return self._with_proxy(proxied, step, *proxied.steps, changed=changed)

    def _opened_text(self, opened: list[str], removed: list[str]) -> str:
        if opened:
            return f"{', '.join(self._place(route) for route in opened)} open to everybody"
        if removed:
            return "users of nothing removed"
        return f"nothing of {self._request.domain} is behind a password there"

    def _closing(self, routes: list[str]) -> list[Advice]:
        """Return a note for each path that stays closed because a path above it is behind a password."""
        notes = []
        for route in routes:
            above = longest(prefix for prefix in self._site.auth if prefix != route and protects(prefix, route))
            if above is not None:
                hint = Hint("auth.remove", {"domain": self._request.domain, "route": above})
                notes.append(Advice(f"{self._place(route)} is behind the password of {above}. To open that path", hint))
        return notes

    def _remove_files(self, routes: list[str]) -> list[str]:
        """Remove the password files, and return what was removed."""
        if self._check:
            return []
        if self._request.route is None:
            return remove_site(self._host.paths, self._request.domain)
        return [route for route in routes if remove_file(self._host.paths, self._request.domain, route)]

    # Both

    def _routes(self) -> list[str]:
        """Return the requested path, or every protected path of the site."""
        return list(self._site.auth) if self._request.route is None else [self._request.route]

    def _place(self, route: str) -> str:
        return f"{self._request.domain}{route}"

    def _users_file(self, route: str) -> str | None:
        return read_users_file(self._host.paths, self._request.domain, route)

    def _write(self, route: str, text: str) -> None:
        if not self._check:
            write_users_file(self._host.paths, self._request.domain, route, text)

    def _restore(self, route: str, text: str | None) -> None:
        """Write a password file as it was before; None removes the file."""
        if text is not None:
            self._write(route, text)
        elif not self._check:
            remove_file(self._host.paths, self._request.domain, route)

    def _protect(self, routes: Iterable[str]) -> Result:
        """Run the proxy transaction after which exactly these paths are protected."""
        change = Change(self._request.domain, {"auth": list(dict.fromkeys(routes))})
        request = Request(run=self._request.run, templates=self._request.templates, changes=(change,))
        if self._check:
            plan, desired = self._proxy.plan(request, self._host)
            return plan_result(plan, desired, diff=self._diff)
        prepared, outcome = self._proxy.apply(request, self._host)
        return outcome_result(prepared, outcome, self._request.run, diff=self._diff)

    def _step(self, changed: bool, text: str, notes: Iterable[str] = ()) -> Step:
        would = WOULD_CHANGE if self._check else CHANGED
        return Step("users", would if changed else OK, text, tuple(notes))

    def _result(self, changed: bool, *steps: Step, **data: object) -> Result:
        return Result(changed=changed, steps=steps, data={"audit_id": self._request.run.audit_id, **data})

    def _with_proxy(self, proxied: Result, *steps: Step, changed: bool) -> Result:
        """Return the result of a run that changed the proxy too: its data and its diff stay."""
        data = {**proxied.data, "audit_id": self._request.run.audit_id}
        return dataclasses.replace(proxied, changed=changed, steps=steps, data=data)
