# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which containers of a host are replicas of a rolling service, and for which sites: those of the stack's stack.yml.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..._core import forms
from ..._core.errors import VsaError
from ..._core.stack.env import parse_env, stack_variables
from ..._core.stack.manifest import Stack, parse_stack
from ..._core.stack.rolling import rolling_services
from ..machine.docker import FOLDER_LABEL, SERVICE_LABEL, Container
from ..machine.files import load_yaml
from .layout import Paths
from .stacks import StackState

__all__ = ("RollingService", "declared_domains", "rolling_service_of")


@dataclass(frozen=True)
class RollingService:
    """A service that rolls, the stack that has it, and the domains of the stack's sites."""

    tenant: str
    stack: str
    service: str
    domains: tuple[str, ...]


def rolling_service_of(paths: Paths, container: Container) -> RollingService | None:
    """Return the rolling service that a container is a replica of; None if it is none.

    A stack whose stack.yml is not valid any more has no rolling service: its next ``stack up`` is refused.
    """
    place = Path(container.labels.get(FOLDER_LABEL, "/"))
    service = container.labels.get(SERVICE_LABEL, "")
    tenant, name = place.parent.name, place.name
    if not service or place != Path(paths.root, "srv", tenant, name):
        return None
    state = StackState(paths, tenant, name)
    try:
        stack = parse_stack(load_yaml(state.manifest() or "", where="stack.yml"), name=name)
        version = state.version()
        text = stack_variables(version.files, version.env) if version else ""
        if service not in rolling_services(stack):
            return None
        return RollingService(tenant, name, service, declared_domains(stack, parse_env(text)))
    except VsaError:
        return None


def declared_domains(stack: Stack, variables: Mapping[str, str]) -> tuple[str, ...]:
    """Return the domains of a stack's sites, as far as env/.env says them. RefusedError if one is no domain."""
    named = [site.domain or variables.get(site.domain_from or "", "") for site in stack.sites]
    return tuple(forms.domain(domain) for domain in named if domain)
