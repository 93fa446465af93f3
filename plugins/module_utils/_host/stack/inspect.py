# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A check of `vsa status`: containers that the policy of stacks refuses, whoever started them.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..._core.errors import VsaError
from ..._core.finding import WARNING, Finding
from ..._core.hints import Advice, Hint
from ..._core.stack.manifest import Stack, parse_stack
from ..._core.stack.rules.catalogue import NEVER
from ..._core.stack.rules.facts import Facts, KnownContainer
from ..._core.stack.running import is_own, judge_running
from ..machine.docker import Engine
from ..machine.files import load_yaml
from ..store.allowed import AllowedFindings
from ..store.layout import Paths
from ..store.stacks import StackState, known_stacks
from .known import known_container

__all__ = ("running_findings",)


def running_findings(engine: Engine, paths: Paths) -> list[Finding]:
    """Return what containers have that the policy refuses, whoever started them; the subject is the container."""
    inspected = engine.inspections()
    known = {attrs["Id"]: known_container(engine.as_container(attrs)) for attrs in inspected}
    facts = _Facts(paths, tuple(known.values()))
    findings: list[Finding] = []
    for attrs in inspected:
        container = known[attrs["Id"]]
        labels = (attrs.get("Config") or {}).get("Labels") or {}
        if is_own(container, labels, srv=facts.srv):
            continue
        found = judge_running(attrs, container, facts.of(container, attrs), allowed=facts.allowed(container))
        findings += [_about(container, finding, facts) for finding in found]
    return findings + facts.doubled()


def _about(container: KnownContainer, finding: Finding, facts: _Facts) -> Finding:
    """Return a finding of a running container: its subject is the container, and the remedy leads to its stack."""
    remedy = f"allowed: {finding.remedy}"
    stack = facts.stack_of(container)
    if stack is not None and finding.name not in NEVER:
        hint = Hint("stack.up", {"name": stack.name, "allow": [finding.name]})
        return dataclasses.replace(finding, subject=container.name, remedy=Advice(f"{remedy}. To allow it", hint))
    return dataclasses.replace(finding, subject=container.name, remedy=remedy)


class _Facts:
    """What is known of the host, once for all containers."""

    def __init__(self, paths: Paths, containers: tuple[KnownContainer, ...]) -> None:
        self._paths = paths
        self._containers = containers
        self.srv = str(Path(paths.root, "srv"))
        self._known = known_stacks(paths)
        self._stacks = {f"{self.srv}/{tenant}/{name}": self._read(tenant, name) for tenant, name in self._known}

    def _read(self, tenant: str, name: str) -> Stack | None:
        text = StackState(self._paths, tenant, name).manifest()
        try:
            return parse_stack(load_yaml(text or "", where="stack.yml"), name=name)
        except VsaError:
            return None

    def stack_of(self, container: KnownContainer) -> Stack | None:
        """Return the stack that a container belongs to, None if VSA did not bring it up."""
        return self._stacks.get(container.folder)

    def of(self, container: KnownContainer, attrs: Mapping[str, Any]) -> Facts:
        """Return the facts with which a container is judged."""
        stack = self.stack_of(container)
        sources = {str(mount.get("Source") or "") for mount in attrs.get("Mounts") or ()}
        return Facts(
            name=container.project,
            tenant=stack.tenant if stack else "",
            folder=container.folder if stack else "",
            srv=self.srv,
            ports=frozenset((port.port, port.protocol) for port in stack.ports) if stack else frozenset(),
            containers=self._containers,
            stacks=frozenset(self._known),
            real={path: os.path.realpath(path) for path in {*sources, container.folder} if path.startswith("/")},
        )

    def allowed(self, container: KnownContainer) -> set[tuple[str, str]]:
        """Return the findings that an operator allowed for a container's stack."""
        stack = self.stack_of(container)
        return AllowedFindings(self._paths, stack.tenant, stack.name).keys() if stack else set()

    def doubled(self) -> list[Finding]:
        """Return the Compose projects that are those of two folders: the next start of the one removes the other."""
        there: dict[str, list[str]] = {}
        for tenant, name in self._known:
            if Path(self.srv, tenant, name).is_dir():
                project = StackState(self._paths, tenant, name).project()
                there.setdefault(project, []).append(f"{tenant}/{name}")
        return [
            Finding(
                "foreign-project",
                WARNING,
                project,
                f"the stacks {', '.join(sorted(stacks))} are one Compose project",
                "give one of them another name",
            )
            for project, stacks in sorted(there.items())
            if len(stacks) > 1
        ]
