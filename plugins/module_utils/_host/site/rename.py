# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``vsa site rename``: serve a site under another domain, with its users, its logs and the options of its certificate.

The certificate for the new domain comes first, and outside of the host's lock. Then the password files are copied, and
one proxy transaction replaces the old site by the new one. Up to there a failure leaves the old site as it was. After
the transaction there is no way back, only forward: logs move, and everything else that carries the old domain's name is
removed. A run that was killed is continued by the same verb.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._core.errors import NotRolledBackError, RefusedError, VsaError
from ..._core.hints import Hint, undo_keys
from ..._core.result import CHANGED, OK, WARNING, WOULD_CHANGE, Result, Step, joined
from ..._core.run_context import RunContext
from ..._core.site.manifest import Site, refuse_double_names, to_manifest
from ..._core.site.rename import renamed
from ..machine.disk import disk_errors_refused
from ..machine.docker import Engine
from ..machine.lock import host_lock
from ..proxy.steps import outcome_result, plan_result, site_step
from ..proxy.transaction import Proxy
from ..proxy.values import Change, Outcome, Prepared, Request
from ..store.access_logs import move_logs
from ..store.cert_options import read_options
from ..store.host import Host, read_host
from ..store.layout import Paths
from ..store.lineages import certbot_lock, remove_lineage
from ..store.passwords import copy_site, remove_site
from ..store.passwords import locked as passwords_locked
from .certificates import add_steps, ensure_before_switch, issue_request, validation_of
from .names import Report, check_names
from .preflight import check_containers, preflight_step, refuse_stopped_proxy
from .removal.journal import Journal
from .resources import certificate_users, files_of
from .view import site_view

__all__ = ("RenameRequest", "rename_site")

_VERB = "site.rename"


@dataclass(frozen=True)
class RenameRequest:
    """What ``vsa site rename`` asks for.

    * ``domain``, ``to``: the domain of the site, and the new one.
    * ``redirect``: the old names redirect to the new domain. Otherwise the proxy refuses them.
    * ``dns_check``: refuse the new names if a CA would be asked and could not validate them.
    * ``force``: keep the change if the site answered before and does not afterwards.
    * ``templates``: the text of each template and page of the role ``vhost``.
    """

    run: RunContext
    domain: str
    to: str
    templates: Mapping[str, str]
    redirect: bool = True
    dns_check: bool = True
    force: bool = False


def rename_site(
    request: RenameRequest,
    *,
    check: bool,
    diff: bool,
    paths: Paths | None = None,
    engine: Engine | None = None,
    proxy: Proxy | None = None,
    on_step: Callable[[str], None] = lambda name: None,
) -> Result:
    """Rename a site, or return what would change if ``check``.

    RefusedError if the new domain is taken or the CA refuses; RolledBackError if the proxy refuses the new site. The
    old site is served as before then. NotRolledBackError if a later step failed: the same verb continues from there.
    """
    paths = paths or Paths()
    engine = engine or Engine()
    proxy = proxy or Proxy(engine, paths, on_step=on_step)
    rename = _Rename(request, engine, proxy, on_step)
    if not check:
        proxy.end_cut_off(request.run)
    host = read_host(paths)
    if not rename.is_there(host):
        return rename.finish(host, check=check)
    try:
        return rename.run(host, check=check, diff=diff)
    except VsaError as error:
        if (error.field, error.value) == ("domain", request.to):
            # The checks of names speak of the site's domain, and the operator typed the new domain as `to`.
            error.field = "to"
        raise


