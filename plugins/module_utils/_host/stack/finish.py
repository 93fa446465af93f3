# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The second half of bringing a stack up, after Compose: its containers are healthy, or the former version comes back.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ..._core.errors import NotRolledBackError, RolledBackError
from ..._core.stack.compose import COMPOSE, images
from ..._core.stack.env import parse_env
from ..._core.stack.manifest import Stack
from ..machine.docker import Engine
from ..machine.files import load_yaml
from ..store.layout import Paths
from .folder import Folder
from .health import containers_of, diagnosis, step, unhealthy
from .reverse_proxy import proven_sites

__all__ = ("Finish",)

# How long a container may take from Compose's "healthy" to the engine's, and a proxy to answer: moments, not minutes.
_SETTLE = 15.0


class Finish:
    """The second half: what Compose made of it."""

    def __init__(self, paths: Paths, engine: Engine, folder: Folder, stack: Stack) -> None:
        self._paths = paths
        self._engine = engine
        self._folder = folder
        self._stack = stack

    def _services(self) -> tuple[str, ...]:
        compose = load_yaml(self._folder.present().get(COMPOSE, ""), where=COMPOSE)
        return tuple(images(compose, parse_env(self._folder.env() or "")))

    def _wait(self, proven: list[str]) -> list[str]:
        """Return what is wrong with the stack once it had time to settle."""
        deadline = time.monotonic() + _SETTLE
        while True:
            wrong = unhealthy(containers_of(self._engine, self._stack), self._services())
            if proven and not wrong:
                answering = proven_sites(self._engine, self._paths)
                wrong = [f"{domain} answered before and does not now" for domain in proven if domain not in answering]
            if not wrong or time.monotonic() > deadline:
                return wrong
            time.sleep(0.5)

    def verify(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the step of a stack that is well.

        RolledBackError for a failure that was undone, NotRolledBackError for one that was not.
        """
        wrong = self._wait(list(options["proven"] or ()))
        failure = options["failure"]
        if failure:
            self._say_failure(str(failure), list(options["details"] or ()), wrong, restored=bool(options["restored"]))
        if wrong:
            raise NotRolledBackError(
                f"{self._stack.name} is not healthy: {wrong[0]}",
                field="stack",
                value=self._stack.name,
                state="it was started, and is not well",
                details=diagnosis(self._engine, self._stack),
                hint=f"vsa stack logs {self._stack.name}",
            )
        self._folder.remember_good(self._folder.present(), self._folder.env() or "")
        names = ", ".join(container.name for container in containers_of(self._engine, self._stack))
        state = "changed" if options["started"] else "ok"
        text = f"{names} healthy"
        if self._stack.proxy and options["proven"]:
            text += f", {len(options['proven'])} site(s) proven"
        return {"changed": state == "changed", "schema": 1, "stack": self._stack.name, "steps": [step(state, text)]}

    def _say_failure(self, failure: str, details: list[str], wrong: list[str], *, restored: bool) -> None:
        words = {
            "field": "stack",
            "value": self._stack.name,
            "details": details,
            "hint": f"vsa stack logs {self._stack.name}",
        }
        message = f"{self._stack.name} did not become healthy: {failure}"
        if restored and not wrong:
            raise RolledBackError(message, state="rolled back: the version of before runs and is healthy", **words)  # type: ignore[arg-type]
        state = f"its containers are as the failed start left them: {'; '.join(wrong) or 'running'}"
        raise NotRolledBackError(message, state=state, **words)  # type: ignore[arg-type]

    def restore(self) -> dict[str, Any]:
        """Restore the files of the version that last worked; ``restored`` says whether there was one that differs."""
        details = diagnosis(self._engine, self._stack)
        good = self._folder.good()
        now, env = self._folder.present(), self._folder.env() or ""
        if good is None or good == (now, env):
            return {"changed": False, "schema": 1, "restored": False, "details": details, "steps": []}
        copy = self._folder.keep_refused(now, env)
        self._folder.write(*good)
        note = f"what did not work is kept in {copy.parent}"
        told = step("warning", "the version of before is restored", [note])
        return {"changed": True, "schema": 1, "restored": True, "details": [*details, note], "steps": [told]}
