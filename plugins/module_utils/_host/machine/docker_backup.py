# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine with the calls that only backups of stacks need: volumes, and a container that runs one program apart.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from ..._core.errors import RolledBackError
from .docker import ExecResult
from .docker_stack import StackEngine
from .files import fsync_directory

__all__ = ("BackupEngine", "Isolated", "Volume")

_HOURS_24 = 86_400
_STOP_SECONDS = 900


@dataclass(frozen=True)
class Volume:
    """A volume of the engine. ``options`` are those of its driver, which may name data that are elsewhere."""

    name: str
    directory: str
    driver: str
    options: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def is_plain(self) -> bool:
        """Say whether the data lie in the engine's own directory."""
        return self.driver == "local" and not self.options


@dataclass(frozen=True)
class Isolated:
    """A container that runs one program: its root is read-only, and it has no capability but ``capabilities``.

    ``binds`` are ``SOURCE:TARGET:MODE``; the source is a path of the host or a volume. ``network`` is ``none`` unless
    the program has to reach another host.
    """

    name: str
    image: str
    argv: tuple[str, ...]
    binds: tuple[str, ...]
    environment: dict[str, str]
    capabilities: tuple[str, ...] = ()
    network: str = "none"


class BackupEngine(StackEngine):
    """The engine with the calls that only backups need."""

    def volume(self, name: str) -> Volume | None:
        """Return a volume, None if there is none of this name."""
        with self._translated(f"inspect the volume {name}"):
            try:
                found = self._api.inspect_volume(name)
            except self._errors.NotFound:
                return None
        return Volume(
            name=str(found["Name"]),
            directory=str(found.get("Mountpoint") or ""),
            driver=str(found.get("Driver") or ""),
            options=dict(found.get("Options") or {}),
            labels=dict(found.get("Labels") or {}),
        )

    def make_volume(self, name: str, *, labels: dict[str, str]) -> None:
        """Make a volume. One that is there stays as it is."""
        with self._translated(f"make the volume {name}"):
            self._api.create_volume(name, labels=labels)

    def remove_volume(self, name: str) -> bool:
        """Remove a volume. No error if it is gone; RolledBackError if a container mounts it."""
        if not super().remove_volume(name):
            raise RolledBackError(f"Docker keeps the volume {name}: a container mounts it")
        return True

    @staticmethod
    def move_data(source: Volume, target: Volume) -> None:
        """Move all data of a plain volume into an empty one, in one rename. Without data nothing happens.

        No container may mount one of the two. Only root can write the directories above the data.
        """
        if not os.path.isdir(source.directory):
            return
        os.rename(source.directory, target.directory)
        for volume in (source, target):
            fsync_directory(Path(volume.directory).parent)

    def stop(self, identity: str) -> None:
        """Stop a container, with the time that it asks for. No error if it is gone."""
        with self._translated(f"stop the container {identity[:12]}"), self._patient(_STOP_SECONDS):
            try:
                self._api.stop(identity)
            except self._errors.NotFound:
                return

    def start(self, identity: str) -> None:
        """Start a container that was stopped. No error if it is gone."""
        with self._translated(f"start the container {identity[:12]}"):
            try:
                self._api.start(identity)
            except self._errors.NotFound:
                return

    def remove(self, identity: str) -> None:
        """Stop a container, with the time that it asks for, and remove it. Its volumes stay. No error if it is gone."""
        self.stop(identity)
        self.remove_now(identity)

    def remove_now(self, identity: str) -> None:
        """Kill and remove a container. No error if it is gone."""
        with self._translated(f"remove the container {identity[:12]}"):
            try:
                self._api.remove_container(identity, v=False, force=True)
            except self._errors.NotFound:
                return

    def run_isolated(self, task: Isolated) -> ExecResult:
        """Run a program in a container of its own, and remove the container in any case.

        A container of the same name, which a killed run left, is removed first. The program may take a day.
        """
        self.remove_now(task.name)
        config = self._api.create_host_config(
            binds=list(task.binds),
            network_mode=task.network,
            read_only=True,
            # Programs write temporary files, and make directories above what is mounted.
            tmpfs={"/tmp": "mode=1777", "/restore": "mode=0700"},  # noqa: S108  inside of the container
            cap_drop=["ALL"],
            cap_add=list(task.capabilities),
            security_opt=["no-new-privileges:true"],
        )
        with self._translated(f"run {task.argv[0]} in {task.image}"):
            made = self._api.create_container(
                task.image,
                list(task.argv[1:]),
                entrypoint=[task.argv[0]],
                environment=task.environment,
                host_config=config,
                name=task.name,
                labels={"vsa.once": "1"},
            )
            try:
                self._api.start(made["Id"])
                code = self._api.wait(made["Id"], timeout=_HOURS_24)["StatusCode"]
                stdout = self._api.logs(made["Id"], stdout=True, stderr=False)
                stderr = self._api.logs(made["Id"], stdout=False, stderr=True)
            finally:
                self.remove_now(made["Id"])
        return ExecResult(code=code, stdout=stdout.decode(errors="replace"), stderr=stderr.decode(errors="replace"))