class _Rename:
    """The renaming of one site of one host."""

    def __init__(self, request: RenameRequest, engine: Engine, proxy: Proxy, on_step: Callable[[str], None]) -> None:
        self._request = request
        self._old, self._new = request.domain, request.to
        self._engine = engine
        self._proxy = proxy
        self._paths = proxy.paths
        self._on_step = on_step

    # -- the old site is still there -----------------------------------------------------------------------------------

    def run(self, host: Host, *, check: bool, diff: bool) -> Result:
        site = self._renamed_site(host)
        step = self._preflight(host, site, check=check)
        done = Result(steps=(step,), data=self._data(host, site))
        try:
            done = joined(done, self._certificate(host, site, check=check))
            request = self._proxy_request(site)
            if check:
                return joined(done, self._preview(host, request, diff=diff))
            return joined(done, self._switch(host, site, request, diff=diff))
        except VsaError as error:
            self._add_steps(error, done)
            raise

    def _renamed_site(self, host: Host) -> Site:
        """Return the site under its new domain. RefusedError if the host cannot have it."""
        site = host.site(self._old) or host.live_site(self._old)
        if site is None:
            raise host.no_such_site(self._old)
        new = renamed(site, self._new, redirect=self._request.redirect)
        if self._new in host.manifests or self._new in host.live.domains:
            raise RefusedError(
                f"{self._new} is already a site of this host",
                field="to",
                value=self._new,
                expected="a domain without a site",
                hint=Hint("site.show", {"domain": self._new}),
            )
        if Journal.read(self._paths, self._old) is not None:
            raise RefusedError(
                f"the removal of {self._old} was interrupted",
                field="domain",
                value=self._old,
                hint=Hint("site.unprovision", {"domain": self._old}),
            )
        others = {domain: entry for domain, entry in host.index.items() if domain != self._old}
        owners = {name: domain for domain, entry in others.items() for name in entry["names"]}
        try:
            refuse_double_names(new, owners)
        except RefusedError as error:
            error.field = "to"
            raise
        return new

    def _preflight(self, host: Host, site: Site, *, check: bool) -> Step:
        """Check the new names and the containers. A container that does not answer now does not stop a renaming."""
        refuse_stopped_proxy(self._proxy.nginx)
        validation = validation_of(host, site, host.settings, options=read_options(self._paths, self._old))
        strict = self._request.dns_check
        names = check_names(host.paths, site, validation=validation, strict=strict, write=not check)
        try:
            return preflight_step(check_containers(self._engine, self._paths, site), names)
        except RefusedError as error:
            return preflight_step(Report(warnings=[error.message]), names)

    def _data(self, host: Host, site: Site) -> dict[str, Any]:
        view = {**site_view(site, host.settings), "manifest": to_manifest(site), "new": False}
        return {
            "audit_id": self._request.run.audit_id,
            "site": view,
            "renamed_from": self._old,
            **undo_keys(self._undo(host)),
        }

    def _undo(self, host: Host) -> Hint:
        """Return the verb that renames the site back."""
        if self._new in host.index.get(self._old, {}).get("names", ()):
            return Hint("site.rename", {"domain": self._new, "to": self._old})
        # The new domain was no name of the site before, so the undo leaves no redirect from it.
        return Hint("site.rename", {"domain": self._new, "to": self._old, "redirect": False})

    def _certificate(self, host: Host, site: Site, *, check: bool) -> Result:
        """Ensure the certificate of the new names, with the options of the old site's certificate."""
        options = read_options(self._paths, self._old)
        request = dataclasses.replace(issue_request(site, host.settings), san=options.san or None, dns=options.dns)
        plan = functools.partial(self._proxy.plan, self._proxy_request(site), host)
        return ensure_before_switch(host, request, plan, check=check)

    def _proxy_request(self, site: Site) -> Request:
        return Request(
            run=self._request.run,
            templates=self._request.templates,
            changes=(Change(self._old, absent=True), Change(self._new, site=site, was=self._old)),
            answering=() if self._request.force else (self._new,),
            formerly={self._new: self._old},
        )

    def _preview(self, host: Host, request: Request, *, diff: bool) -> Result:
        """Return what the steps after the certificate would change."""
        plan, desired = self._proxy.plan(request, host)
        files = files_of(self._paths, self._old)
        if files["passwords"]:
            # The plan does not see the copies that the run makes before its transaction.
            missing = f"{self._new}/"
            warnings = [text for text in desired.warnings if not text.startswith(missing)]
            desired = dataclasses.replace(desired, warnings=tuple(warnings))
        auth = Step("auth", OK, "none")
        if files["passwords"]:
            auth = Step("auth", WOULD_CHANGE, "its users and passwords would be copied")
        logs = Step("logs", OK, "none")
        if files["logs"]:
            logs = Step("logs", WOULD_CHANGE, f"{len(files['logs'])} would move")
        old = Step("old name", WOULD_CHANGE, self._fate_of_old_name("would redirect", "would be refused"))
        planned = plan_result(plan, desired, diff=diff)
        return joined(Result(steps=(auth,)), joined(planned, Result(changed=True, steps=(logs, old))))

    def _switch(self, host: Host, site: Site, request: Request, *, diff: bool) -> Result:
        """Copy the users, carry out the transaction, and settle what carries the old name."""
        with self._locks():
            if not host.is_current():
                host = read_host(self._paths)
            renamed_meanwhile = not self.is_there(host)
            if not renamed_meanwhile:
                self._refuse_change(host, site)
                done, prepared, outcome = self._switch_locked(host, request, diff=diff)
        if renamed_meanwhile:
            # An interrupted run goes on until the host sees that its connection is gone.
            return self.finish(host, check=False)
        return joined(done, self._asked_site(host, site, prepared, outcome))

    def _switch_locked(self, host: Host, request: Request, *, diff: bool) -> tuple[Result, Prepared, Outcome | None]:
        self._on_step("copy users")
        try:
            with disk_errors_refused():
                copied = self._copy_users()
            prepared, outcome = self._proxy.apply_locked(request, host)
        except VsaError:
            # Nothing refers to copies that stay, and the next run removes them first.
            with contextlib.suppress(OSError):
                remove_site(self._paths, self._new)
            raise
        switched = outcome_result(prepared, outcome, self._request.run, diff=diff)
        made = joined(Result(steps=(copied,)), switched)
        return joined(made, self._settle()), prepared, outcome

    def is_there(self, host: Host) -> bool:
        """Say whether the host still has the old site."""
        return self._old in host.manifests or self._old in host.live.domains

    def _refuse_change(self, host: Host, site: Site) -> None:
        """Raise RefusedError if somebody changed the old site, or took the new domain, since this run looked."""
        if self._renamed_site(host) != site:
            raise RefusedError(
                f"{self._old} was changed while this run prepared its new name",
                field="domain",
                value=self._old,
                hint=Hint("site.rename", {"domain": self._old, "to": self._new}, note="which takes the change along"),
            )

    @contextlib.contextmanager
    def _locks(self) -> Iterator[None]:
        """Hold the lock of the password files and the host's lock, in this order as everywhere."""
        passwords = self._paths.htpasswd.is_dir()
        with passwords_locked(self._paths) if passwords else contextlib.nullcontext(), host_lock(self._paths.lock):
            yield

    def _copy_users(self) -> Step:
        """Give the new site the password files of the old one, which the proxy reads until the transaction."""
        remove_site(self._paths, self._new)
        copied = copy_site(self._paths, self._old, self._new)
        if not copied:
            return Step("auth", OK, "none")
        return Step("auth", CHANGED, f"users and passwords of {', '.join(copied)} copied")

    def _asked_site(self, host: Host, site: Site, prepared: Prepared, outcome: Outcome | None) -> Result:
        """Return how the site answers now; ``silent`` names the site if nobody answers."""
        entry = prepared.desired.sites[site.domain]
        answer = outcome.answers.get(site.domain) if outcome else None
        if answer is None:
            answer = self._proxy.nginx.fetch(site.domain, entry, settings=host.settings)
        step = site_step(site.domain, entry, answer)
        return Result(steps=(step,), data={"silent": [site.domain]} if answer.silent else {})

    def _add_steps(self, error: VsaError, done: Result) -> None:
        """Add the steps that were done before an error, and say what stays of them."""
        stays = f"{self._old} is served as before; the certificate of {self._new} was issued and stays"
        add_steps(error, done, stays=stays)

    # -- the new site is live ------------------------------------------------------------------------------------------

    def finish(self, host: Host, *, check: bool) -> Result:
        """Continue a renaming that was interrupted after its transaction; unchanged if nothing is left to do.

        RefusedError if this host never renamed a site so.
        """
        if self._new not in host.live.domains or not self._was_renamed(host):
            raise host.no_such_site(self._old)
        site = host.require_site(self._new)
        data = self._data(host, site)
        already = Step("rename", OK, f"{self._old} is already renamed to {self._new}")
        if not any(self._files_to_settle(host).values()):
            return Result(steps=(already,), data={**data, "generation": host.number})
        if check:
            text = f"what is left of {self._old} would be moved or removed"
            return Result(changed=True, steps=(already, Step("old name", WOULD_CHANGE, text)), data=data)
        with self._locks():
            settled = self._settle()
        return joined(Result(steps=(already,), data=data), settled)

    def _was_renamed(self, host: Host) -> bool:
        """Say whether this host renamed the old site to the new one: by a redirect, or by a kept generation."""
        if self._old in host.index.get(self._new, {}).get("names", ()):
            return True
        for number in host.generations.numbers():
            record = host.generations.record(number)
            if record and record.verb == _VERB and self._old in record.removed and self._new in record.changed:
                return True
        return False

    def _files_to_settle(self, host: Host) -> dict[str, tuple[str, ...]]:
        """Return the files that still carry the old name and have to be moved or removed."""
        files = files_of(self._paths, self._old)
        if certificate_users(host, self._old):
            files["certificate"] = ()
        return files

    def _settle(self) -> Result:
        """Move the logs, and remove all other files that carry the old name."""
        steps = []
        notes: list[str] = []
        with self._forward():
            host = read_host(self._paths)
            self._on_step("move logs")
            moved = move_logs(self._paths, self._old, self._new)
            steps.append(Step("logs", CHANGED if moved else OK, f"{len(moved)} moved" if moved else "none"))
            self._on_step("remove users")
            remove_site(self._paths, self._old)
            self._on_step("remove certificate")
            notes += self._remove_certificate(host)
            self._on_step("remove manifest")
            for path in files_of(self._paths, self._old)["manifest"]:
                self._paths.sites.joinpath(path).unlink(missing_ok=True)
            left = [path for files in self._files_to_settle(host).values() for path in files]
            if left:
                raise NotRolledBackError(f"something is still named after {self._old}", details=left)
        text = self._fate_of_old_name("redirects", "is refused")
        steps.append(Step("old name", WARNING if notes else OK, text, tuple(notes)))
        return Result(changed=True, steps=tuple(steps))

    def _remove_certificate(self, host: Host) -> Sequence[str]:
        """Remove the lineage of the old domain. Returns a note if others use the lineage and it stays."""
        users = certificate_users(host, self._old)
        if users:
            return [f"the certificate of {self._old} stays, used by {', '.join(users)}"]
        with certbot_lock(self._paths):
            remove_lineage(self._paths, self._old)
        return []

    def _fate_of_old_name(self, redirects: str, refused: str) -> str:
        return f"{self._old} {redirects} to {self._new}" if self._request.redirect else f"{self._old} {refused}"

    @contextlib.contextmanager
    def _forward(self) -> Iterator[None]:
        """Turn each error after the transaction into one that says how to continue."""
        try:
            yield
        except (VsaError, OSError) as error:
            raise NotRolledBackError(
                str(error),
                field="domain",
                value=self._old,
                state=f"{self._new} is served, but not everything of {self._old} is moved or removed",
                hint=Hint("site.rename", {"domain": self._old, "to": self._new}, note="which continues from there"),
                details=error.details if isinstance(error, VsaError) else [],
            ) from error
