"""A host with stacks in a directory, and an engine that only remembers: the verbs of stacks without Docker."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.compose import interpolate
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.env import parse_env
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.files import File
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.removal import Volume
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Container, ExecResult
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker_stack import Done
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.up import StackUpRequest, prepare
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

__all__ = ("COMPOSE", "STARTED", "FakeEngine", "StackHost", "fake_compose", "make_container")

STARTED = "2026-01-01T00:00:00Z"
COMPOSE = """\
services:
  web:
    image: ${APP_IMAGE:-app:1}
    restart: unless-stopped
    mem_limit: 64m
    logging: {options: {max-size: 1m}}
networks:
  flowbiz_ext_acme: {external: true}
  internal: {}
"""
STACK = """\
schema: 1
description: An application
tenant: acme
secrets: [{name: APP_SECRET}]
sites:
  - {domain_from: APP_DOMAIN, container: app-web, port: 3000, profile: llm}
"""


def make_container(
    stack: str, service: str, *, image: str = "app:1", project: str | None = None, **more: Any
) -> Container:
    """Return a running, healthy container of a stack's service. It started long ago."""
    labels = {"com.docker.compose.project": project or stack, "com.docker.compose.service": service}
    values = {"status": "running", "health": "healthy", "pid": 1, "started_at": STARTED, "labels": labels, **more}
    name = f"{stack}-{service}"
    return Container(name=name, id=name, image=image, image_id=f"sha256:{image}", **values)


def fake_compose(folder: Path, files: tuple[str, ...], *, name: str, env_file: str) -> dict[str, Any]:
    """Return what Compose says of simple files: merged, with variables and names filled in."""
    env = parse_env((folder / env_file).read_text(encoding="utf-8"))
    config: dict[str, Any] = {"name": name}
    for file in files:
        text = interpolate((folder / file).read_text(encoding="utf-8"), env).replace("./", f"{folder}/")
        for key, entries in yaml.safe_load(text).items():
            known = config.setdefault(key, {})
            for entry, value in entries.items():
                known[entry] = {**known.get(entry, {}), **(value or {})}
    for kind in ("networks", "volumes"):
        for key, entry in config.get(kind, {}).items():
            entry.setdefault("name", key if entry.get("external") else f"{name}_{key}")
    return config


