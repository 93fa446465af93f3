"""Folders of stacks on the controller, and the command that brings one of them up on a real host."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import yaml

import rig

__all__ = ("HEALTHY", "SERVICE", "Stacks", "service", "write_stack")

Playbook = Callable[..., CompletedProcess[str]]

# What every service here has, so that a stack that is not refused starts quickly.
HEALTHY = {"test": ["CMD", "true"], "interval": "1s"}
SERVICE = {"image": "vsa-demo-web:1", "mem_limit": "64m", "init": True, "healthcheck": HEALTHY}
_STATE = (
    "docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.State}}';"
    "docker network ls -q; docker volume ls -q; ls /srv/*"
)


class Stacks:
    """A directory of stacks of another's hand, and the command that brings one of them up."""

    def __init__(self, folder: Path, vps: rig.Vps, playbook: Playbook) -> None:
        self.folder = folder
        self.vps = vps
        self._playbook = playbook
        self._up: set[str] = set()

    def write(
        self, name: str, compose: dict[str, Any] | str, *, files: dict[str, str | bytes] | None = None, **stack: Any
    ) -> None:
        """Write a stack into the directory, as ``write_stack`` does."""
        write_stack(self.folder, name, compose, files=files, **stack)

    def up(self, name: str, *words: str, **extra: Any) -> CompletedProcess[str]:
        """Bring a stack up."""
        self.used(name)
        given = {"stack_name": name, "stack_source": str(self.folder), **extra}
        return self._playbook("flowbiz.vsa.stack.up", given, vps=self.vps, words=["-v", *words])

    def used(self, name: str) -> None:
        """Note that a test brings a stack up, so that the stack is removed after the test."""
        self._up.add(name)

    def state(self) -> str:
        """Return the containers, networks, volumes and stack folders of the host."""
        return str(self.vps.run(_STATE).stdout)

    def remove(self) -> None:
        """Remove what the stacks left on the host."""
        for name in sorted(self._up - {"reverse-proxy"}):
            for project in (name, f"acme-{name}", f"beta-{name}"):
                labelled = f"--filter label=com.docker.compose.project={project}"
                self.vps.run(f"docker ps -aq {labelled} | xargs -r docker rm -f", check=False)
                self.vps.run(f"docker network ls -q {labelled} | xargs -r docker network rm", check=False)
                self.vps.run(f"docker volume ls -q {labelled} | xargs -r docker volume rm", check=False)
            self.vps.run(f"rm -rf /srv/*/{name} /var/lib/vsa/stacks/*/{name}; rmdir /srv/acme /srv/beta", check=False)


def write_stack(
    source: Path,
    name: str,
    compose: dict[str, Any] | str,
    *,
    files: dict[str, str | bytes] | None = None,
    **stack: Any,
) -> None:
    """Write a stack into a source: ``files`` are contents by path, ``stack`` further fields of its stack.yml."""
    manifest = {"schema": 1, "description": "from another's hand", "health": {"timeout": 60}, **stack}
    text = compose if isinstance(compose, str) else yaml.safe_dump(compose)
    contents = {"stack.yml": yaml.safe_dump(manifest), "compose.yml": text, **(files or {})}
    for path, content in contents.items():
        target = source / name / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)


def service(**more: Any) -> dict[str, Any]:
    """Return a Compose file with one service, ``web``."""
    return {"services": {"web": {**SERVICE, **more}}}
