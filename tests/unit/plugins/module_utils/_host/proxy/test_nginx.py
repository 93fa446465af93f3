"""NGINX's processes as /proc shows them, its own word about itself, and signals to exactly the ones that are meant."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Engine
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.nginx import Nginx, Worker
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

MASTER = 100
WORKER, LEAVING, CACHE = (
    "nginx: worker process",
    "nginx: worker process is shutting down",
    "nginx: cache manager process",
)
NO_ENGINE = cast(Engine, None)  # what is tested here never reaches for the engine


@pytest.fixture
def root() -> Iterator[Path]:
    """A short path: the name of a UNIX socket has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="vsa") as name:
        yield Path(name)


def proc(root: Path, *children: tuple[int, str, int], master: int = MASTER) -> Path:
    """Write a /proc with a master and its children (pid, title, start in ticks) as Linux 6.1 shows them."""
    place = root / "proc"
    tasks = place / str(master) / "task" / str(master)
    tasks.mkdir(parents=True, exist_ok=True)
    (tasks / "children").write_text(" ".join(str(pid) for pid, _title, _start in children) + " ")
    for pid, title, started in children:
        (place / str(pid)).mkdir(exist_ok=True)
        (place / str(pid) / "cmdline").write_bytes(title.encode() + b"\0\0\0")
        # The command in parentheses may itself hold spaces and parentheses.
        stat = f"{pid} (nginx) (x) S {master} {master} {master} 0 -1 64 5 0 0 0 0 0 0 0 20 0 1 0 {started} 9 9 18446\n"
        (place / str(pid) / "stat").write_text(stat)
    return place


def nginx(root: Path, *children: tuple[int, str, int]) -> Nginx:
    """Return the NGINX whose processes these are."""
    return Nginx(NO_ENGINE, Paths(str(root)), proc=proc(root, *children))


@pytest.mark.parametrize(
    ("children", "workers"),
    [
        ([], []),
        ([(101, WORKER, 500)], [Worker(101, 500, True)]),
        ([(101, LEAVING, 500)], [Worker(101, 500, False)]),
        ([(101, CACHE, 500)], []),
        (
            [(102, WORKER, 600), (101, LEAVING, 500), (104, CACHE, 600), (103, WORKER, 600)],
            [Worker(101, 500, False), Worker(102, 600, True), Worker(103, 600, True)],
        ),
    ],
)
def test_workers(root: Path, children: list[tuple[int, str, int]], workers: list[Worker]) -> None:
    assert nginx(root, *children).workers(MASTER) == workers


def test_a_worker_that_went_away_meanwhile_is_none(root: Path) -> None:
    found = nginx(root, (101, WORKER, 500), (102, WORKER, 500))
    (root / "proc/102/stat").unlink()
    assert [worker.pid for worker in found.workers(MASTER)] == [101]
    assert found.workers(999) == []


@pytest.mark.parametrize(
    ("children", "sets"),
    [
        ([], []),
        ([(101, WORKER, 500), (102, WORKER, 501)], [[101, 102]]),
        ([(101, LEAVING, 500), (102, LEAVING, 501), (103, WORKER, 900), (104, WORKER, 901)], [[101, 102], [103, 104]]),
        # Four workers forked one after the other on a busy machine are still one set.
        ([(101, WORKER, 500), (102, WORKER, 504), (103, WORKER, 508), (104, WORKER, 512)], [[101, 102, 103, 104]]),
        ([(104, WORKER, 900), (101, LEAVING, 100), (103, LEAVING, 500)], [[101], [103], [104]]),
        # A worker that crashed and was started again stands alone.
        ([(101, WORKER, 500), (109, WORKER, 7000)], [[101], [109]]),
    ],
)
def test_sets_of_workers(root: Path, children: list[tuple[int, str, int]], sets: list[list[int]]) -> None:
    groups = nginx(root, *children).sets_of_workers(MASTER)
    assert [[worker.pid for worker in group] for group in groups] == sets


