# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collector of the agent: reads the host and writes a snapshot for the sender. It has no network.

Each source is read by itself: one that fails has its error in its section, and the others are read all the same.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...._core.agent.beat import ABSENT, FAILED, OK, Reading, section_of
from ...._core.errors import VsaError
from ...._core.version import VERSION
from ...audit.places import Places
from ...machine.docker_reading import SOCKET, ReadingEngine
from ...store.host import Host, read_host
from ...store.layout import Paths
from ..clock import Clock, stamp
from ..kept import Kept
from ..places import AgentPlaces
from ..sender.state import read_plain_file
from .containers import Inspection, container_rows, inspected, usage_rows
from .machine import figures_row, machine_id, node_row
from .trail import Backlog, records_after

__all__ = ("Collector", "collect", "main")

# A host with one of these has an engine, though its socket may be gone: then the engine failed, and is not absent.
_OF_DOCKER = (
    *("usr/bin/dockerd", "usr/sbin/dockerd", "usr/local/bin/dockerd", "var/lib/docker"),
    *("usr/lib/systemd/system/docker.service", "etc/systemd/system/docker.service"),
)

Section = dict[str, Any]


class Collector:
    """One reading of a host. A source that several sections need is read once."""

    def __init__(self, *, root: str = "/", clock: Clock, docker: str = SOCKET) -> None:
        self._root = root
        self._paths = Paths(root)
        self._places = AgentPlaces(root)
        self._clock = clock
        self._docker = docker
        self._kept = Kept(_read_json(self._places.kept), now=clock.since_boot())
        self._once: dict[str, Any] = {}

    def snapshot(self) -> dict[str, Any]:
        """Return what the host is now. Nothing that fails here raises."""
        backlog, audit_error = self._trail()
        return {
            "schema": 1,
            "taken_at": stamp(self._clock.now()),
            "since_boot": round(self._clock.since_boot(), 3),
            "boot": self._clock.boot(),
            "machine": machine_id(self._root),
            "agent": VERSION,
            "sections": {
                "node": self._section("node", self._node),
                "figures": self._section("figures", lambda: [figures_row(root=self._root)]),
                "containers": self._section("containers", self._containers),
                "usage": self._section("usage", lambda: usage_rows(self._inspections())),
                # Before the sites, whose states depend on those of their certificates.
                "certificates": self._section("certificates", self._certificates),
                "domains": self._section("domains", self._sites),
                "stacks": self._section("stacks", self._stacks),
            },
            "audit": {**vars(backlog), "records": list(backlog.records), "error": audit_error},
        }

    def kept(self) -> dict[str, Any]:
        """Return what the next run need not read again."""
        return self._kept.as_json()

    # Sections

    def _section(self, name: str, read: Callable[[], Sequence[Mapping[str, Any]] | None]) -> Section:
        """Return a section of the rows that ``read`` returns; None is a host that has no such thing."""
        try:
            rows = read()
        except VsaError as error:
            return self._failed(name, "; ".join([error.message, *error.details]))
        except Exception as error:  # whatever one source does, the others are read
            return self._failed(name, f"{type(error).__name__}: {error}")
        at = stamp(self._clock.now())
        return section_of(name, Reading(ABSENT, at) if rows is None else Reading(OK, at, rows))

    def _failed(self, name: str, error: str) -> Section:
        return section_of(name, Reading(FAILED, stamp(self._clock.now()), error=error))

    def _node(self) -> list[dict[str, Any]]:
        docker = nginx = swarm = None
        with contextlib.suppress(VsaError):  # the sections of containers say what is wrong with the engine
            engine = self._engine()
            if engine is not None:
                docker, swarm = engine.version(), self._swarm(engine)
                proxy = engine.container("vsa-nginx")
                nginx = proxy.image if proxy else None
        return [node_row(root=self._root, docker=docker, nginx=nginx, swarm=swarm)]

    def _swarm(self, engine: ReadingEngine) -> Mapping[str, Any]:
        """Return what the engine says of a swarm. It is asked seldom: the question costs the engine much."""
        rows = self._kept.rows("swarm", {"engine": engine.version()}, lambda keys: dict.fromkeys(keys, engine.swarm()))
        return rows[0] if rows else {}

    def _containers(self) -> list[dict[str, Any]] | None:
        return None if self._engine() is None else container_rows(self._inspections(), self._paths)

    def _sites(self) -> Sequence[Mapping[str, Any]] | None:
        from .sites import site_domains, site_rows

        host = self._host()
        if not self._has_proxy(host):
            return None if not site_domains(host) else site_rows(host, None, self._kept)
        try:
            engine = self._engine()
        except VsaError:
            engine = None  # what lies on disk is still known
        return site_rows(host, engine, self._kept)

    def _certificates(self) -> Sequence[Mapping[str, Any]] | None:
        from .certificates import certificate_rows

        host = self._host()
        return certificate_rows(host, self._kept) if self._has_proxy(host) or host.manifests else None

    def _stacks(self) -> Sequence[Mapping[str, Any]] | None:
        from .stacks import stack_rows

        engine = self._engine()
        return None if engine is None else stack_rows(engine, self._inspections(), self._paths, self._kept)

    def _has_proxy(self, host: Host) -> bool:
        return host.number > 0 or host.paths.proxy.is_dir()

    # Sources

    def _read_once(self, name: str, read: Callable[[], Any]) -> Any:
        """Return what a source said the first time, or raise the error of that time."""
        if name not in self._once:
            try:
                self._once[name] = (read(), None)
            except Exception as error:
                self._once[name] = (None, error)
        found, failure = self._once[name]
        if failure is not None:
            raise failure
        return found

    def _host(self) -> Host:
        host: Host = self._read_once("host", lambda: read_host(self._paths, stamped=False))
        return host

    def _engine(self) -> ReadingEngine | None:
        """Return the engine; None if the host has none. RefusedError if it does not answer."""
        if not os.path.lexists(self._docker) and not any(Path(self._root, name).exists() for name in _OF_DOCKER):
            return None
        engine: ReadingEngine = self._read_once("engine", lambda: ReadingEngine(path=self._docker))
        return engine

    def _inspections(self) -> list[Inspection]:
        engine = self._engine()
        if engine is None:
            return []
        found: list[Inspection] = self._read_once("inspections", lambda: inspected(engine))
        return found

    # The trail

    def _trail(self) -> tuple[Backlog, str | None]:
        """Return the records that the hub lacks, and why they cannot be read."""
        state = _read_json(self._places.state)
        after = state.get("after") if isinstance(state, dict) else None
        try:
            files = Places.of_host(self._root).files()
            return records_after(files, after if isinstance(after, str) else None), None
        except (OSError, ValueError) as error:
            return Backlog(None, None), f"the audit trail cannot be read: {error}"


