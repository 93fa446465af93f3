# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The NGINX of the proxy's container: its processes, its configuration test, its reload and what it says of itself.

Signals are sent to the process itself (pidfd), never through the engine's kill API: the engine takes that for a stop by
hand, and the container then stays down after a crash or a reboot.
Sources: https://nginx.org/en/docs/control.html, pidfd_open(2).
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..._core.errors import RefusedError
from ..machine.docker import Container, Engine, ExecResult
from ..store.layout import (
    CONTAINER_ACME,
    CONTAINER_CONF,
    CONTAINER_HTPASSWD,
    CONTAINER_NGINX,
    CONTAINER_SELFSIGNED,
    STATUS_SOCKET,
    Paths,
)

__all__ = ("AUTH_CONTAINER", "CONTAINER", "DEFAULT_IMAGE", "Nginx", "TestResult", "Worker")

CONTAINER = "vsa-nginx"
AUTH_CONTAINER = "vsa-auth"
DEFAULT_IMAGE = "nginx:1.30.7"

_CONF = "nginx.conf"

# Two sets of old workers beside the present one: the memory limit is made for one set more.
_MOST_SETS = 3


@dataclass(frozen=True)
class Worker:
    """A worker process: its start in clock ticks since boot, and whether it still accepts connections."""

    pid: int
    started: int
    accepting: bool


@dataclass(frozen=True)
class TestResult:
    """The verdict of ``nginx -t`` with its words."""

    good: bool
    output: str