@pytest.fixture
def sleepers() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Eight processes that do nothing, for signals."""
    running = [subprocess.Popen(["sleep", "60"]) for _ in range(8)]
    yield running
    for process in running:
        process.kill()
        process.wait()


def ended(processes: Sequence[subprocess.Popen[bytes]], wanted: Sequence[int]) -> list[int]:
    """Wait for those that must go, and return which of the processes were ended by SIGTERM."""
    for number in wanted:
        processes[number].wait(timeout=10)
    time.sleep(0.05)  # the others have as long to show that they were hit
    return [number for number, process in enumerate(processes) if process.poll() == -signal.SIGTERM]


@pytest.mark.parametrize(
    ("sets", "gone"),
    [
        ([[WORKER, WORKER]], []),
        ([[LEAVING], [WORKER]], []),
        ([[LEAVING, LEAVING], [LEAVING, LEAVING], [WORKER, WORKER]], [0, 1]),
        ([[LEAVING], [LEAVING], [LEAVING], [WORKER]], [0, 1]),
        # A worker that still accepts is never ended, however old.
        ([[WORKER, LEAVING], [LEAVING], [WORKER]], [1]),
    ],
)
def test_end_oldest_workers_ends_the_oldest_sets_before_a_fourth_would_exist(
    root: Path, sleepers: list[subprocess.Popen[bytes]], sets: list[list[str]], gone: list[int]
) -> None:
    titles = [(title, 1000 * number) for number, group in enumerate(sets) for title in group]
    children = [(process.pid, *title) for process, title in zip(sleepers, titles, strict=False)]
    assert nginx(root, *children).end_oldest_workers(MASTER) == len(gone)
    assert ended(sleepers, gone) == gone


def test_reload_is_a_hangup_of_exactly_that_process(root: Path) -> None:
    # Whoever runs the tests under nohup has the signal ignored in every child.
    code = "import signal, time; signal.signal(signal.SIGHUP, signal.SIG_DFL); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        nginx(root).reload(process.pid)
        assert process.wait(timeout=5) == -signal.SIGHUP
    with pytest.raises(RefusedError, match="NGINX went away"):
        nginx(root).reload(process.pid)


class Status:
    """The status socket of a master, answering what it is told to."""

    def __init__(self, root: Path, answer: bytes) -> None:
        path = root / "proc" / str(MASTER) / "root/run/vsa-status.sock"
        path.parent.mkdir(parents=True)
        self.answer = answer
        self.asked = b""
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            with client:
                self.asked = client.recv(4096)
                client.sendall(self.answer)

    def close(self) -> None:
        """Stop answering."""
        self._listener.close()


def answer(body: str, status: str = "200 OK") -> bytes:
    """Return an HTTP answer as NGINX 1.30 gives it to HTTP/1.0."""
    head = f"HTTP/1.1 {status}\r\nServer: nginx\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return (head + body).encode()


@pytest.mark.parametrize(
    ("said", "generation"),
    [
        (answer("7 101\n"), 7),
        (answer("12345 9\n"), 12345),
        (answer("7"), 7),
        (answer(""), None),
        (answer("x 1\n"), None),
        (answer("7 1\n", "404 Not Found"), None),
        (b"", None),
        (b"\0\xff", None),
    ],
)
def test_generation(root: Path, said: bytes, generation: int | None) -> None:
    status = Status(root, said)
    assert nginx(root).generation(MASTER) == generation
    assert status.asked.startswith(b"GET /generation HTTP/1.0\r\n")
    status.close()


def test_nobody_who_answers_serves_no_generation(root: Path) -> None:
    assert nginx(root).generation(MASTER, timeout=0.1) is None


def error_log(root: Path, text: str) -> None:
    """Write the error log."""
    path = Paths(str(root)).logs / "error.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


EMERG = "2026/11/24 10:58:14 [emerg] 1#1: bind() to [::]:443 failed (98: Address already in use)\n"
WARN = '2026/11/24 10:58:14 [warn] 1#1: conflicting server name "a.example" on 0.0.0.0:80, ignored\n'
CLIENT = '2026/11/24 10:58:14 [error] 30#30: *5 no host, referrer: "[emerg] 1#1: the attacker\'s words"\n'


def master_status(root: Path, *, state: str = "S (sleeping)", blocked: int = 0, pending: int = 0) -> None:
    """Write what the kernel says of the master: pid 1 in its container."""
    place = root / "proc" / str(MASTER)
    place.mkdir(parents=True, exist_ok=True)
    masks = f"SigPnd:\t{0:016x}\nShdPnd:\t{pending:016x}\nSigBlk:\t{blocked:016x}\n"
    (place / "status").write_text(f"Name:\tnginx\nState:\t{state}\nNSpid:\t{MASTER}\t1\n{masks}")


def test_error_log_size(root: Path) -> None:
    it = nginx(root)
    assert it.error_log_size() == 0
    error_log(root, EMERG)
    assert it.error_log_size() == len(EMERG)


@pytest.mark.parametrize(
    ("children", "served", "problems"),
    [
        ([(111, WORKER, 900), (112, WORKER, 900), (101, LEAVING, 100)], 8, []),
        ([(101, WORKER, 100)], 7, ["after 0 s generation 7 is served, not 8"]),
        ([(111, WORKER, 900)], 7, ["after 0 s generation 7 is served, not 8"]),
        ([(111, LEAVING, 900)], 8, ["after 0 s generation 8 is served, not 8"]),
    ],
    ids=["taken", "not taken", "new workers, old answer", "nobody accepts"],
)
def test_wait_for_generation(
    root: Path, children: list[tuple[int, str, int]], served: int, problems: list[str]
) -> None:
    status = Status(root, answer(f"{served} 1\n"))
    it = nginx(root, *children)
    assert it.wait_for_generation(MASTER, 8, before={101}, log_offset=0, timeout=0.1) == problems
    status.close()


@pytest.mark.parametrize(("new", "told"), [(1, []), (2, [0, 1])])
def test_old_workers_are_told_to_finish_when_as_many_new_ones_accept(
    root: Path, sleepers: list[subprocess.Popen[bytes]], new: int, told: list[int]
) -> None:
    status = Status(root, answer("8 1\n"))
    old = [(process.pid, WORKER, 100) for process in sleepers[:2]]
    fresh = [(process.pid, WORKER, 900) for process in sleepers[2 : 2 + new]]
    it = nginx(root, *old, *fresh, (sleepers[7].pid, CACHE, 100))
    before = {process.pid for process in sleepers[:2]}
    (problem,) = it.wait_for_generation(MASTER, 8, before=before, log_offset=0, timeout=0.1)
    assert problem.startswith("after 0 s")  # they are there still, as /proc has it
    for number in told:
        assert sleepers[number].wait(timeout=10) == -signal.SIGQUIT
    time.sleep(0.05)
    assert [number for number, process in enumerate(sleepers) if process.poll() is not None] == told
    status.close()


def master_with_link(
    root: Path, *, title: str = "nginx: master process nginx -c /run/vsa/nginx.conf -g daemon off;"
) -> Nginx:
    """Return an NGINX whose container's tmpfs is there."""
    it = nginx(root)
    (root / "proc" / str(MASTER) / "root/run/vsa").mkdir(parents=True)
    (root / "proc" / str(MASTER) / "cmdline").write_text(f"{title}\0", encoding="utf-8")
    return it


