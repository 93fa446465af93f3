"""A genuine Loki for tests: 2.2.1, its last release under Apache-2.0, built from the Go module proxy and kept.

This version is stricter than Loki 3, so Loki 3 accepts what this version accepts: see ``docs/runbooks/loki.md``.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from ._shell import LABEL, RigError, docker, lock
from .golang import go_binary
from .images import content_hash, images
from .network import NETWORK, addresses, network, scope, scoped

__all__ = ["Loki", "loki", "loki_binary"]

_HERE = Path(__file__).resolve().parent.parent / "images" / "loki"
_BASE = "vsa-rig-base:trixie"
_COMMAND = "github.com/grafana/loki/cmd/loki"
#: Seconds in which it has to be ready, on a busy machine too.
_READY = 60.0


@dataclasses.dataclass(frozen=True)
class Loki:
    """A running Loki: ``url`` is reached from this machine and from every VPS, also after a restart."""

    container: str
    url: str

    def stop(self) -> None:
        """Stop Loki as an operator would; its data is kept."""
        docker("stop", "--time", "20", self.container)

    def kill(self) -> None:
        """Kill Loki with SIGKILL, as a crash or the kernel would."""
        docker("kill", "--signal", "KILL", self.container)

    def start(self) -> None:
        """Start Loki again with its data, and wait until it is ready."""
        docker("start", self.container)
        self._wait_until_ready()

    def remove(self) -> None:
        """Remove Loki and its data."""
        docker("rm", "--force", "--volumes", self.container, check=False)

    def query(
        self, logql: str, *, seconds: int = 30 * 86400, limit: int = 5000
    ) -> list[tuple[dict[str, str], int, str]]:
        """Return (labels, nanoseconds, line) of every entry that a LogQL query finds, oldest first."""
        now = time.time_ns()
        asked = {
            "query": logql,
            "start": now - seconds * 1_000_000_000,
            "end": now + 3600 * 1_000_000_000,
            "limit": limit,
            "direction": "forward",
        }
        address = f"{self.url}/loki/api/v1/query_range?{urllib.parse.urlencode(asked)}"
        with urllib.request.urlopen(address, timeout=30) as answer:
            found = json.load(answer)["data"]["result"]
        entries = [(stream["stream"], int(stamp), line) for stream in found for stamp, line in stream["values"]]
        return sorted(entries, key=lambda entry: entry[1])

    def instant(self, logql: str) -> list[tuple[dict[str, str], float]]:
        """Return (labels, value) of every series of a metric query, as of now."""
        asked = urllib.parse.urlencode({"query": logql, "time": time.time_ns()})
        with urllib.request.urlopen(f"{self.url}/loki/api/v1/query?{asked}", timeout=30) as answer:
            found = json.load(answer)["data"]["result"]
        return [(series["metric"], float(series["value"][1])) for series in found]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/ready", timeout=5):
                    return
            except (urllib.error.URLError, OSError) as problem:
                state = docker("inspect", "--format", "{{.State.Running}}", self.container, check=False).stdout.strip()
                if state != "true" or time.monotonic() > deadline:
                    logs = docker("logs", "--tail", "20", self.container, check=False)
                    raise RigError(f"{self.container} did not come up: {problem}\n{logs.stdout}{logs.stderr}") from None
            time.sleep(0.1)


def loki(name: str, *, switches: Sequence[str] = ()) -> Loki:
    """Start a fresh Loki with data of its own; ``switches`` are Loki's, such as ``-distributor.max-line-size=2KB``."""
    binary = loki_binary()
    images(_BASE)
    network()
    container = scoped(f"loki-{name}")
    with lock("addresses"):
        docker("rm", "--force", "--volumes", container, check=False)
        ipv4, _ = addresses()
        argv = ["run", "--detach", "--name", container, "--hostname", container, "--network", NETWORK, "--ip", ipv4]
        argv += ["--label", LABEL, "--label", f"vsa.rig.scope={scope()}", "--label", "vsa.rig.kind=loki"]
        argv += ["--volume", "/loki", "--volume", f"{binary}:/usr/bin/loki:ro"]
        argv += ["--volume", f"{_HERE / 'loki.yaml'}:/etc/loki.yaml:ro"]
        docker(*argv, _BASE, "loki", "-config.file=/etc/loki.yaml", *switches)
    started = Loki(container, f"http://{ipv4}:3100")
    started._wait_until_ready()
    return started


@functools.cache
def loki_binary() -> Path:
    """Return the binary. It is built if no build of these module files is kept. RigError if the build fails."""
    parts = [(name, (_HERE / name).read_bytes()) for name in ("go.mod", "go.sum")]
    return go_binary(
        "loki",
        folder=_HERE,
        key=content_hash(parts),
        package=_COMMAND,
        words="Loki 2.2.1 (Apache-2.0) is built once from its Go modules: about three minutes",
    )
