# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The NGINX of the proxy's container: its processes, its configuration test, its reload and which generation it serves.

Signals are sent to the process itself (pidfd), never through the engine's kill API. The engine takes a kill for a stop
by hand, and the container then stays down after a crash or a reboot.
Sources: https://nginx.org/en/docs/control.html, pidfd_open(2).
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..._core.errors import RefusedError
from ..._core.proxy.error_log import refusals_of
from ..._core.words import Words
from ..machine.dns import ask_in_namespace
from ..machine.docker import Container, ExecResult
from ..store.layout import (
    CONTAINER_ACME,
    CONTAINER_CONF,
    CONTAINER_HTPASSWD,
    CONTAINER_LOGS,
    CONTAINER_NGINX,
    CONTAINER_SELFSIGNED,
    STATUS_SOCKET,
    Paths,
)

if TYPE_CHECKING:
    from ..._core.settings import Settings
    from .protocols import ProxyEngine
    from .values import Answer

__all__ = ("AUTH_CONTAINER", "CONTAINER", "DEFAULT_IMAGE", "ConfigTest", "Nginx", "Worker")

CONTAINER = "vsa-nginx"
AUTH_CONTAINER = "vsa-auth"
DEFAULT_IMAGE = "nginx:1.30.7"

_CONF = "nginx.conf"

# Two sets of old workers beside the present one: the container's memory limit has room for one set more.
_MOST_SETS = 3
# Workers of one reload start within this many clock ticks. The reloader has the same two numbers.
_SAME_RELOAD_TICKS = 5
# SIGHUP as a bit of the masks in /proc/PID/status, and how often the master must be seen waiting after a reload.
_HANGUP = 1 << (signal.SIGHUP - 1)
_LOOKS = 3


# `nginx -t` opens the log files, which belong to the workers' user, makes its temporary directories, and binds ports.
_TEST_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "NET_BIND_SERVICE")


@dataclass(frozen=True)
class Worker:
    """A worker process: its start in clock ticks since boot, and whether it still accepts connections."""

    pid: int
    started: int
    accepting: bool


@dataclass(frozen=True)
class ConfigTest:
    """The result of ``nginx -t``, with NGINX's output."""

    good: bool
    output: str

    @property
    def said(self) -> Words:
        """Return NGINX's output for people."""
        return Words("NGINX", self.output)