def test_what_a_reload_reads_is_a_link_in_the_container(root: Path) -> None:
    it = master_with_link(root)
    assert it.next_generation(MASTER) == 0
    for number in (7, 8, 12345):
        assert it.set_next(MASTER, number)
        assert it.next_generation(MASTER) == number
    folder = root / "proc" / str(MASTER) / "root/run/vsa"
    assert [entry.name for entry in folder.iterdir()] == ["nginx.conf"]
    assert (folder / "nginx.conf").readlink() == Path("/etc/nginx/vsa/generations/12345/nginx.conf")


@pytest.mark.parametrize("target", ["/etc/nginx/nginx.conf", "/etc/nginx/vsa/generations/x/nginx.conf", "/"])
def test_a_link_that_leads_elsewhere_is_no_generation(root: Path, target: str) -> None:
    it = master_with_link(root)
    (root / "proc" / str(MASTER) / "root/run/vsa/nginx.conf").symlink_to(target)
    assert it.next_generation(MASTER) == 0


@pytest.mark.parametrize("place", ["run", "run/vsa"])
def test_a_container_cannot_lead_the_link_out_of_itself(root: Path, place: str) -> None:
    it = master_with_link(root)
    inside = root / "proc" / str(MASTER) / "root" / place
    outside = root / "outside"
    inside.rename(outside)
    inside.symlink_to(outside)
    with pytest.raises(OSError, match=r"[Nn]ot a directory|symbolic"):
        it.set_next(MASTER, 7)
    assert [entry.name for entry in outside.rglob("*") if entry.is_symlink()] == []


