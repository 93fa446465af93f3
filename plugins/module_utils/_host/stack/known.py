# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container of the host as the policy of stacks sees it.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from ..._core.stack.rules.facts import KnownContainer
from ..machine.docker import Container

__all__ = ("known_container",)

_PROJECT = "com.docker.compose.project"
_FOLDER = "com.docker.compose.project.working_dir"


def known_container(container: Container) -> KnownContainer:
    """Return a container as the policy sees it."""
    own = {container.name, container.hostname} - {""}
    return KnownContainer(
        name=container.name,
        project=container.labels.get(_PROJECT, ""),
        folder=container.labels.get(_FOLDER, ""),
        networks={name: frozenset({*own, *end.aliases}) for name, end in container.networks.items()},
        volumes=frozenset(container.volumes),
        image=container.image,
    )