def collect(*, root: str = "/", clock: Clock | None = None, docker: str = SOCKET) -> None:
    """Read the host once and write the snapshot. OSError if it cannot be written."""
    _catch_up(root)
    places = AgentPlaces(root)
    collector = Collector(root=root, clock=clock or Clock(), docker=docker)
    snapshot = collector.snapshot()
    _put(places.snapshot, snapshot, mode=0o640)
    _put(places.kept, collector.kept(), mode=0o600)


def _catch_up(root: str) -> None:
    """Bring the index of the host's own trail up to date, if the trail has grown."""
    places = Places.of_host(root)
    try:
        trail, index = places.log.stat().st_mtime_ns, places.database.stat().st_mtime_ns
    except OSError:
        trail, index = 1, 0
    if trail > index and places.log.exists():
        from ...audit.index import Index  # most beats find nothing new

        Index(places).catch_up()


def _put(path: Path, data: Mapping[str, Any], *, mode: int) -> None:
    """Replace a file by rename. The directory is a tmpfs, so there is nothing to sync."""
    # Not json.dump(): it encodes in Python and not in C, which takes ten times as long.
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    draft = path.with_name(f".{path.name}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(draft, flags, mode), "w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), mode)
        stream.write(text)
    os.replace(draft, path)


def _read_json(path: Path) -> Any:
    """Return the JSON of a file that others may have written; None if there is none, or another thing."""
    content = read_plain_file(path)
    try:
        return None if content is None else json.loads(content)
    except (ValueError, RecursionError):
        return None


def main() -> int:
    """Run once on this host. Returns 0, or 1 if no snapshot could be written."""
    try:
        collect()
    except (OSError, ValueError) as error:
        sys.stderr.write(f"<4>no snapshot was written: {error}\n")
        return 1
    return 0
