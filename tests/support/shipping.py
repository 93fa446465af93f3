"""The shipper of the stack observability in a container, between folders of this machine and a genuine Loki."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import rig

__all__ = ("PROMETHEUS", "SYSLOG_NG", "Hub", "Shipper", "access_line", "container_line", "eventually")

SYSLOG_NG = "balabit/syslog-ng:4.12.0"
PROMETHEUS = "prom/prometheus:v3.15.0"
_CONFIG = rig.ROOT / "stacks/observability/shipper"


def access_line(uri: str, *, method: str = "GET", status: int = 200, seconds: float = 0.01) -> str:
    """Return a line as the proxy's own log format writes it."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    values: dict[str, Any] = {
        "time": moment,
        "host": "forged.example.com",
        "client": "192.0.2.7",
        "method": method,
        "method_label": method,
        "uri": uri,
        "status": status,
        "bytes": 120,
        "seconds": seconds,
        "agent": 'a "quote", a \\ and an é',
        "id": uri,
    }
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def container_line(text: str, *, name: str | None = "acme-shop-web-1", stream: str = "stdout") -> str:
    """Return a line as Docker's driver json-file writes it; without a name as before bootstrap's log options."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%S.000000000Z", time.gmtime())
    attrs = {"attrs": {"tag": name, "com.docker.compose.service": "web"}} if name else {}
    return json.dumps({"log": text + "\n", "stream": stream, **attrs, "time": moment}, separators=(",", ":"))


def eventually(question: Callable[[], object], wanted: object, *, seconds: float) -> float:
    """Ask until the answer is as wanted, and return how long that took. AssertionError after ``seconds``."""
    started = time.monotonic()
    while True:
        found = question()
        if found == wanted:
            return time.monotonic() - started
        if time.monotonic() - started > seconds:
            raise AssertionError(f"after {seconds} s: {str(found)[:500]}, and not {str(wanted)[:500]}")
        time.sleep(0.2)


@dataclasses.dataclass(frozen=True)
class Hub:
    """The hub of a node: the domain of its site, its address, who pushes with which password, and its CA."""

    domain: str
    address: str
    user: str
    password: str
    trust: str


class Shipper:
    """A shipper with the configuration of the stack, and the folders of a host that it reads.

    It ships to a Loki, or to a ``hub`` as the shipper of a node does.
    """

    def __init__(self, root: Path, loki: rig.Loki | None = None, *, hub: Hub | None = None) -> None:
        self.container = rig.scoped(f"shipper-{root.name}")[:60]
        self.nginx = root / "nginx"
        self.containers = root / "containers"
        self.vsa = root / "vsa"
        self._state = f"{self.container}-state"
        self.loki = re.sub(r"^http://|:\d+$", "", loki.url) if loki else ""
        self._hub = hub
        for folder in (self.nginx, self.containers, self.vsa):
            folder.mkdir()
        (root / "hostname").write_text("vps-01\n")
        self._root = root

    def create(self) -> None:
        """Make the container as compose.yml does: root with one capability, and a read-only root file system."""
        self.remove()
        argv = ["--user", "0:0", "--cap-drop", "ALL", "--cap-add", "DAC_READ_SEARCH", "--read-only"]
        argv += ["--security-opt", "no-new-privileges:true", "--memory", "256m", "--pids-limit", "64"]
        argv += ["--restart", "unless-stopped"]
        argv += ["--tmpfs", "/run:mode=0755,size=1m", "--tmpfs", "/tmp:mode=1777,size=4m"]
        argv += ["--entrypoint", "/bin/sh", *self._target()]
        for source, target in (
            (_CONFIG, "/etc/vsa-shipper"),
            (self._root / "hostname", "/etc/vsa-hostname"),
            (self.nginx, "/logs/nginx"),
            (self.containers, "/logs/containers"),
            (self.vsa, "/logs/vsa"),
        ):
            argv += ["--volume", f"{source}:{target}:ro"]
        argv += ["--volume", f"{self._state}:/var/lib/syslog-ng"]
        rig.run_beside(self.container, SYSLOG_NG, "/etc/vsa-shipper/start.sh", words=argv)

    def _target(self) -> list[str]:
        if self._hub is None:
            return ["--add-host", f"loki:{self.loki}", "--env", "LOKI_URL=http://loki:3100"]
        for name, text in (("loki-password", f"{self._hub.password}\n"), ("ca.crt", self._hub.trust)):
            (self._root / name).write_text(text, encoding="utf-8")
            (self._root / name).chmod(0o600)
        return [
            *("--add-host", f"{self._hub.domain}:{self._hub.address}"),
            *("--env", f"LOKI_URL=https://{self._hub.domain}", "--env", f"LOKI_USER={self._hub.user}"),
            *("--volume", f"{self._root}/loki-password:/etc/vsa-loki-password:ro"),
            *("--volume", f"{self._root}/ca.crt:/etc/ssl/certs/ca-certificates.crt:ro"),
        ]

    def remove(self) -> None:
        """Remove the container with its state."""
        rig.docker("rm", "--force", self.container, check=False)
        rig.docker("volume", "rm", "--force", self._state, check=False)

    def kill(self) -> None:
        """Kill the shipper with SIGKILL."""
        rig.docker("kill", "--signal", "KILL", self.container)

    def start(self) -> None:
        """Start the shipper again."""
        rig.docker("start", self.container)

    def restart(self) -> None:
        """Restart the shipper in order."""
        rig.docker("restart", "--time", "10", self.container)

    def logs(self) -> str:
        """Return what the shipper said."""
        done = rig.docker("logs", self.container, check=False)
        return done.stdout + done.stderr

    def healthy(self) -> bool:
        """Say whether the health check of compose.yml passes."""
        words = ["exec", self.container, "syslog-ng-ctl", "healthcheck", "--control=/run/ctl", "--timeout=5"]
        return rig.docker(*words, check=False).returncode == 0

    @property
    def address(self) -> str:
        """Return the IPv4 address of the container."""
        return rig.address_of(self.container)

    def metrics(self) -> dict[str, float]:
        """Return the counters that Prometheus would scrape."""
        address = self.address
        got = subprocess.run(
            ["curl", "-fsS", "--max-time", "5", f"http://{address}:9577/metrics"],
            capture_output=True,
            text=True,
            check=True,
        )
        lines = [line.rpartition(" ") for line in got.stdout.splitlines() if line and not line.startswith("#")]
        return {name: float(value) for name, _space, value in lines}

    def waiting(self) -> int:
        """Return how many lines are in flight: read, and not taken by Loki."""
        queued = [value for name, value in self.metrics().items() if 'driver="http"' in name and "queued" in name]
        return int(sum(queued))

    def restarts(self) -> int:
        """Return how often the engine restarted the shipper, as after a kill for lack of memory."""
        return int(rig.docker("inspect", "--format", "{{.RestartCount}}", self.container).stdout)

    def opened(self) -> int:
        """Return how many logs syslog-ng has open."""
        listed = rig.docker("exec", self.container, "ls", "-l", "/proc/1/fd", check=False).stdout
        return listed.count(" -> /logs/")

    def memory(self) -> int:
        """Return the bytes of memory that all processes of the container have.

        The caches of files are not counted: the kernel takes them back as it likes.
        """
        files = ("/sys/fs/cgroup/memory.stat", "/sys/fs/cgroup/memory/memory.stat")
        text = "".join(rig.docker("exec", self.container, "cat", path, check=False).stdout for path in files)
        figures = dict(line.split() for line in text.splitlines())
        return int(figures["anon"] if "anon" in figures else figures["total_rss"])

    def write(self, path: Path, lines: Iterator[str] | list[str]) -> None:
        """Append lines to a log file, as its writer does."""
        path.parent.mkdir(exist_ok=True)
        with path.open("a", encoding="utf-8") as stream:
            for line in lines:
                stream.write(f"{line}\n")
                stream.flush()
