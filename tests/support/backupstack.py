"""A stack with a database, a volume and files on a host of fakes, and its backups."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.times import rfc3339
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.clock import time_now
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import SERVICE_LABEL
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.backup.restore import (
    RestoreRequest,
    restore_stack,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.backup.save import BackupRequest, backup_stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.folder import Folder, find_stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.up import StackUpRequest, prepare
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

from backuphost import FakeBackupEngine
from stackhost import fake_compose, make_container

__all__ = ("BackupHost",)

STACK = """\
schema: 1
description: A shop
tenant: acme
backup: {databases: [db], stop: [web]}
"""
COMPOSE = """\
services:
  web: {image: "app:1", volumes: [{type: volume, source: files, target: /files}]}
  db: {image: "postgres:17", volumes: [{type: volume, source: dbdata, target: /var/lib/postgresql/data}]}
volumes: {files: {}, dbdata: {}}
"""
SETTINGS = "schema: 1\nrepository: /repository\npassword: a password of the repository\n"


class BackupHost:
    """One host. The database is a file in its volume: a dump is its content."""

    def __init__(self, root: Path, restic: Any = None) -> None:
        self.paths = Paths(str(root / "host"))
        self.engine = FakeBackupEngine(root)
        if restic is not None:
            self.engine.restic = restic
        self.engine.folder = f"{self.paths.root}/srv/acme/shop"
        self.other_databases: tuple[str, ...] = ()
        self.dump_fails = False
        self.load_fails = False
        # The states of the database at each look after Compose started it.
        self.starts_as: list[str] = []
        Path(self.paths.root, "etc/vsa").mkdir(parents=True)
        self.settings(SETTINGS)

    def settings(self, text: str) -> None:
        path = Path(self.paths.root, "etc/vsa/backup.yml")
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)

    def data(self, volume: str, project: str = "acme-shop") -> Path:
        found = self.engine.volume(f"{project}_{volume}")
        assert found is not None
        return Path(found.directory)

    def up(self, stack: str = STACK) -> None:
        """Bring the stack up with one file in each volume."""
        files = {"stack.yml": stack, "compose.yml": COMPOSE, "conf/a.txt": "a"}
        request = StackUpRequest(name="shop", files=files)
        prepare(request, check=False, diff=False, paths=self.paths, engine=self.engine, compose=fake_compose)
        for key in ("files", "dbdata"):
            labels = {"com.docker.compose.project": "acme-shop", "com.docker.compose.volume": key}
            self.engine.make_volume(f"acme-shop_{key}", labels=labels)
        self.start()
        self.folder().remember_good()

    def start(self, *services: str, project: str = "acme-shop") -> None:
        """Start containers, as Compose does."""
        there = {container.name for container in self.engine.running}
        for service in services or ("web", "db"):
            mounted = "files" if service == "web" else "dbdata"
            container = make_container(project, service, volumes=(f"{project}_{mounted}",))
            folder = f"{self.paths.root}/srv/acme/{project.removeprefix('acme-')}"
            labels = {**container.labels, "com.docker.compose.project.working_dir": folder}
            if container.name not in there:
                self.engine.running.append(dataclasses.replace(container, labels=labels))

    def folder(self) -> Folder:
        return find_stack(self.paths, "shop")[0]

    def write(self, text: str) -> None:
        """Change what the stack holds."""
        (self.data("files") / "a").write_text(text, encoding="utf-8")
        (self.data("dbdata") / "db").write_text(text, encoding="utf-8")
        Path(self.paths.root, "srv/acme/shop/upload").write_text(text, encoding="utf-8")

    def content(self) -> list[str]:
        """Return what the stack holds, in the order of ``write``."""
        volumes = Path(self.engine.root, "volumes")
        places = [volumes / f"acme-shop_{name}" for name in ("files/_data/a", "dbdata/_data/db")]
        places.append(Path(self.paths.root, "srv/acme/shop/upload"))
        return [path.read_text(encoding="utf-8") if path.exists() else "" for path in places]

    def execute(self, container: str, script: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
        """Stand in for `docker exec` of a client of PostgreSQL."""
        code, stdout = 0, b""
        database = self.data("dbdata", container.removesuffix("-db")) / "db"
        if "pg_database" in script:
            stdout = "".join(f"{name}\n" for name in self.other_databases).encode()
        elif "pg_dumpall" in script:
            stdout = b"CREATE ROLE shop;\n"
        elif "pg_dump" in script:
            code = 1 if self.dump_fails else 0
            more["stdout"].write(database.read_bytes()[: 1 if code else None])
        elif "pg_restore" in script:
            content = more["stdin"].read()
            assert not list(database.parent.iterdir()), "a dump is loaded into an empty database"
            code = 1 if self.load_fails else 0
            database.write_bytes(content)
        return subprocess.CompletedProcess([script], code, stdout, b"pg: out of order" if code else b"")

    def compose(self, argv: Sequence[str], seconds: int) -> subprocess.CompletedProcess[str]:
        """Stand in for `docker compose up` of the databases."""
        assert seconds > 60
        assert argv[-1] == "db"
        self.start("db", project=argv[argv.index("--project-name") + 1])
        code = int(bool(self.starts_as))
        self.look()
        return subprocess.CompletedProcess(list(argv), code, "", "dependency failed to start" if code else "")

    def look(self, _seconds: float = 0) -> None:
        """Bring the database to its next state."""
        if self.starts_as:
            state = self.starts_as.pop(0)
            more = {"status": state} if state == "exited" else {"health": state, "started_at": rfc3339(time_now())}
            self.engine.running = [
                dataclasses.replace(found, **more) if found.labels[SERVICE_LABEL] == "db" else found
                for found in self.engine.running
            ]

    def save(self, **more: Any) -> Result:
        return backup_stack(BackupRequest("shop"), check=False, paths=self.paths, engine=self.engine, **more)

    def restore(self, run: str | None = None, *, check: bool = False, **more: Any) -> Result:
        return restore_stack(
            RestoreRequest("shop", run=run, **more),
            check=check,
            paths=self.paths,
            engine=self.engine,
            compose=self.compose,
            reader=fake_compose,
        )
