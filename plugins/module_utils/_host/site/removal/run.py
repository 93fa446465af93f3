# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``vsa site unprovision``: remove a site in six steps, then prove that nothing of it remains.

Each step may be interrupted and repeated. The proxy comes first, and its transaction is all or nothing: if it fails,
nothing else was touched. After the proxy there is no way back, only forward. A journal keeps what the later steps can
no longer read from a manifest or a container that is gone.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...._core.contradictions import refuse_purge_with_kept_container
from ...._core.errors import NotRolledBackError, RefusedError, VsaError
from ...._core.hints import Hint
from ...._core.networks import EDGE
from ...._core.proxy.plan import Plan, site_file
from ...._core.result import CHANGED, OK, WARNING, Result, Step
from ...._core.run_context import RunContext
from ...._core.site.removal import ContainerInfo, origin
from ...machine.disk import disk_errors_refused
from ...machine.docker_site import SiteEngine, Written
from ...machine.lock import host_lock
from ...proxy.transaction import Proxy
from ...proxy.values import Change, Outcome, Request
from ...store.access_logs import site_logs
from ...store.host import Host, read_host
from ...store.layout import Paths
from ...store.lineages import certbot_lock, remove_lineage
from ...store.passwords import remove_site
from ..resources import SiteResources, find_resources, remains, scheduled
from .data import Purge, carry_out, plan_purge
from .journal import Journal
from .steps import certificate_stays, kept_notes, preview_steps

__all__ = ("RemovalRequest", "remove_site_from_host")

_MOST_MEMBERS_LISTED = 5
# How long a removal waits for certbot, after everything else is done. A renewal takes seconds for each certificate.
_CERTBOT_SECONDS = 120.0
# The steps after the proxy, in the order of a report of what is left.
_AFTER_PROXY = ("auth", "certificate", "containers", "logs", "manifest")


@dataclass(frozen=True)
class RemovalRequest:
    """Which site to remove, and what of it stays.

    * ``keep_container``, ``keep_cert``: leave the site's containers, or its certificate, as they are.
    * ``purge``: also remove volumes and directories that belong to the site's containers alone.
    * ``templates``: the text of each template and page of the role ``vhost``.
    """

    run: RunContext
    domain: str
    templates: Mapping[str, str]
    keep_container: bool = False
    keep_cert: bool = False
    purge: bool = False


def remove_site_from_host(
    request: RemovalRequest,
    *,
    check: bool,
    diff: bool,
    paths: Paths | None = None,
    engine: SiteEngine | None = None,
    on_step: Callable[[str], None] = lambda name: None,
) -> Result:
    """Remove a site, or return what would be removed if ``check``.

    RefusedError if nothing may be done. RolledBackError if the proxy still has to serve the site; it does so as before.
    NotRolledBackError if a later step failed: the same verb continues from there.
    """
    refuse_purge_with_kept_container(purge=request.purge, keep_container=request.keep_container)
    removal = _Removal(request, paths or Paths(), engine or SiteEngine(), on_step)
    return removal.preview(diff=diff) if check else removal.run(diff=diff)


@dataclass
class _Done:
    """What a run has done so far. ``gone`` are the ids of the removed containers."""

    steps: list[Step] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    diff: str = ""

    def add(self, name: str, removed: Sequence[str], text: str, notes: Sequence[str] = ()) -> None:
        """Add a step. It changed something if it removed something."""
        self.removed += removed
        self.steps.append(Step(name, CHANGED if removed else OK, text, tuple(notes)))


class _CertbotRunsError(RefusedError):
    """Certbot, or another process, holds certbot's lock."""