def _send(pid: int, number: signal.Signals) -> bool:
    """Send a signal to exactly the process that has the pid now; a process that is gone is no error."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


class Nginx:
    """The proxy's NGINX. All reads are taken anew at every call."""

    def __init__(self, engine: Engine, paths: Paths, *, proc: Path = Path("/proc")) -> None:
        self._engine = engine
        self._paths = paths
        self._proc = proc

    def container(self) -> Container | None:
        """Return the proxy's container, running or not."""
        return self._engine.container(CONTAINER)

    def master(self) -> int | None:
        """Return the pid of the master process, or None where NGINX does not run."""
        found = self.container()
        return found.pid if found and found.running and found.pid else None

    def image(self) -> str:
        """Return the image that the proxy runs or ran, by id where its container exists."""
        found = self.container()
        return found.image_id if found else DEFAULT_IMAGE

    def test(self, generation: int, *, main: str = "nginx.conf") -> TestResult:
        """Run ``nginx -t`` on a generation: in the running container, else in one of its own with the same mounts."""
        argv = ["nginx", "-t", "-q", "-c", f"{CONTAINER_NGINX}/generations/{generation}/{main}"]
        if self.master() is not None:
            result = self._engine.exec(CONTAINER, argv)
        else:
            result = self.test_once(argv, image=self.image())
        return TestResult(good=result.code == 0, output=result.output)

    def test_once(self, argv: list[str], *, image: str) -> ExecResult:
        """Run a command of NGINX in a container of its own with the proxy's mounts."""
        paths = self._paths
        return self._engine.run_once(
            image,
            argv[1:],
            entrypoint=argv[:1],
            binds=[
                f"{paths.nginx}:{CONTAINER_NGINX}:ro",
                f"{paths.letsencrypt}:/etc/letsencrypt:ro",
                f"{paths.selfsigned}:{CONTAINER_SELFSIGNED}:ro",
                f"{paths.htpasswd}:{CONTAINER_HTPASSWD}:ro",
                f"{paths.acme}:{CONTAINER_ACME}:ro",
                f"{paths.logs}:/var/log/nginx:rw",
            ],
            tmpfs={"/run": "", "/var/cache/nginx": ""},
        )

    def workers(self, master: int) -> list[Worker]:
        """Return the workers of a master, oldest first."""
        found = []
        try:
            children = (self._proc / str(master) / "task" / str(master) / "children").read_text().split()
        except FileNotFoundError:
            return []
        for child in children:
            try:
                title = (self._proc / child / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                # After the command in parentheses: state is field 3, starttime field 22 of proc(5).
                fields = (self._proc / child / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if "worker process" in title:
                found.append(Worker(int(child), int(fields[19]), accepting="shutting down" not in title))
        return sorted(found, key=lambda worker: (worker.started, worker.pid))

    def sets_of_workers(self, master: int) -> list[list[Worker]]:
        """Return the workers grouped by the reload that made them, oldest set first.

        Workers of one reload are forked within a few ticks of each other; two reloads never are, for each is proven.
        """
        groups: list[list[Worker]] = []
        for worker in self.workers(master):
            if groups and worker.started - groups[-1][-1].started <= 5:
                groups[-1].append(worker)
            else:
                groups.append([worker])
        return groups

    def make_room(self, master: int) -> int:
        """End the oldest sets of workers that linger behind long connections, so that a reload makes no fourth set.

        Returns how many workers were ended.
        """
        groups = self.sets_of_workers(master)
        ended = 0
        for group in groups[: max(0, len(groups) - _MOST_SETS + 1)]:
            for worker in group:
                if not worker.accepting:
                    ended += _send(worker.pid, signal.SIGTERM)
        return ended

    def reads(self, master: int) -> int:
        """Return the number of the generation that a reload reads, 0 where that cannot be told."""
        try:
            with self._links(master) as folder:
                target = os.readlink(_CONF, dir_fd=folder)
        except OSError:
            return 0
        number = target.removeprefix(f"{CONTAINER_NGINX}/generations/").removesuffix(f"/{_CONF}")
        return int(number) if number.isdigit() else 0

    def point(self, master: int, number: int) -> bool:
        """Let the next reload read a generation, in one rename. A container that starts anew reads ``current``.

        Returns False where the container was made before there was this link: it reads ``current`` at every reload.
        """
        title = (self._proc / str(master) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        if f" {CONTAINER_CONF} " not in title:
            return False
        fresh = f".{_CONF}.new"
        with self._links(master) as folder:
            with suppress(FileNotFoundError):
                os.unlink(fresh, dir_fd=folder)
            os.symlink(f"{CONTAINER_NGINX}/generations/{number}/{_CONF}", fresh, dir_fd=folder)
            os.rename(fresh, _CONF, src_dir_fd=folder, dst_dir_fd=folder)
        return True

    @contextmanager
    def _links(self, master: int) -> Iterator[int]:
        """Open the folder of the link that NGINX reads, through the master's root.

        No link on the way is followed: of the container's making, it could lead to anywhere on the host.
        """
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        folder = os.open(self._proc / str(master) / "root", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in CONTAINER_CONF.split("/")[1:-1]:
                inner = os.open(name, flags, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)

    def reload(self, master: int) -> None:
        """Ask the master to read its configuration again."""
        if not _send(master, signal.SIGHUP):
            raise RefusedError("NGINX went away before it could be reloaded", hint="docker logs vsa-nginx")

    def generation(self, master: int, *, timeout: float = 2.0) -> int | None:
        """Return the generation that a worker serves now, or None where none answers.

        The socket lies on the container's tmpfs, so it is reached through the master's root.
        """
        path = self._proc / str(master) / "root" / STATUS_SOCKET.lstrip("/")
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                client.settimeout(timeout)
                client.connect(str(path))
                client.sendall(b"GET /generation HTTP/1.0\r\nHost: vsa\r\n\r\n")
                answer = b""
                while part := client.recv(4096):
                    answer += part
        except OSError:
            return None
        head, _blank, body = answer.partition(b"\r\n\r\n")
        word = body.split()[:1]
        return int(word[0]) if b" 200 " in head.split(b"\r\n")[0] and word and word[0].isdigit() else None

    def error_log_size(self) -> int:
        """Return where the error log ends now."""
        try:
            return (self._paths.logs / "error.log").stat().st_size
        except FileNotFoundError:
            return 0

    def errors_since(self, offset: int) -> list[str]:
        """Return the lines of level emerg or alert that came after an offset of the error log."""
        try:
            with (self._paths.logs / "error.log").open("rb") as stream:
                stream.seek(offset)
                text = stream.read(1 << 20).decode(errors="replace")
        except FileNotFoundError:
            return []
        return [line for line in text.splitlines() if "[emerg]" in line or "[alert]" in line]

    def wait_for_generation(
        self, master: int, number: int, *, before: set[int], log_offset: int, timeout: float
    ) -> list[str]:
        """Wait until only workers of a generation accept connections. Returns an empty list, or why it is not so.

        ``before`` are the pids of the workers that accepted before the reload. NGINX leaves them 100 ms beside the new
        ones, in which they get most of the new connections: they are told to finish as soon as there are as many new
        ones. The master has SIGCHLD blocked until it has told them too, so it takes none of them for a crash.
        """
        deadline = time.monotonic() + timeout
        told = False
        while True:
            accepting = [worker for worker in self.workers(master) if worker.accepting]
            old = [worker for worker in accepting if worker.pid in before]
            if not told and old and len(accepting) - len(old) >= len(before):
                told = True
                for worker in old:
                    _send(worker.pid, signal.SIGQUIT)
            served = self.generation(master)
            if served == number and accepting and not old:
                return []
            refused = [line for line in self.errors_since(log_offset) if "[emerg]" in line]
            if refused:
                return [line.split("[emerg]")[-1].partition("#")[2].partition(": ")[2].strip() for line in refused[:3]]
            if time.monotonic() > deadline:
                return [f"after {timeout:.0f} s generation {served} is served, not {number}"]
            time.sleep(0.005)
