# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container of the host as the policy of stacks sees it.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..._core.stack.rules.facts import KnownContainer
from ..machine.docker import FOLDER_LABEL, PROJECT_LABEL, Container

__all__ = ("known_container",)


def known_container(container: Container, devices: Mapping[str, str] | None = None) -> KnownContainer:
    """Return a container as the policy sees it. ``devices`` are the directories to which volumes lead, by volume."""
    led = {path for name, path in (devices or {}).items() if name in container.volumes}
    own = {container.name, container.hostname} - {""}
    return KnownContainer(
        name=container.name,
        project=container.labels.get(PROJECT_LABEL, ""),
        folder=container.labels.get(FOLDER_LABEL, ""),
        networks={name: frozenset({*own, *end.aliases}) for name, end in container.networks.items()},
        volumes=frozenset(container.volumes),
        image=container.image,
        writes=frozenset({*container.writes, *led}),
    )