class _Removal:
    """The removal of one site from one host."""

    def __init__(
        self, request: RemovalRequest, paths: Paths, engine: SiteEngine, on_step: Callable[[str], None]
    ) -> None:
        self._request = request
        self._domain = request.domain
        self._paths = paths
        self._engine = engine
        self._on_step = on_step
        self._proxy = Proxy(engine, paths, on_step=on_step)
        self._done = _Done()
        self._had_joined: set[str] = set()
        self._had_network = False

    # -- what would be removed -----------------------------------------------------------------------------------------

    def preview(self, *, diff: bool) -> Result:
        """Return what a run would do. Touches nothing."""
        host = read_host(self._paths)
        resources = self._find(host)
        absent = self._absent(host, resources)
        if absent is not None:
            return absent
        purge = self._plan_purge(resources, sizes=True)
        plan, warnings = None, tuple[str, ...]()
        if resources.live:
            plan, desired = self._proxy.plan(self._proxy_request(), host)
            warnings = desired.warnings
        written: dict[str, Written] = {}
        if not self._request.keep_container:
            written = {info.name: self._engine.written(info) for info in resources.decision.going}
        steps = preview_steps(resources, self._request, plan=plan, warnings=warnings, written=written, purge=purge)
        going = [info for info in resources.decision.going if info.name in written]
        return Result(
            changed=self._has_work(resources, purge),
            steps=tuple(steps),
            data={
                **self._data(host, resources, purge),
                "containers": [_container_data(info, written[info.name]) for info in going],
            },
            diff=plan.diff() if diff and plan else None,
        )

    def _find(self, host: Host) -> SiteResources:
        """Return the site's resources. RefusedError if the domain is only an alias of another site."""
        resources = find_resources(host, self._engine, self._domain)
        owner = next((other for other, entry in host.index.items() if self._domain in entry["names"]), self._domain)
        if owner != self._domain and not resources.live and not any(resources.files.values()):
            raise RefusedError(
                f"{self._domain} is an alias of the site {owner}, not a site",
                field="domain",
                value=self._domain,
                hint=Hint("site.show", {"domain": owner}),
            )
        return resources

    def _absent(self, host: Host, resources: SiteResources) -> Result | None:
        """Return the result for a site of which this host has nothing: removed before, or never here. Else None.

        Only a site that was here before is proven to be gone: a mistyped name would always be.
        """
        if resources.live or resources.journal or any(resources.files.values()):
            return None
        # Imported here: only this needs the audit trail.
        from .past import absent_step, alike, last_removal

        removed = last_removal(host, self._domain)
        candidates = [] if removed else alike(host, self._domain)
        steps = [absent_step(self._domain, removed, candidates)]
        if removed:
            self._prove(host, resources, None)
            steps += self._done.steps
        data = {
            **self._data(host, resources, None),
            "presence": "removed" if removed else "never",
            "candidates": candidates,
            "removed_before": vars(removed) if removed else None,
        }
        return Result(steps=tuple(steps), data=data)

    def _plan_purge(self, resources: SiteResources, *, sizes: bool = False) -> Purge | None:
        """Return which data go. Without ``purge`` the steps only mention these data."""
        if self._request.keep_container:
            return None
        going = {info.id for info in resources.decision.going}
        others = [info for info in resources.containers if info.id not in going]
        return plan_purge(
            self._engine, resources.mounts, others, paths=self._paths, own=resources.projects, sizes=sizes
        )

    def _has_work(self, resources: SiteResources, purge: Purge | None) -> bool:
        """Say whether a run would change anything."""
        certificate = resources.certificate and not certificate_stays(self._request, resources)
        containers = resources.decision.going and not self._request.keep_container
        data = self._request.purge and purge and purge.words
        files = any(found for name, found in resources.files.items() if name != "certificate")
        return bool(resources.live or files or certificate or containers or data)

    def _proxy_request(self) -> Request:
        return Request(
            run=self._request.run,
            templates=self._request.templates,
            changes=(Change(self._domain, absent=True),),
        )

    def _data(self, host: Host, resources: SiteResources, purge: Purge | None) -> dict[str, Any]:
        return {
            "audit_id": self._request.run.audit_id,
            "domain": self._domain,
            "generation": host.number,
            "removed": self._done.removed,
            "presence": "here",
            "kept": kept_notes(host, resources, self._request, purge),
            "shared": {name: list(reasons) for name, reasons in resources.decision.shared.items()},
        }

    # -- the removal ---------------------------------------------------------------------------------------------------

    def run(self, *, diff: bool) -> Result:
        """Carry out the six steps, the purge if requested, and the proof."""
        installed = self._paths.nginx.is_dir()
        with host_lock(self._paths.lock) if installed else contextlib.nullcontext():
            if installed and self._proxy.generations.journal() is not None:
                with disk_errors_refused():
                    self._proxy.recover(self._request.run, sweep=False)
            host = read_host(self._paths)
            resources = self._find(host)
            absent = self._absent(host, resources)
            if absent is not None:
                return absent
            purge = self._plan_purge(resources)
            if self._has_work(resources, purge):
                self._on_step("note")
                with disk_errors_refused():
                    resources.as_journal().write(self._paths, self._domain)
            self._leave_proxy(host, resources)
            # The transaction wrote a new generation.
            host = read_host(self._paths)
            with self._forward():
                self._remove_rest(host, resources)
        with self._forward():
            self._remove_certificate_later(resources)
            if self._request.purge:
                self._on_step("data")
                purge = self._purge_data(resources)
            self._on_step("proof")
            self._prove(host, resources, purge)
            self._on_step("end")
            Journal.close(self._paths, self._domain)
        return Result(
            changed=bool(self._done.removed),
            steps=tuple(self._done.steps),
            data=self._data(host, resources, purge),
            diff=self._done.diff if diff and self._done.diff else None,
        )

    def _remove_rest(self, host: Host, resources: SiteResources) -> None:
        """Steps 2 to 6."""
        self._on_step("auth")
        self._remove_passwords()
        self._on_step("certificate")
        with contextlib.suppress(_CertbotRunsError):
            self._remove_certificate(resources, wait=0)
        self._on_step("containers")
        self._remove_containers(host, resources)
        self._on_step("logs")
        self._remove_logs()
        self._on_step("manifest")
        self._remove_manifest(resources)

    @contextlib.contextmanager
    def _forward(self) -> Iterator[None]:
        """Turn each error after the proxy into one that says what is done and how to continue."""
        try:
            yield
        except (VsaError, OSError) as error:
            done = [step.name for step in self._done.steps]
            left = [name for name in self._steps_after_proxy() if name not in done]
            raise NotRolledBackError(
                str(error),
                field="domain",
                value=self._domain,
                state=(
                    f"{self._domain} is half removed. Done: {', '.join(done) or 'nothing'}."
                    f" Left: {', '.join(left) or 'the proof'}"
                ),
                hint=Hint("site.unprovision", {"domain": self._domain}, note="which goes on from there"),
                details=error.details if isinstance(error, VsaError) else [],
            ) from error

    def _steps_after_proxy(self) -> tuple[str, ...]:
        return (*_AFTER_PROXY, "data") if self._request.purge else _AFTER_PROXY

    def _leave_proxy(self, host: Host, resources: SiteResources) -> None:
        """Step 1, all or nothing. If it fails, the site is served as before."""
        if not resources.live:
            self._done.add("proxy", [], "not served")
            return
        going = resources.decision.going
        self._had_joined = {info.name for info in going if self._engine.joined(info.name, resources.network)}
        self._had_network = self._engine.network(resources.network) is not None
        try:
            prepared, outcome = self._proxy.apply_locked(self._proxy_request(), host)
        except VsaError:
            if resources.journal is None:
                with contextlib.suppress(OSError):  # the next removal continues from a journal that stays
                    Journal.close(self._paths, self._domain)
            raise
        self._done.diff = prepared.plan.diff()
        text, notes = self._proxy_text(resources, prepared.number, prepared.plan, outcome)
        self._done.add("proxy", [site_file(self._domain)], text, [*notes, *prepared.desired.warnings])

    def _proxy_text(
        self, resources: SiteResources, number: int, plan: Plan, outcome: Outcome | None
    ) -> tuple[str, list[str]]:
        """Return the text of the step ``proxy``, and the notes that the text does not repeat."""
        text = f"generation {plan.base} → {number}: {plan.summary()}"
        notes = list(outcome.notes) if outcome else []
        if outcome is None or not outcome.proven:
            return text, notes
        # The step ``containers`` says what became of the containers of this site alone.
        own = [f"{info.name} left {resources.network}" for info in resources.decision.going]
        repeated = (f"{self._domain} is refused now", f"the proxy left {resources.network}", *own)
        notes = [note for note in notes if not note.startswith(repeated)]
        text += f", proven: {self._domain} is refused"
        if outcome.neighbours:
            many = len(outcome.neighbours)
            text += f", {many} neighbour{'s serve' if many > 1 else ' serves'}"
        return text, notes

    def _remove_passwords(self) -> None:
        gone = remove_site(self._paths, self._domain)
        self._done.add("auth", gone, "password file removed" if gone else "none")

    def _remove_certificate_later(self, resources: SiteResources) -> None:
        """Remove the certificate if certbot ran when it was its turn. Nobody else waits: the host's lock is free."""
        if any(step.name == "certificate" for step in self._done.steps):
            return
        self._on_step("certificate later")
        self._remove_certificate(resources, wait=_CERTBOT_SECONDS)

    def _remove_certificate(self, resources: SiteResources, *, wait: float) -> None:
        """Remove the certificate. _CertbotRunsError if certbot still runs after ``wait`` seconds."""
        if not resources.certificate:
            self._done.add("certificate", [], "none")
            return
        if certificate_stays(self._request, resources):
            users = resources.certificate_users
            self._done.add("certificate", [], f"kept, used by {', '.join(users)}" if users else "kept, as asked")
            return
        # The renewal loop of the certbot container must not work on the lineage meanwhile.
        try:
            with certbot_lock(self._paths, timeout=wait):
                gone = remove_lineage(self._paths, self._domain)
        except RefusedError as error:
            if error.field != "lock":
                raise
            raise _CertbotRunsError(error.message, field=error.field, value=error.value) from error
        self._done.add("certificate", gone, "lineage, keys and renewal configuration removed" if gone else "none")

    def _remove_containers(self, host: Host, resources: SiteResources) -> None:
        going, shared = resources.decision.going, resources.decision.shared
        notes = [f"{name} stays: {', '.join(reasons)}" for name, reasons in shared.items()]
        removed: list[str] = []
        if self._request.keep_container:
            for info in going:
                removed += self._disconnect(info, resources.network, notes)
        else:
            for info in going:
                self._on_step(f"container {info.name}")
                self._engine.remove_container(info.id)
                self._done.gone.add(info.id)
                removed.append(f"container {info.name}")
                if info.project and info.folder:
                    notes.append(f"{info.name} can be started again by Compose, in {info.folder}")
            removed += self._remove_project_networks(resources, notes)
        removed += self._remove_edge_network(host, resources.network, notes)
        names = ", ".join(f"{info.name} ({origin(info)})" for info in going)
        text = f"{names} stopped and removed" if self._done.gone else "none removed"
        self._done.add("containers", removed, text, notes)

    def _disconnect(self, info: ContainerInfo, network: str, notes: list[str]) -> list[str]:
        """Disconnect a container that stays from the edge network that it joined for the site.

        The transaction did that already if the site was live.
        """
        notes.append(f"{info.name} stays, as asked")
        if self._engine.joined(info.name, network):
            self._engine.disconnect(network, info.name)
        elif info.name not in self._had_joined:
            return []
        notes.append(f"{info.name} left {network}, which it had joined for the site")
        return [f"{info.name} on {network}"]

    def _remove_project_networks(self, resources: SiteResources, notes: list[str]) -> list[str]:
        """Remove the networks of Compose projects that have no container left, as Compose itself would."""
        left = {info.project for info in self._engine.container_infos()}
        removed = []
        for project in resources.projects:
            networks = [] if project in left else self._engine.project_networks(project)
            for network in networks:
                if not self._engine.members(network):
                    self._engine.remove_network(network)
                    removed.append(f"network {network}")
                    notes.append(f"network {network} of the Compose project {project} removed")
        return removed

    def _remove_edge_network(self, host: Host, network: str, notes: list[str]) -> list[str]:
        """Remove a tenant's edge network with the tenant's last site."""
        if network == EDGE or network in (host.record.networks if host.record else ()):
            return []
        there = self._engine.network(network) is not None
        if not there and not self._had_network:
            return []
        # The transaction removes the network itself if no container stays on it.
        members = self._engine.remove_edge(network) if there else None
        if members is None:
            notes.append(f"network {network} removed: it was the tenant's last site")
            return [f"network {network}"]
        by = f"{', '.join(members[:_MOST_MEMBERS_LISTED])} on it" if members else "it was not VSA that made it"
        notes.append(f"network {network} stays: {by}")
        return []

    def _remove_logs(self) -> None:
        # NGINX closed its logs when it reloaded. An old worker behind a long connection writes into an unnamed file.
        gone = site_logs(self._paths, self._domain)
        for path in gone:
            path.unlink(missing_ok=True)
        self._done.add("logs", [str(path) for path in gone], f"{len(gone)} removed" if gone else "none")

    def _remove_manifest(self, resources: SiteResources) -> None:
        for path in resources.manifests:
            Path(path).unlink(missing_ok=True)
        notes = []
        if resources.origin == "declared":
            notes.append("it was declared in the inventory: the next site apply brings the site back")
        self._done.add("manifest", resources.manifests, "removed" if resources.manifests else "none", notes)

    def _purge_data(self, resources: SiteResources) -> Purge | None:
        if self._request.keep_container:
            return None
        others = [info for info in self._engine.container_infos() if info.id not in self._done.gone]
        purge = plan_purge(self._engine, resources.mounts, others, paths=self._paths, own=resources.projects)
        carry_out(self._engine, purge, self._paths)
        notes = [f"{what} stays: {why}" for what, why in purge.refused.items()]
        self._done.add("data", purge.words, f"{', '.join(purge.words)} removed" if purge.words else "none", notes)
        return purge

    def _prove(self, host: Host, resources: SiteResources, purge: Purge | None) -> None:
        """Search for everything that carries the site's name. NotRolledBackError if something does."""
        stays = certificate_stays(self._request, resources)
        left = remains(host, self._engine, resources, keep_certificate=stays, gone=self._done.gone)
        if left:
            raise NotRolledBackError(f"something is still named after {self._domain}", details=left)
        others = [f"{path} speaks of it and is not VSA's" for path in scheduled(self._paths, self._domain)]
        kept = [f"kept: {note}" for note in kept_notes(host, resources, self._request, purge)]
        state = WARNING if others else OK
        self._done.steps.append(Step("proof", state, f"nothing named {self._domain} remains", (*others, *kept)))


def _container_data(info: ContainerInfo, written: Written) -> dict[str, Any]:
    return {
        "name": info.name,
        "origin": origin(info),
        "image": info.image,
        "created": info.created,
        "written_bytes": written.bytes,
        "written_paths": written.count,
    }
