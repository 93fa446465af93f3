"""A host with stacks and a repository for backups, without Docker and restic: volumes are directories.

``FakeRestic`` answers as restic 0.19.1 does, as far as VSA reads its answers. ``fail_at`` ends the run at one call of
the engine, as a kill would.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import ExecResult
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker_backup import (
    BackupEngine,
    Isolated,
    Volume,
)

from stackhost import FakeEngine

__all__ = ("FakeBackupEngine", "FakeRestic", "Killed")

COMMANDS = ("cat", "init", "snapshots", "backup", "restore", "dump", "forget")


class Killed(BaseException):
    """Nothing of VSA runs after it, as after SIGKILL; only contexts are left, which a kill would not leave."""


@dataclass
class FakeRestic:
    """A repository: its snapshots by id, each with tags, time and files."""

    place: Path
    identity: str = "r1"
    saved: int = 0
    made: bool = False
    away: bool = False
    wrong_password: bool = False
    keeps_everything: bool = False
    tasks: list[Isolated] = field(default_factory=list)
    listed: list[dict[str, Any]] = field(default_factory=list)

    def run(self, task: Isolated, sources: dict[str, Path]) -> ExecResult:
        self.tasks.append(task)
        start = next(number for number, word in enumerate(task.argv) if word in COMMANDS)
        command, words = task.argv[start], list(task.argv[start + 1 :])
        if self.away:
            return failed(1, "Fatal: unable to open config file: connection refused")
        if command == "init":
            self.made = True
            return ExecResult(0, "", "")
        if not self.made:
            return failed(10, "Fatal: repository does not exist")
        if self.wrong_password:
            return failed(12, "Fatal: wrong password or no key found")
        return getattr(self, f"_{command}")(words, sources)  # type: ignore[no-any-return]

    def _cat(self, words: list[str], sources: dict[str, Path]) -> ExecResult:
        del words, sources
        return ExecResult(0, json.dumps({"version": 2, "id": self.identity}), "")

    def _snapshots(self, words: list[str], sources: dict[str, Path]) -> ExecResult:
        del words, sources
        return ExecResult(0, json.dumps(self.listed), "")

    def _backup(self, words: list[str], sources: dict[str, Path]) -> ExecResult:
        self.saved += 1
        identity = f"s{self.saved}"
        target = self.place / identity
        if "--stdin-from-command" in words:
            control = sources["/control"]
            with (control / "status").open("rb") as status:
                content = (control / "data").read_bytes()
                code = status.read().strip()
            if code != b"0":
                return failed(130, f"Fatal: command failed: exit status {code.decode()}")
            name = words[words.index("--stdin-filename") + 1]
            (target / name.strip("/")).parent.mkdir(parents=True)
            (target / name.strip("/")).write_bytes(content)
            size = len(content)
        else:
            size = 1
            for mounted, source in sources.items():
                if mounted.startswith("/backup/"):
                    shutil.copytree(source, target / mounted.strip("/"), symlinks=True)
        tags = [words[number + 1] for number, word in enumerate(words) if word == "--tag"]
        host = words[words.index("--host") + 1]
        time = "2026-11-29T03:00:00Z"
        self.listed.append(
            {"id": identity, "tags": tags, "hostname": host, "time": time, "summary": {"total_bytes_processed": size}}
        )
        said = {"message_type": "summary", "snapshot_id": identity, "total_bytes_processed": size}
        return ExecResult(0, json.dumps(said), "")

    def _restore(self, words: list[str], sources: dict[str, Path]) -> ExecResult:
        identity = words[0].partition(":")[0]
        for mounted, target in sources.items():
            saved = self.place / identity / mounted.replace("/restore/", "backup/", 1)
            if mounted.startswith("/restore/") and saved.is_dir():
                shutil.copytree(saved, target, symlinks=True, dirs_exist_ok=True)
        return ExecResult(0, "", "")

    def _dump(self, words: list[str], sources: dict[str, Path]) -> ExecResult:
        path = self.place / words[0] / words[1].strip("/")
        if not path.exists():
            return failed(1, "Fatal: cannot dump file")
        if any(">/control/data" in word for word in self.tasks[-1].argv):
            (sources["/control"] / "data").write_bytes(path.read_bytes())
            return ExecResult(0, "", "")
        return ExecResult(0, path.read_text(encoding="utf-8"), "")

    def _forget(self, words: list[str], sources: dict[str, Path]) -> ExecResult:
        del sources
        if self.keeps_everything:
            return failed(1, "Fatal: append-only")
        self.listed = [entry for entry in self.listed if entry["id"] not in words]
        return ExecResult(0, "", "")


def failed(code: int, message: str) -> ExecResult:
    return ExecResult(code, "", json.dumps({"message_type": "exit_error", "code": code, "message": message}))


class FakeBackupEngine(FakeEngine):
    """An engine whose volumes are directories, with restic in it."""

    move_data = staticmethod(BackupEngine.move_data)

    def __init__(self, root: Path, **more: Any) -> None:
        super().__init__(images=("app:1", "postgres:17", "restic/restic:0.19.1"), **more)
        self.root = root
        self._volumes = root / "volumes"
        self._volumes.mkdir(parents=True, exist_ok=True)
        self.labels: dict[str, dict[str, str]] = {}
        self.restic = FakeRestic(root / "snapshots")
        self.fail_at = 0
        self.calls = 0

    def _call(self, what: str) -> None:
        self.calls += 1
        self.done.append(what)
        if self.calls == self.fail_at:
            raise Killed(what)

    def volume(self, name: str) -> Volume | None:
        place = self._volumes / name
        if not place.is_dir():
            return None
        return Volume(name, str(place / "_data"), "local", labels=self.labels.get(name, {}))

    def volume_devices(self) -> dict[str, str]:
        return {}

    def volume_projects(self) -> dict[str, str]:
        return {
            path.name: self.labels.get(path.name, {}).get("com.docker.compose.project", "")
            for path in self._volumes.iterdir()
        }

    def make_volume(self, name: str, *, labels: dict[str, str]) -> None:
        self._call(f"make volume {name}")
        if not (self._volumes / name).is_dir():
            self.labels[name] = labels
            (self._volumes / name / "_data").mkdir(parents=True)

    def remove_volume(self, name: str) -> None:
        self._call(f"remove volume {name}")
        shutil.rmtree(self._volumes / name, ignore_errors=True)

    def stop(self, identity: str) -> None:
        self._call(f"stop {identity}")

    def start(self, identity: str) -> None:
        self._call(f"start {identity}")

    def remove(self, identity: str) -> None:
        self._call(f"remove {identity}")
        self.running = [found for found in self.running if found.id != identity]

    def remove_now(self, identity: str) -> None:
        del identity

    def run_isolated(self, task: Isolated) -> ExecResult:
        self._call(f"restic {task.name}")
        sources = {}
        for bind in task.binds:
            source, target, _mode = bind.split(":")
            sources[target] = Path(source) if source.startswith("/") else self._volumes / source / "_data"
        return self.restic.run(task, sources)
