# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of stacks' containers for `vsa status`: a stack that should run and does not, or not as a whole.

The containers alone are looked at. One that is gone while others of its stack run is not seen here: `stack list`
compares them with the services of the stack.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..._core.errors import VsaError
from ..._core.finding import WARNING, Finding
from ..._core.hints import Advice, Hint
from ..._core.stack.manifest import Stack
from ..machine.docker import FOLDER_LABEL, Container
from ..store.layout import Paths
from ..store.stacks import known_stacks
from .folder import find_stack
from .health import problem_of
from .hooks import hooks_of

__all__ = ("stack_findings",)

# With these the engine starts a container again whenever its process ends.
_ALWAYS = ("always", "unless-stopped")


def stack_findings(paths: Paths, containers: Iterable[Container]) -> list[Finding]:
    """Return a finding for each stack that was healthy once, was not taken down, and now does not run as it should.

    ``containers`` are all containers of the host. The stack that serves the sites has checks of its own.
    """
    by_folder: dict[str, list[Container]] = {}
    for container in containers:
        by_folder.setdefault(container.labels.get(FOLDER_LABEL, ""), []).append(container)
    findings = []
    for tenant, name in known_stacks(paths):
        try:
            folder, stack = find_stack(paths, name, tenant=tenant)
            wanted = folder.should_run() and folder.good() is not None and not hooks_of(name).serves_sites
        except VsaError:
            continue  # another check names a stack that cannot be read
        if wanted:
            findings += _of_stack(stack, by_folder.get(str(folder.path), []))
    return findings


def _of_stack(stack: Stack, containers: Sequence[Container]) -> list[Finding]:
    subject = f"{stack.tenant}/{stack.name}"
    if not containers:
        start = Advice("", Hint("stack.up", {"name": stack.name, "tenant": stack.tenant}))
        return [Finding("stack-down", WARNING, subject, "it should run, and has no container", start)]
    problems = [problem_of(container) for container in containers if _is_wrong(container)]
    look = Advice("", Hint("stack.logs", {"name": stack.name, "tenant": stack.tenant}))
    return [Finding("stack-unhealthy", WARNING, subject, ", ".join(problems), look)] if problems else []


def _is_wrong(container: Container) -> bool:
    """Say whether a container is not as somebody wants it. One that may end, and ended without an error, is well."""
    if container.running:
        return container.health == "unhealthy"
    return container.status != "exited" or container.exit_code != 0 or container.restart in _ALWAYS
