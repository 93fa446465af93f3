# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host in a directory on which the verbs of sites run: with containers that answer, and names that lead here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.networks import EDGE
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Container, Published
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site import names, preflight
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.apply import ApplyRequest, apply_sites
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.backend import NO_CONNECTION, BackendAnswer
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.provision import ProvisionRequest, provision_site
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.rename import RenameRequest, rename_site
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.rollback import RollbackRequest, roll_back_site

from fakeproxy import FakeEngine
from hosttree import RUN, HostTree

__all__ = ("SiteHost", "texts")


class SiteEngine(FakeEngine):
    """The fake engine, with what the checks and the comparison of sites ask besides."""

    def __init__(self, state: Any) -> None:
        super().__init__(state)
        self.published: dict[str, tuple[int, int]] = {}

    def container(self, name: str) -> Container | None:
        """Return a container, with its published port."""
        found = super().container(name)
        if found is None or name not in self.published:
            return found
        outer, inner = self.published[name]
        return dataclasses.replace(found, published=(Published("192.0.2.7", outer, inner, "tcp"),))

    def containers(self, *, everything: bool) -> list[Container]:
        """Return the containers, also the stopped ones if ``everything``."""
        names = self._state.read()["containers"]
        found = [container for name in names if (container := self.container(name))]
        return [container for container in found if everything or container.running]

    def attached(self) -> dict[str, set[str]]:
        """Return the networks of each container."""
        return {name: set(found["networks"]) for name, found in self._state.read()["containers"].items()}


class SiteHost(HostTree):
    """A host whose proxy runs. ``silent``: containers that do not answer; ``astray``: names that lead away.

    ``unreached``: names at whose addresses nobody answers. ``streaming``: paths that answer with a stream.
    """

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(root)
        self.engine = SiteEngine(self.state)
        self.nginx._engine = self.engine
        self.silent: set[str] = set()
        self.astray: set[str] = set()
        self.unreached: set[str] = set()
        self.streaming: set[str] = set()
        self.settings("ca: selfsigned\n")
        for path in (self.paths.htpasswd, self.paths.acme, self.paths.letsencrypt):
            path.mkdir(parents=True, exist_ok=True)
        for name in ("web-1", "web-2"):
            self.engine.run_container(name, EDGE)
        monkeypatch.setattr(preflight, "ask_backend", self._ask_backend)
        monkeypatch.setattr(names, "_looked_up", lambda _name: names._Found((("A", "192.0.2.7"),)))
        monkeypatch.setattr(names, "_leads_here", self._leads_here)

    def _leads_here(self, _address: str, name: str, _token: str) -> bool | None:
        return None if name in self.unreached else name not in self.astray

    def _ask_backend(self, addresses: Iterable[str], _port: int, *, path: str, **_request: object) -> BackendAnswer:
        ends = [
            end for name in self.silent if (found := self.engine.container(name)) for end in found.networks.values()
        ]
        silent = {*addresses} & {end.address for end in ends}
        return BackendAnswer(NO_CONNECTION if silent else None, streams=path in self.streaming)

    def provision(self, domain: str, *, check: bool = False, diff: bool = False, **more: Any) -> Result:
        """Provision a site; a keyword that is no part of the request is a field of the manifest."""
        own = {name: more.pop(name) for name in ("unset", "external_port", "dns_check", "force") if name in more}
        request = ProvisionRequest(RUN, domain, self.templates, more, **own)
        return provision_site(request, check=check, diff=diff, paths=self.paths, engine=self.engine, proxy=self.proxy())  # type: ignore[arg-type]

    def declare(
        self, entries: Iterable[tuple[str, dict[str, Any]]] | None, *, check: bool = False, **more: Any
    ) -> Result:
        """Apply declarations."""
        declared = None if entries is None else [{"domain": domain, "manifest": fields} for domain, fields in entries]
        request = ApplyRequest(RUN, self.templates, declared, **more)
        return apply_sites(request, check=check, diff=False, paths=self.paths, engine=self.engine, proxy=self.proxy())  # type: ignore[arg-type]

    def rename(self, domain: str, to: str, *, check: bool = False, on_step: Any = None, **more: Any) -> Result:
        """Rename a site."""
        step = on_step or (lambda name: None)
        run = type(RUN)(RUN.audit_id, RUN.actor, "site.rename")
        request = RenameRequest(run, domain, to, self.templates, **more)
        proxy = self.proxy(step)
        return rename_site(
            request,
            check=check,
            diff=check,
            paths=self.paths,
            engine=self.engine,
            proxy=proxy,
            on_step=step,  # type: ignore[arg-type]
        )

    def roll_back(
        self, domain: str, to: int | None = None, *, check: bool = False, on_step: Any = None, force: bool = False
    ) -> Result:
        """Bring a site back to an earlier generation."""
        run = type(RUN)(RUN.audit_id, RUN.actor, "site.rollback")
        request = RollbackRequest(run, domain, self.templates, to, force)
        proxy = self.proxy(on_step or (lambda name: None))
        return roll_back_site(
            request,
            check=check,
            diff=check,
            paths=self.paths,
            engine=self.engine,  # type: ignore[arg-type]
            proxy=proxy,
        )

    def snapshot(self) -> dict[str, str]:
        """Return the text of every file of the host but its locks, and what each link points to."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if path.is_symlink():
                found[name] = f"-> {path.readlink()}"
            elif path.is_file() and path.name != ".lock":
                found[name] = path.read_bytes().hex()
        return found


def texts(result: Result) -> dict[str, str]:
    """Return the text of each step by its name."""
    return {step.name: step.text for step in result.steps}
