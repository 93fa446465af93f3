# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker engine of a host, for ``bootstrap``: its state, its source, its daemon.json and the edge network.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from ..._core.bootstrap import (
    DaemonPlan,
    DaemonRequest,
    EngineRequest,
    EngineSource,
    Platform,
    Policy,
    check_source,
    choose_source,
    last_words,
    log_warning,
    network_warning,
    plan_daemon,
)
from ..._core.errors import RefusedError
from ..._core.networks import EDGE
from ..machine.apt import repository_error
from ..machine.files import read_text
from ..machine.programs import output_of
from ..machine.systemd import UnitState, journal_of, read_unit
from ..store.layout import Paths

__all__ = (
    "EdgeNetwork",
    "ExistingEngine",
    "can_import",
    "find_source",
    "plan_daemon_change",
    "read_edge_network",
    "read_engine",
    "read_log_warning",
    "why_it_is_down",
    "why_not_imported",
)

_UNIT = "docker.service"
_DAEMON_JSON = "etc/docker/daemon.json"


@dataclass(frozen=True)
class ExistingEngine:
    """The Docker engine of a host; ``version`` is empty if there is none.

    ``unfinished``: a run was cut off after it wrote a daemon.json, before the engine had come up with that file.
    """

    version: str = ""
    unit: UnitState = field(default_factory=UnitState)
    unfinished: bool = False

    @property
    def ready(self) -> bool:
        """Say whether the engine runs, and starts at every boot."""
        return bool(self.version) and self.unit.active and self.unit.enabled


@dataclass(frozen=True)
class EdgeNetwork:
    """The edge network ``flowbiz_ext``.

    ``needed``: this run makes the network unless it exists. ``known``: the engine could be asked; it cannot be asked if
    it does not run, or if its SDK is missing. ``warning`` is a text for the operator, empty if there is none.
    """

    needed: bool = False
    known: bool = False
    exists: bool = False
    warning: str = ""


def can_import(module: str) -> bool:
    """Say whether a Python library works on this host: a library that is there may need one that is missing."""
    return not why_not_imported(module)


def why_not_imported(module: str) -> str:
    """Return what Python says if it cannot import a library, empty if it can."""
    try:
        import_module(module)
    except ImportError as error:
        return str(error) or type(error).__name__
    return ""


def read_engine(paths: Paths) -> ExistingEngine:
    """Return the engine that is installed on this host."""
    # Docker version 26.1.5+dfsg1, build a72d7cd
    words = (output_of(["dockerd", "--version"]) or "").replace(",", " ").split()
    return ExistingEngine(
        version=words[2] if len(words) > 2 else "",
        unit=read_unit(_UNIT),
        unfinished=_kept_file(paths).exists(),
    )


def why_it_is_down(engine: ExistingEngine) -> str:
    """Return the last words of an engine that is installed and does not run; ``nothing`` for any other engine."""
    is_down = bool(engine.version) and not engine.unit.active
    return last_words(journal_of(_UNIT, program="dockerd") if is_down else "")


def find_source(request: EngineRequest, policy: Policy, platform: Platform) -> EngineSource:
    """Return where the engine comes from. RefusedError if no source fits this host."""
    source = choose_source(request, policy, platform)
    check_source(request, source, policy, platform)
    if source.repository:
        # Asked last: a repository that does not answer takes ten seconds.
        error = repository_error(source.repository)
        check_source(request, source, policy, platform, repository_error=error)
    return source


def plan_daemon_change(
    request: DaemonRequest, engine: ExistingEngine, source: EngineSource | None, policy: Policy, paths: Paths
) -> DaemonPlan:
    """Return the change of daemon.json. RefusedError if the operator's file is not a JSON object."""
    path = _kept_file(paths) if engine.unfinished else Path(paths.root, _DAEMON_JSON)
    version = engine.version
    if not version and source is not None and source.kind == "distro" and "docker.io" in policy.candidates:
        version = policy.version("docker.io")
    return plan_daemon(
        request,
        _text_of(path),
        path=f"/{_DAEMON_JSON}",
        engine_version=version,
        unfinished=engine.unfinished,
    )


def _text_of(path: Path) -> str:
    """Return the text of daemon.json, empty if there is no file. RefusedError if the file is not text."""
    try:
        return read_text(path) or ""
    except UnicodeDecodeError as error:
        raise RefusedError("the daemon.json of this host is not text", field="file", value=str(path)) from error


def _kept_file(paths: Paths) -> Path:
    """Return the path under which the operator's daemon.json is kept while a change is unfinished."""
    return Path(paths.root, f"{_DAEMON_JSON}.vsa-old")


def read_edge_network(engine: ExistingEngine, *, ipv6: bool, check: bool) -> EdgeNetwork:
    """Return the state of the edge network. RefusedError if the engine runs and does not answer.

    In check mode nothing will start the engine: a network that is not known then cannot be made.
    """
    if not engine.unit.active or not can_import("docker"):
        return EdgeNetwork(needed=not check)
    # imported here because a fresh host has no Docker SDK yet
    from ..machine.docker import Engine

    found = Engine().network(EDGE)
    if found is None:
        return EdgeNetwork(needed=True, known=True)
    warning = network_warning(EDGE) if ipv6 and not found.get("EnableIPv6") else ""
    return EdgeNetwork(needed=True, known=True, exists=True, warning=warning)


def read_log_warning(engine: ExistingEngine, plan: DaemonPlan) -> str:
    """Return the warning about containers that keep their log options; empty if the engine cannot be asked."""
    if not engine.unit.active or not can_import("docker"):
        return ""
    # imported here because a fresh host has no Docker SDK yet
    from ..machine.docker import Engine

    return log_warning(plan, Engine().inspections())