def test_a_container_of_before_reads_current(root: Path) -> None:
    it = master_with_link(root, title="nginx: master process nginx -c /etc/nginx/vsa/current/nginx.conf -g daemon off;")
    assert it.set_next(MASTER, 7) is False
    assert it.next_generation(MASTER) == 0


def test_a_refused_reload_is_said_in_words_of_the_master_at_once(root: Path) -> None:
    error_log(root, WARN + CLIENT + EMERG + CLIENT)
    master_status(root)
    it = nginx(root, (101, WORKER, 100))
    (problem,) = it.wait_for_generation(MASTER, 8, before={101}, log_offset=len(WARN), timeout=60)
    assert problem == "bind() to [::]:443 failed (98: Address already in use)"


@pytest.mark.parametrize("said", ["", CLIENT, EMERG.replace("1#1", "31#31")])
def test_a_refused_reload_without_words_of_the_master(root: Path, said: str) -> None:
    error_log(root, EMERG + said)
    master_status(root)
    status = Status(root, answer("7 1\n"))
    it = nginx(root, (99, "/bin/sh /opt/vsa/nginx.sh", 90), (100, LEAVING, 50), (101, WORKER, 100))
    problems = it.wait_for_generation(MASTER, 8, before={101}, log_offset=len(EMERG), timeout=60)
    assert problems == ["its master refused it and goes on with generation 7"]
    status.close()


@pytest.mark.parametrize(
    "of_master",
    [{"state": "R (running)"}, {"blocked": 1}, {"pending": 1}, {"blocked": 0x4001}],
    ids=["reads", "blocks the signal", "has not got the signal", "blocks more"],
)
def test_words_in_the_log_are_no_verdict(root: Path, of_master: dict[str, object]) -> None:
    """While the master works nothing is decided, whatever anybody wrote into the log."""
    error_log(root, EMERG + CLIENT)
    master_status(root, **of_master)  # type: ignore[arg-type]
    it = nginx(root, (101, WORKER, 100))
    (problem,) = it.wait_for_generation(MASTER, 8, before={101}, log_offset=0, timeout=0.1)
    assert problem.startswith("after 0 s")


@pytest.mark.parametrize("title", [WORKER, "nginx: master process nginx -c /run/vsa/nginx.conf"], ids=["ready", "born"])
def test_a_master_with_new_workers_refused_nothing(root: Path, title: str) -> None:
    error_log(root, EMERG + CLIENT)
    master_status(root)
    it = nginx(root, (99, "/bin/sh /opt/vsa/nginx.sh", 90), (101, WORKER, 100), (111, title, 900))
    (problem,) = it.wait_for_generation(MASTER, 8, before={101}, log_offset=0, timeout=0.1)
    assert problem.startswith("after 0 s")