class FakeEngine:
    """An engine with images, networks and containers as plain values; ``done`` lists what it was asked to change."""

    def __init__(self, *, images: tuple[str, ...] = ("app:1",), registry: tuple[str, ...] = ()) -> None:
        self.images = set(images)
        self.registry = set(registry)
        self.networks: set[str] = set()
        self.folder = ""
        self.release = "26.1.5+dfsg1"
        self.devices: dict[str, str] = {}
        self.folders: dict[str, str] = {}
        self.digests: dict[str, str] = {}
        self.running: list[Container] = []
        self.done_in = Done(0, "", "")
        self.kept: list[Volume] = []
        self.in_volumes: dict[str, dict[str, bytes]] = {}
        self.log = "2026-01-01T00:00:00Z out of order\n"
        self.answer = ExecResult(0, "", "")
        self.done: list[str] = []

    def containers(self, *, everything: bool = True, labels: dict[str, str] | None = None) -> list[Container]:
        del everything
        marked = [self._with_folder(found) for found in self.running]
        return [found for found in marked if (labels or {}).items() <= found.labels.items()]

    def _with_folder(self, container: Container) -> Container:
        """Compose notes the folder of a project at its containers. ``folders`` has those that differ, by project."""
        if "com.docker.compose.project" not in container.labels:
            return container
        folder = self.folders.get(container.labels["com.docker.compose.project"], self.folder)
        labels = {"com.docker.compose.project.working_dir": folder, **container.labels}
        return dataclasses.replace(container, labels=labels)

    def container(self, name: str) -> Container | None:
        return next((found for found in self.running if found.name == name), None)

    def version(self) -> str:
        return self.release

    def remove_stopped(self, identity: str) -> None:
        self.done.append(f"remove {identity}")
        self.running = [found for found in self.running if found.id != identity]

    def image_id(self, reference: str) -> str | None:
        return f"sha256:{reference}" if reference in self.images else None

    def image_digests(self, reference: str) -> tuple[str, ...] | None:
        return (self.digests.get(reference, "sha256:first"),) if reference in self.images else None

    def registry_digest(self, reference: str) -> str | None:
        return self.digests.get(reference, "sha256:first") if reference in self.registry else None

    def pull(self, reference: str) -> None:
        if reference not in self.registry:
            raise RefusedError(f"the image {reference} is neither on this host nor to be had")
        self.done.append(f"pull {reference}")
        self.images.add(reference)

    def network(self, name: str) -> dict[str, Any] | None:
        return {"Name": name} if name in self.networks else None

    def network_projects(self) -> dict[str, str]:
        return dict.fromkeys(self.networks, "")

    def volume_projects(self) -> dict[str, str]:
        return {**dict.fromkeys(self.in_volumes, ""), **{volume.name: volume.project for volume in self.kept}}

    def volume_devices(self) -> dict[str, str]:
        return self.devices

    def files_in_volume(self, volume: str, paths: Iterable[str], *, image: str) -> dict[str, bytes]:
        self.done.append(f"look into {volume} from {image}")
        found = self.in_volumes.get(volume, {})
        return {path: found[path] for path in paths if path in found}

    def exec_fed(self, container: str, argv: list[str], *, stdin: str | None, most: int) -> Done:
        assert most > 0
        self.done.append(f"exec {container} {argv} {stdin}")
        return self.done_in

    def kept_volumes(self, *, measured: bool = False) -> list[Volume]:
        return [volume if measured else dataclasses.replace(volume, size=None) for volume in self.kept]

    def mounts(self) -> dict[str, set[str]]:
        return {found.name: set(found.volumes) for found in self.running}

    def remove_volume(self, name: str) -> bool:
        if any(name in mounted for mounted in self.mounts().values()):
            return False
        self.done.append(f"volume {name}")
        self.kept = [volume for volume in self.kept if volume.name != name]
        return True

    def ensure_network(self, name: str, **more: Any) -> bool:
        del more
        self.done.append(f"network {name}")
        self.networks.add(name)
        return True

    def memory(self, name: str) -> int | None:
        return 64 << 20 if self.container(name) else None

    def logs(self, name: str, *, tail: int = 100, since: float | None = None) -> str:
        del since
        return "".join(f"{line}\n" for line in self.log.splitlines()[-tail:]) if self.container(name) else ""

    def run_once(self, image: str, command: list[str], **more: Any) -> ExecResult:
        self.done.append(" ".join([image, *more["entrypoint"], *command]))
        return self.answer


class StackHost:
    """The tree of one host below ``root``, its engine, and the files of a stack that may be brought up on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths = Paths(str(root))
        self.engine = FakeEngine()
        self.engine.folder = str(self.folder())
        self.files: dict[str, File] = {
            "stack.yml": STACK,
            "compose.yml": COMPOSE,
            ".env.example": "APP_SECRET=\n#APP_DOMAIN=\n",
        }

    def folder(self, name: str = "app", tenant: str = "acme") -> Path:
        """Return the folder of a stack."""
        return self.root / "srv" / tenant / name

    def write(self, **env: str) -> None:
        """Write the stack into its folder, as `stack up` does before Compose."""
        request = StackUpRequest("app", self.files, env, own=True)
        prepare(request, check=False, diff=False, paths=self.paths, engine=self.engine, compose=fake_compose)

    def tree(self) -> dict[str, str]:
        """Return the text of every file of the host by its path."""
        return {
            str(path.relative_to(self.root)): path.read_text(encoding="utf-8")
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
        }