def _send(pid: int, number: signal.Signals) -> bool:
    """Send a signal to the process that has a pid now. Returns False if there is no such process."""
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
    """The proxy's NGINX. Nothing is cached: each call looks again."""

    def __init__(self, engine: ProxyEngine, paths: Paths, *, proc: Path = Path("/proc")) -> None:
        self._engine = engine
        self._paths = paths
        self._proc = proc

    def container(self) -> Container | None:
        """Return the proxy's container, running or not; None if it does not exist."""
        return self._engine.container(CONTAINER)

    def master(self) -> int | None:
        """Return the pid of the master process, None if NGINX does not run."""
        found = self.container()
        if found is None or not found.running:
            return None
        return found.pid or None

    def address(self) -> str:
        """Return an address of the proxy's container, empty if it has none."""
        found = self.container()
        networks = found.networks.values() if found else ()
        return next((endpoint.address for endpoint in networks if endpoint.address), "")

    def image(self) -> str:
        """Return the id of the image that the proxy runs or ran; the default image if its container does not exist."""
        found = self.container()
        return found.image_id if found else DEFAULT_IMAGE

    # -- configuration test ------------------------------------------------------------------------------------------

    def test(self, generation: int, *, main: str = _CONF) -> ConfigTest:
        """Run ``nginx -t`` on a generation: in the running container, otherwise in a container of its own."""
        argv = ["nginx", "-t", "-q", "-c", f"{CONTAINER_NGINX}/generations/{generation}/{main}"]
        if self.master() is not None:
            result = self._engine.exec(CONTAINER, argv)
        else:
            result = self.test_once(argv, image=self.image())
        return ConfigTest(good=result.code == 0, output=result.output)

    def test_once(self, argv: list[str], *, image: str) -> ExecResult:
        """Run an NGINX command in a container of its own that has the proxy's mounts."""
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
                f"{paths.logs}:{CONTAINER_LOGS}:rw",
            ],
            tmpfs={"/run": "", "/var/cache/nginx": ""},
            cap_add=_TEST_CAPABILITIES,
        )

    # -- workers -----------------------------------------------------------------------------------------------------

    def addresses(self, names: Collection[str]) -> dict[str, frozenset[str]]:
        """Return the addresses that NGINX gets for names; empty if NGINX does not run."""
        found = self.container()
        if not names or found is None or not found.running or not found.pid:
            return {}
        try:
            return ask_in_namespace(found.pid, names)
        except OSError:
            return {}  # the container stopped meanwhile

    def workers(self, master: int) -> list[Worker]:
        """Return the workers of a master, oldest first."""
        found = [worker for worker in map(self._worker, self._children(master)) if worker is not None]
        return sorted(found, key=lambda worker: (worker.started, worker.pid))

    def _children(self, master: int) -> list[str]:
        """Return the pids of the children of a master."""
        try:
            return (self._proc / str(master) / "task" / str(master) / "children").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            return []

    def _worker(self, pid: str) -> Worker | None:
        """Return a worker process, None if the process is gone or no worker."""
        try:
            title = self._title(pid)
            # After the command in parentheses: state is field 3, starttime field 22 of proc(5).
            fields = (self._proc / pid / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        if "worker process" not in title:
            return None
        return Worker(int(pid), int(fields[19]), accepting="shutting down" not in title)

    def _title(self, pid: int | str) -> str:
        return (self._proc / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")

    def sets_of_workers(self, master: int) -> list[list[Worker]]:
        """Return the workers grouped by the reload that made them, oldest set first.

        The workers of one reload are forked within a few clock ticks. Those of two reloads never are, because each
        reload is proven before the next one.
        """
        groups: list[list[Worker]] = []
        for worker in self.workers(master):
            if groups and worker.started - groups[-1][-1].started <= _SAME_RELOAD_TICKS:
                groups[-1].append(worker)
            else:
                groups.append([worker])
        return groups

    def end_oldest_workers(self, master: int) -> int:
        """End the oldest sets of workers that wait for long connections, so that a reload makes no fourth set.

        Returns how many workers were ended.
        """
        groups = self.sets_of_workers(master)
        surplus = max(0, len(groups) - _MOST_SETS + 1)
        ended = 0
        for group in groups[:surplus]:
            for worker in group:
                if not worker.accepting and _send(worker.pid, signal.SIGTERM):
                    ended += 1
        return ended

    # -- reload ------------------------------------------------------------------------------------------------------

    def next_generation(self, master: int) -> int:
        """Return the number of the generation that the next reload reads, 0 if that is unknown."""
        try:
            with self._link_folder(master) as folder:
                target = os.readlink(_CONF, dir_fd=folder)
        except OSError:
            return 0
        number = target.removeprefix(f"{CONTAINER_NGINX}/generations/").removesuffix(f"/{_CONF}")
        return int(number) if number.isdigit() else 0

    def set_next(self, master: int, number: int) -> bool:
        """Make the next reload read a generation, in one rename. A container that starts anew reads ``current``.

        Returns False if the container is from before there was this link: it reads ``current`` at each reload.
        """
        if f" {CONTAINER_CONF} " not in self._title(master):
            return False
        fresh = f".{_CONF}.new"
        with self._link_folder(master) as folder:
            with suppress(FileNotFoundError):
                os.unlink(fresh, dir_fd=folder)
            os.symlink(f"{CONTAINER_NGINX}/generations/{number}/{_CONF}", fresh, dir_fd=folder)
            os.rename(fresh, _CONF, src_dir_fd=folder, dst_dir_fd=folder)
        return True

    @contextmanager
    def _link_folder(self, master: int) -> Iterator[int]:
        """Open the folder of the link that NGINX reads, through the master's root directory.

        No symbolic link on the way is followed: the container could make one that leads anywhere on the host.
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
        """Tell the master to read its configuration again."""
        if not _send(master, signal.SIGHUP):
            raise RefusedError("NGINX went away before it could be reloaded", hint="docker logs vsa-nginx")

    def generation(self, master: int, *, timeout: float = 2.0) -> int | None:
        """Return the number of the generation that a worker serves now, None if no worker answers.

        The socket is on the container's tmpfs, so it is reached through the master's root directory.
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
        if b" 200 " not in head.split(b"\r\n")[0]:
            return None
        words = body.split()
        return int(words[0]) if words and words[0].isdigit() else None

    def error_log_size(self) -> int:
        """Return the size of the error log in bytes."""
        try:
            return (self._paths.logs / "error.log").stat().st_size
        except FileNotFoundError:
            return 0

    def _refusals_since(self, master: int, offset: int) -> list[str]:
        """Return the master's own messages in the error log after an offset: for people, never for a decision."""
        try:
            with (self._paths.logs / "error.log").open("rb") as stream:
                stream.seek(offset)
                text = stream.read(1 << 20).decode(errors="replace")
        except FileNotFoundError:
            return []
        own = self._status(master).get("NSpid", "").split()
        messages = refusals_of(text, int(own[-1])) if own else []
        return [Words("NGINX", message).shown for message in messages]

    def _status(self, pid: int) -> dict[str, str]:
        """Return the fields of /proc/PID/status by name, nothing if there is no such process."""
        try:
            text = (self._proc / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return {}
        fields = (line.partition(":") for line in text.splitlines())
        return {name: value.strip() for name, _colon, value in fields}

    def _refused(self, master: int, before: set[int]) -> bool:
        """Say whether the master is done with a reload and has no worker but those of before.

        The master is asked first: whatever it made, it made before. A worker has the title of the master until it is
        ready, and on a busy machine that takes longer than the master takes to sleep again.
        """
        if not before or not self._waits_for_signals(master):
            return False
        for pid in self._children(master):
            with suppress(FileNotFoundError, ProcessLookupError):
                title = self._title(pid)
                fresh = int(pid) not in before and "shutting down" not in title
                if fresh and title.startswith(("nginx: worker process", "nginx: master process")):
                    return False
        return True

    def _waits_for_signals(self, master: int) -> bool:
        """Say whether the master has dealt with each SIGHUP that it got, and sleeps.

        NGINX blocks SIGHUP while it reads a configuration. In sigsuspend(2) the signal is neither blocked nor pending.
        """
        fields = self._status(master)
        try:
            unfinished = [int(fields[name], 16) & _HANGUP for name in ("SigPnd", "ShdPnd", "SigBlk")]
        except (KeyError, ValueError):
            return False
        return fields.get("State", "").startswith("S") and not any(unfinished)

    def wait_for_generation(
        self, master: int, number: int, *, before: set[int], log_offset: int, timeout: float
    ) -> list[str]:
        """Wait until only workers of a generation accept connections. Returns why they do not, or an empty list.

        The master's state, its workers and the generation endpoint alone decide. If the master waits for signals again
        and made no worker, it refused the configuration. ``log_offset`` is where its reason stands in the error log.

        ``before`` are the pids of the workers that accepted connections before the reload. NGINX keeps these workers
        for 100 ms beside the new ones, and they get most of the new connections during that time. So they are told to
        finish as soon as there are as many new workers. The master blocks SIGCHLD until it has told them too, so it
        does not take one that ends for a crash.
        """
        deadline = time.monotonic() + timeout
        finishing = False
        looks = 0
        while True:
            accepting = [worker for worker in self.workers(master) if worker.accepting]
            old = [worker for worker in accepting if worker.pid in before]
            if not finishing and old and len(accepting) - len(old) >= len(before):
                finishing = True
                for worker in old:
                    _send(worker.pid, signal.SIGQUIT)
            served = self.generation(master)
            if served == number and accepting and not old:
                return []
            refused = served != number and self._refused(master, before)
            looks = looks + 1 if refused else 0
            if looks >= _LOOKS:
                said = self._refusals_since(master, log_offset)
                return said[:3] or [f"its master refused it and goes on with generation {served}"]
            if time.monotonic() > deadline:
                return [f"after {timeout:.0f} s generation {served} is served, not {number}"]
            time.sleep(0.005)

    # -- probes (probe.py is imported when they run, so that a run without a change does not load TLS and HTTP) --------

    def serving(
        self, domains: Collection[str], *, marker: str, generation: int, sites: Mapping[str, Mapping[str, Any]]
    ) -> list[str]:
        """Return the domains that are answered by their own server block now."""
        if not domains:
            return []
        from .probe import serving

        return serving(domains, address=self.address(), marker=marker, generation=generation, sites=sites)

    def prove_sites(
        self,
        wanted: Mapping[str, str | None],
        *,
        marker: str,
        generation: int,
        sites: Mapping[str, Mapping[str, Any]],
    ) -> list[str]:
        """Return a line for each site that its own server block does not serve with the certificate on disk."""
        if not wanted:
            return []
        from .probe import prove_sites

        return prove_sites(wanted, address=self.address(), marker=marker, generation=generation, sites=sites)

    def prove_refused(self, names: Collection[str]) -> list[str]:
        """Return a line for each name that NGINX still answers on TLS."""
        if not names:
            return []
        from .probe import prove_refused

        address = self.address()
        problems = [prove_refused(name, address=address) for name in names]
        return [problem for problem in problems if problem]

    def prove_closed(self, places: Collection[tuple[str, str]]) -> list[str]:
        """Return a line for each (name, path) that is open to somebody without a password."""
        if not places:
            return []
        from .probe import prove_closed

        address = self.address()
        problems = [prove_closed(name, path=path, address=address) for name, path in places]
        return [problem for problem in problems if problem]

    def answering(self, sites: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """Return the sites whose first path somebody else than NGINX answers now."""
        if not sites:
            return []
        from .probe import answering

        return answering(sites)

    def fetch(self, domain: str, entry: Mapping[str, Any], *, settings: Settings) -> Answer:
        """Fetch a site's first path as a client would."""
        from .probe import fetch

        return fetch(domain, entry, settings=settings)
