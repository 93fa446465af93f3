# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry of stacks that need more than Compose, by the name of the stack.

The verbs of all stacks call hooks. Most stacks have none; a stack that has some has a file of its own in this package.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..machine.docker import Container, Engine
from ..store.layout import Paths

__all__ = ("Hooks", "hooks_of")


class Hooks:
    """What a stack adds to the verbs of all stacks. This class adds nothing; the hooks of a stack derive from it.

    * ``before_start``: a task file of the role ``stack`` that runs after the folder is written and before Compose.
    * ``serves_sites``: whether the stack serves the sites of the host.
    * ``compose_override``: whether VSA itself generates a Compose override in the stack's folder.
    """

    before_start: str | None = None
    serves_sites: bool = False
    compose_override: bool = False

    def refuse_host(self, paths: Paths) -> None:
        """Raise RefusedError if the stack cannot run on this host. Nothing is written yet."""

    def refuse_images(self, engine: Engine, paths: Paths, wanted: Mapping[str, str], running: list[Container]) -> None:
        """Raise RefusedError if a wanted image (by service) must not replace the image of a running container."""

    def refuse_taken_ports(self, engine: Engine, paths: Paths) -> None:
        """Raise RefusedError if another process of the host listens on a port that the stack needs."""

    def prepare(self, paths: Paths) -> None:
        """Write what the containers need from the host besides the stack's own folder."""

    def make_networks(self, engine: Engine, paths: Paths) -> None:
        """Create the networks that only this stack uses."""

    def forecast(self, engine: Engine, paths: Paths, compose: str, env: str) -> list[str]:
        """Return notes about what the start with this Compose file and environment interrupts, for check mode."""
        del engine, paths, compose, env
        return []

    def leave_networks(self, engine: Engine, paths: Paths) -> list[str]:
        """Leave the networks that would slow down the start, and return their names."""
        del engine, paths
        return []

    def after_start(self, engine: Engine, paths: Paths) -> None:
        """Finish what Compose does not do, also after a start that failed."""

    def hand_over(self, engine: Engine, paths: Paths, *, check: bool) -> list[str]:
        """Change what only a proven version allows, and return what changed. With ``check`` nothing is changed."""
        del engine, paths, check
        return []

    def answering_sites(self, engine: Engine, paths: Paths) -> list[str]:
        """Return the domains that the stack serves now; all of them must answer after the start too."""
        del engine, paths
        return []


def hooks_of(name: str) -> Hooks:
    """Return the hooks of a stack."""
    if name == "reverse-proxy":
        from .reverse_proxy import ReverseProxy  # imported here so that other stacks do not load the proxy's files

        return ReverseProxy()
    return Hooks()
