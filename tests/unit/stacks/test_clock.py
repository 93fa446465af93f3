"""The loops in the proxy's containers, run here: a clock that is set back stops none of them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

BIN = Path(__file__).resolve().parents[3] / "stacks/reverse-proxy/bin"
DAY = 86400


class Loop:
    """The reloader, in a directory, with a clock that the test sets. ``done`` lists its signals to NGINX."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("bin", "run", "logs", "vsa", "path", "letsencrypt"):
            (root / folder).mkdir()
        for script in BIN.glob("*.sh"):
            text = script.read_text(encoding="utf-8")
            for old, new in (
                ("/opt/vsa", "bin"),
                ("/etc/nginx/vsa", "vsa"),
                ("/etc/letsencrypt", "letsencrypt"),
                ("/var/log/nginx", "logs"),
                ("/run/vsa", "run"),
            ):
                text = text.replace(old, f"{root}/{new}")
            text = text.replace("kill -HUP 1", f"echo reload >>{root}/done; return 0")
            text = text.replace("kill -USR1 1", f"echo rotate >>{root}/done")
            text = text.replace("-ge 60 ]", "-ge 1 ]")
            assert "kill -HUP" not in text, "no signal may reach this machine"
            (root / "bin" / script.name).write_text(text, encoding="utf-8")
        clock = f"#!/bin/sh\necho $(($(/bin/date +%s) + $(cat {root}/offset)))\n"
        (root / "path/date").write_text(clock, encoding="utf-8")
        (root / "path/date").chmod(0o755)
        self.set_clock(0)
        self._process: subprocess.Popen[bytes] | None = None

    def set_clock(self, offset: int) -> None:
        (self.root / "offset").write_text(str(offset), encoding="utf-8")

    def start(self, **env: str) -> None:
        path = f"{self.root}/path:{os.environ['PATH']}"
        self._process = subprocess.Popen(
            ["/bin/sh", str(self.root / "bin/nginx-reloader.sh")],
            env={"PATH": path, **env},
            start_new_session=True,
            stdout=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def done(self, what: str) -> int:
        place = self.root / "done"
        return place.read_text(encoding="utf-8").split().count(what) if place.exists() else 0


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    made = Loop(tmp_path)
    yield made
    made.stop()


def wait_for(what: Callable[[], bool], why: str) -> None:
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(0.2)


def test_the_regular_reload_comes_after_the_clock_was_set_back(loop: Loop) -> None:
    loop.start(VSA_RELOAD_EVERY="2")
    wait_for(lambda: loop.done("reload") > 0, "no reload at all")
    loop.set_clock(-DAY)
    before = loop.done("reload")
    wait_for(lambda: loop.done("reload") > before + 1, "the reloader waits for the clock to catch up")


def test_logs_are_rotated_after_the_clock_was_set_back(loop: Loop) -> None:
    log = loop.root / "logs/a.example.access.log"
    log.write_text("a line\n", encoding="utf-8")
    (loop.root / "logs/.rotated").write_text(f"{int(time.time()) + DAY}\n", encoding="utf-8")
    loop.start()
    wait_for(lambda: loop.done("rotate") > 0, "a rotation in the future is waited for")
    assert not log.exists()
    assert int((loop.root / "logs/.rotated").read_text(encoding="utf-8")) <= time.time()


def test_a_renewal_is_loaded_after_the_clock_was_set_back(loop: Loop) -> None:
    loop.start()
    wait_for((loop.root / "run/reloader").exists, "it does not run")
    loop.set_clock(-DAY)
    (loop.root / "letsencrypt/vsa-reload").write_text("1\n", encoding="utf-8")
    wait_for(lambda: loop.done("reload") > 0, "a renewed certificate is not loaded")


def test_no_older_log_is_overwritten(loop: Loop) -> None:
    now = int(time.time())
    for number in range(now - 5, now + 40, 2):
        (loop.root / f"logs/a.example.access.log.{number}").write_text("older\n", encoding="utf-8")
        (loop.root / f"logs/a.example.access.log.{number + 1}.gz").write_text("older\n", encoding="utf-8")
    (loop.root / "logs/a.example.access.log").write_text("new\n", encoding="utf-8")
    (loop.root / "logs/.rotated").write_text("1\n", encoding="utf-8")
    loop.start(VSA_LOG_KEEP="1000")
    wait_for(lambda: loop.done("rotate") > 0, "nothing was rotated")
    texts = [path.read_text(encoding="utf-8") for path in (loop.root / "logs").glob("*.log.*")]
    assert texts.count("older\n") == 46
    assert texts.count("new\n") == 1


def uptime() -> int:
    return int(float(Path("/proc/uptime").read_text(encoding="ascii").split()[0]))


@pytest.mark.parametrize(("ago", "healthy"), [(0, True), (100, True), (200, False), (-10, False), (None, True)])
def test_the_health_check_counts_by_uptime(loop: Loop, ago: int | None, healthy: bool) -> None:
    """None stands for the time of day, as a reloader writes it that still runs the script of before."""
    loop.set_clock(0 if ago is None else -DAY)
    value = int(time.time()) if ago is None else uptime() - ago
    (loop.root / "run/reloader").write_text(f"{value}\n", encoding="utf-8")
    (loop.root / "path/curl").write_text("#!/bin/sh\n", encoding="utf-8")
    (loop.root / "path/curl").chmod(0o755)
    path = f"{loop.root}/path:{os.environ['PATH']}"
    done = subprocess.run(["/bin/sh", str(loop.root / "bin/nginx-health.sh")], env={"PATH": path}, capture_output=True)
    assert (done.returncode == 0) is healthy, done.stdout + done.stderr


def test_the_check_of_the_renewal_loop(loop: Loop) -> None:
    script = str(loop.root / "bin/certbot-health.sh")
    for ago, every, code in ((0, "10", 0), (100, "10", 0), (5000, "10", 1), (-100, "10", 1)):
        (loop.root / "run/loop").write_text(f"{uptime() - ago}\n", encoding="utf-8")
        done = subprocess.run(["/bin/sh", script], env={"VSA_RENEW_EVERY": every}, stdout=subprocess.DEVNULL)
        assert done.returncode == code
