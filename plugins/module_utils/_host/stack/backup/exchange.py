# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exchange the data of a stack for restored data: its folder and its volumes, each by one rename. The old ones stay.

What was there is called `<name>.before-<time>` afterwards. A journal says what was moved. So a run that is killed at
any step leaves the old data in the one place or in the other, and the next run goes on.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ...._core.errors import RefusedError
from ...._core.stack.manifest import Stack
from ...machine.docker import PROJECT_LABEL
from ...machine.docker_backup import BackupEngine, Volume
from ...machine.walk import walk
from ...store.backups import RestoreJournal
from ..folder import Folder
from ..health import containers_of, service_of

__all__ = ("Exchange", "begin_exchange", "refuse_used_volumes")

# Stands for the folder among the names of volumes, which have no slash.
_FOLDER = "folder/"


@dataclass
class Exchange:
    """An exchange under way. ``moved`` are the volumes, and the folder, whose old data are aside."""

    stack: Stack
    folder: Folder
    engine: BackupEngine
    journal: RestoreJournal
    run: str
    suffix: str
    moved: list[str] = field(default_factory=list)

    def before(self, name: str) -> str:
        """Return the name of what was there."""
        return f"{name}.before-{self.suffix}"

    def remove_containers(self) -> None:
        """Stop and remove the stack's containers: a stopped one would still hold its volumes."""
        for container in containers_of(self.engine, self.stack):
            self.engine.remove(container.id)

    def exchange_folder(self, restored: str) -> None:
        """Put the folder ``restored``, which lies beside the stack's own, into its place."""
        name = self.folder.path.name
        with walk(self.folder.path.parent) as tenant:
            if _FOLDER not in self.moved:
                if tenant.state(name) is not None:
                    tenant.move(name, tenant, self.before(name))
                self._note(_FOLDER)
            tenant.remove(name)
            tenant.move(restored, tenant, name)

    def exchange_volume(self, key: str, name: str, restored: str | None) -> None:
        """Put the data of the volume ``restored`` into a volume of the stack; without it the volume is empty."""
        if name not in self.moved:
            found = self.engine.volume(name)
            if found is not None:
                labels = {"vsa.before": self.run}
                self.engine.move_data(found, self._made(self.before(name), labels))
            self._note(name)
        self.engine.remove_volume(name)
        # As Compose labels its volumes: it takes a volume without these labels for another's.
        labels = {PROJECT_LABEL: self.stack.project, "com.docker.compose.volume": key}
        target = self._made(name, labels)
        source = self.engine.volume(restored) if restored else None
        if source is not None:
            self.engine.move_data(source, target)
            self.engine.remove_volume(source.name)

    def kept(self, names: Iterable[str]) -> list[str]:
        """Return what of before is kept: volumes, and the folder."""
        found = [self.before(name) for name in names if self.engine.volume(self.before(name)) is not None]
        beside = self.before(self.folder.path.name)
        with walk(self.folder.path.parent) as tenant:
            if tenant.state(beside) is not None:
                found.append(str(self.folder.path.with_name(beside)))
        return found

    def _made(self, name: str, labels: dict[str, str]) -> Volume:
        self.engine.make_volume(name, labels=labels)
        made = self.engine.volume(name)
        if made is None or not made.is_plain:
            raise RefusedError(f"the volume {name} is not in the engine's own directory", field="volume", value=name)
        return made

    def _note(self, what: str) -> None:
        self.moved.append(what)
        self.journal.write(run=self.run, suffix=self.suffix, moved=self.moved)


def begin_exchange(
    stack: Stack,
    folder: Folder,
    engine: BackupEngine,
    journal: RestoreJournal,
    *,
    run: str,
    now: str,
    databases: Iterable[str],
) -> Exchange:
    """Return the exchange that a killed run of the same restore began, else a new one that begins ``now``.

    If a container runs besides the ``databases``, somebody has brought the stack up since: then its data are kept like
    all data, and are no leftover of a restore.
    """
    found = journal.read()
    services = {service_of(container) for container in containers_of(engine, stack)}
    if found and found["run"] == run and services <= set(databases):
        return Exchange(stack, folder, engine, journal, run, found["suffix"], list(found["moved"]))
    journal.write(run=run, suffix=now, moved=[])
    return Exchange(stack, folder, engine, journal, run, now)


def refuse_used_volumes(stack: Stack, volumes: Mapping[str, str], engine: BackupEngine) -> None:
    """Raise RefusedError if a container of somebody else mounts one of the volumes, or if one is not a plain volume."""
    own = {container.id for container in containers_of(engine, stack)}
    for container in engine.containers():
        shared = sorted(set(container.volumes) & set(volumes.values())) if container.id not in own else []
        if shared:
            raise RefusedError(
                f"the container {container.name} mounts the volume {shared[0]}, and is not one of {stack.name}",
                field="volume",
                value=shared[0],
                hint=f"docker stop {container.name} && docker rm {container.name}",
            )
    for name in volumes.values():
        found = engine.volume(name)
        if found is not None and not found.is_plain:
            raise RefusedError(f"the volume {name} is not in the engine's own directory", field="volume", value=name)
