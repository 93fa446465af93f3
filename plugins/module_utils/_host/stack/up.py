# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first half of bringing a stack up, all before Compose: its folder made ready, its images at hand and tried.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..._core.errors import RefusedError
from ..._core.forms import relative_path
from ..._core.networks import is_edge_network, ula_subnet
from ..._core.stack.compose import COMPOSE, images
from ..._core.stack.env import env_values, parse_env
from ..._core.stack.manifest import parse_stack
from ..cert.certbot import Certbot
from ..machine.docker import Container, Engine
from ..machine.files import load_yaml, read_text
from ..store.layout import Paths
from ..store.settings import read_settings
from .folder import Folder
from .health import containers_of, service_of, step, unhealthy
from .reverse_proxy import check_new_image, proven_sites

__all__ = ("Up",)


class Up:
    """The first half: everything up to Compose."""

    def __init__(self, paths: Paths, engine: Engine | None, name: str, options: Mapping[str, Any]) -> None:
        self._paths = paths
        self._given = engine
        self._options = options
        given: Mapping[str, str] = options["files"] or {}
        self._files = {relative_path(path, field="files"): text for path, text in given.items()}
        for needed in ("stack.yml", COMPOSE):
            if needed not in self._files:
                raise RefusedError(
                    f"the stack has no {needed}", field="stack", value=name, there_are=sorted(self._files)
                )
        data = load_yaml(self._files["stack.yml"], where="stack.yml")
        self._stack = parse_stack(data, name=name, where="stack.yml/")
        self._compose = load_yaml(self._files[COMPOSE], where=COMPOSE)
        self._folder = Folder(paths, self._stack)

    def prepare(self, *, check: bool, diff: bool) -> dict[str, Any]:
        """Return what was made ready, and whether Compose has to run."""
        self._refuse_small_host()
        said = env_values(self._options["env"] or {})
        env, new_secrets = self._folder.wanted_env(self._files, said)
        wanted = images(self._compose, parse_env(env))
        notes = [f"{len(new_secrets)} secret(s) made on the host: {', '.join(new_secrets)}"] if new_secrets else []
        engine = self._engine(check, notes)
        running: list[Container] = []
        changes = self._changes(env)
        proven: list[str] = []
        if engine is not None:
            self._ensure_networks(engine, check)
            self._bring_images(engine, wanted, check, notes)
            running = containers_of(engine, self._stack)
            if self._stack.proxy:
                self._try_new_image(engine, wanted, running)
                proven = proven_sites(engine, self._paths) if changes else []
        shown = {"prepared": self._folder.diff(self._files)} if diff else None
        if changes and not check:
            self._folder.write(self._files, env)
        if self._stack.proxy and not check:
            self._prepare_proxy()
        needed = "its files are new" if changes else self._up_needed(engine, wanted, running, env)
        return {
            "changed": bool(changes),
            "schema": 1,
            "stack": self._stack.name,
            "folder": str(self._folder.path),
            "folder_exists": self._folder.path.is_dir() and (self._folder.path / COMPOSE).is_file(),
            "proxy": self._stack.proxy,
            "timeout": self._stack.timeout,
            "up_needed": needed is not None,
            "proven": proven,
            "sites": self._sites(env),
            "steps": [self._told(changes, needed, running, notes, check)],
            **({"diff": shown} if shown else {}),
        }

    def _refuse_small_host(self) -> None:
        text = read_text(Path(self._paths.root, "proc/meminfo")) or ""
        total = next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("MemTotal:")), None)
        if total is not None and total < self._stack.memory:
            raise RefusedError(
                f"this host has {total >> 20} MiB of memory, and the stack needs {self._stack.memory >> 20} MiB",
                field="stack",
                value=self._stack.name,
            )

    def _engine(self, check: bool, notes: list[str]) -> Engine | None:
        try:
            return self._given or Engine()
        except RefusedError as error:
            if not check:
                raise
            notes.append(f"{error.message}: images and containers could not be looked at")
            return None

    def _ensure_networks(self, engine: Engine, check: bool) -> None:
        networks = self._compose.get("networks") or {}
        for key, entry in networks.items():
            if not isinstance(entry, Mapping) or not entry.get("external"):
                continue
            name = str(entry.get("name", key))
            if engine.network(name) is not None or check:
                continue
            if not is_edge_network(name):
                raise RefusedError("a network of the stack is not there", field="networks", value=name)
            engine.ensure_network(name, subnet6=ula_subnet(name), labels={"vsa.edge": "1"})

    def _bring_images(self, engine: Engine, wanted: Mapping[str, str], check: bool, notes: list[str]) -> None:
        for reference in dict.fromkeys(wanted.values()):
            if engine.image_id(reference) is not None:
                continue
            if check:
                notes.append(f"the image {reference} would be pulled")
                continue
            engine.pull(reference)
            notes.append(f"the image {reference} was pulled")

    def _try_new_image(self, engine: Engine, wanted: Mapping[str, str], running: list[Container]) -> None:
        """Refuse an image of NGINX that does not take the live generation, before anything is written for it."""
        for found in running:
            reference = wanted.get("nginx")
            if service_of(found) != "nginx" or reference is None:
                continue
            if engine.image_id(reference) not in (None, found.image_id):
                check_new_image(engine, self._paths, reference)

    def _changes(self, env: str) -> list[str]:
        changes = [
            *self._folder.differing(self._files),
            *(f"{name} (removed)" for name in self._folder.stale(self._files)),
        ]
        changes += [f"{name}/" for name in self._folder.directories()]
        return changes if self._folder.env() == env else [*changes, "env/.env"]

    def _prepare_proxy(self) -> None:
        Certbot(self._paths).trust(read_settings(self._paths).ca_bundle)
        # The reloader opens it read-only, so it has to be there.
        self._paths.lock.touch(mode=0o644)

    def _up_needed(
        self, engine: Engine | None, wanted: Mapping[str, str], running: list[Container], env: str
    ) -> str | None:
        """Return why Compose has to run, or None where everything is as it was last seen well."""
        if engine is None:
            return "the engine is not there yet"
        if self._folder.verified() != self._folder.fingerprint(self._files, env):
            return "its files are new"
        wrong = unhealthy(running, tuple(wanted))
        if wrong:
            return wrong[0]
        for container in running:
            if service_of(container) not in wanted:
                return f"{container.name} belongs to no service any more"
            if engine.image_id(wanted[service_of(container)]) != container.image_id:
                return f"{container.name} runs another image"
        return None

    def _sites(self, env: str) -> list[dict[str, Any]]:
        values = parse_env(env)
        found = []
        for site in self._stack.sites:
            domain = site.domain or values.get(site.domain_from or "")
            if domain:
                found.append(
                    {"domain": domain, "container": site.container, "port": site.port, "profile": site.profile}
                )
        return found

    def _told(
        self, changes: list[str], needed: str | None, running: list[Container], notes: list[str], check: bool
    ) -> dict[str, Any]:
        if changes:
            words = f"{len(changes)} file(s) and directories" if len(changes) > 3 else ", ".join(changes)
            verb = "would be written" if check else "written"
            return step("would_change" if check else "changed", f"{self._folder.path}: {words} {verb}", notes)
        if needed is not None:
            text = (
                f"{self._stack.name} would be started: {needed}" if check else f"{self._folder.path} is as it should be"
            )
            return step("would_change" if check else "ok", text, notes)
        return step("ok", f"{', '.join(container.name for container in running)} healthy", notes)
