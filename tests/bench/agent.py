"""The cost of a beat: the collector and the sender of a host with 200 containers and 500 TLS sites.

Both run as on a host: from the program that is installed there, in processes of their own. The engine and the hub are
small servers in this process, and the host is a directory.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from rows import Wanted

ROOT = Path(__file__).resolve().parents[2]
CONTAINERS, SITES = 200, 500
_NAME = "ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent"
_COLLECT = """
from {name}.collector.collect import collect
collect(root={root!r}, docker={root!r} + "/docker.sock")
"""
_SEND = """
from {name}.sender.send import Sender, address_from
from {name}.places import AgentPlaces
ask = lambda domain: dict(fingerprint="f" * 64, not_after="2027-01-01T00:00:00Z", issuer="CA", error=None)
code = Sender(address_from({hub!r}, {token!r}), places=AgentPlaces({root!r}), ask=ask).run()
assert code == 0
"""
_MEASURED = """
import json, re, resource, sys
sys.path.insert(0, {program!r})
{work}
used = resource.getrusage(resource.RUSAGE_SELF)
# Not ru_maxrss, which a process has of the one that started it.
peak = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]
print(json.dumps([used.ru_utime + used.ru_stime, int(peak)]))
"""


class AgentBench:
    """A host in a directory, whose agent sends beats to a hub in this process."""

    def __init__(self, folder: Path) -> None:
        self._root = folder / "host"
        self._program = folder / "agent.pyz"
        self._open = contextlib.ExitStack()
        self._memory = 0.0
        self._hub: Any = None

    def start(self) -> None:
        """Make the host, its engine and its hub."""
        sys.path[:0] = [str(ROOT / "collections"), str(ROOT / "tests/support")]
        from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.collector import collect
        from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.program import program_bytes
        from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.sender import send
        from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.sources import needed_sources

        from agenthost import TOKEN
        from dockersocket import docker_socket, inspection
        from fakehub import fake_hub

        self._program.write_bytes(program_bytes(needed_sources(collect.__name__, send.__name__)))
        self._sites()
        state = {"Pid": os.getpid()}
        found = [inspection(number, f"app-{number}", state=state) for number in range(1, CONTAINERS)]
        found.append(inspection(CONTAINERS, "vsa-nginx", state=state))
        self._open.enter_context(docker_socket(self._root / "docker.sock", found))
        (self._root / "hub").mkdir()
        self._hub = self._open.enter_context(fake_hub(self._root / "hub", TOKEN))
        self._token = TOKEN

    def _sites(self) -> None:
        from certbotengine import put_lineage
        from certs import make_pair
        from hosttree import HostTree, provide

        self._root.mkdir()
        host = HostTree(self._root)
        for folder in ("run/vsa-agent", "run/vsa-agent-send", "var/lib/vsa-agent", "usr/bin"):
            (self._root / folder).mkdir(parents=True)
        (self._root / "usr/bin/dockerd").touch()
        (self._root / "proc").symlink_to("/proc")
        (self._root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n", encoding="ascii")
        host.settings("ca: letsencrypt\n")
        now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
        authority = make_pair(["CA"])
        changes = []
        for number in range(SITES):
            domain = f"site-{number:03}.example.com"
            pair = make_pair([domain], issuer=authority, start=now - day, end=now + 80 * day)
            put_lineage(host.paths, domain, pair)
            changes.append(provide(domain, f"app-{1 + number % (CONTAINERS - 1)}:3000"))
        host.apply(*changes)

    def end(self) -> None:
        """End engine and hub."""
        self._open.close()

    def beat(self) -> float:
        """Send one beat of a host on which nothing changed, and return the processor time of both programs."""
        hub = json.dumps({"hub_url": self._hub.url, "ca": self._hub.ca})
        values = {"name": _NAME, "root": str(self._root), "hub": hub, "token": self._token}
        parts = [self._run(work.format(**values)) for work in (_COLLECT, _SEND)]
        self._memory = max(memory for _cpu, memory in parts) / 1024
        return sum(cpu for cpu, _memory in parts)

    def memory(self) -> float:
        """Return the memory of the larger program in the last beat, in MiB."""
        return self._memory

    def sent(self) -> float:
        """Return the size of the last beat as it was sent, in KiB."""
        return len(self._hub.bodies[-1]) / 1024

    def _run(self, work: str) -> tuple[float, int]:
        code = _MEASURED.format(program=str(self._program), work=work)
        libraries = ":".join(path for path in sys.path if "site-packages" in path)
        done = subprocess.run(
            [sys.executable, "-S", "-c", code],
            capture_output=True,
            text=True,
            env={"PYTHONPATH": libraries},
            timeout=120,
        )
        if done.returncode:
            raise SystemExit(f"bench: the agent ended with {done.returncode}:\n{done.stderr}")
        cpu, memory = json.loads(done.stdout)
        return float(cpu), int(memory)

    def rows(self) -> list[Wanted]:
        """Return the rows, in an order in which each beat is measured before its memory and its size."""
        beat = f"beat of an agent, {CONTAINERS} containers, {SITES} sites"
        return [
            Wanted(beat, self.beat, None, 0.8, unit="CPU s"),
            Wanted("its memory", self.memory, None, 64.0, unit="MiB"),
            Wanted("what it sends", self.sent, None, 150.0, unit="KiB"),
        ]
