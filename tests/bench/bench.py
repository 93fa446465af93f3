"""The time of the verbs, as multiples of P: the wall time of a play with one `ping` on the same host and connection.

All rows of a run are measured round by round (every row once, then all again), so that a slow minute of the machine
hits every row alike; a row is the median of its rounds. Prints one table (row, measured, goal, verdict) and writes the
same rows to build/bench.json. A missed goal is said; it changes the exit code only with --strict.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _places import ROOT
from agent import AgentBench
from audit import AuditBench
from auth import AuthBench
from dashboard import DashboardBench
from fleet_rows import LOOPED, FleetBench
from peers import Peers, SkippedError, compare
from peers import table as peers_table
from rows import Row, Wanted, measure, table
from shared import SharedBench

import rig
from stackrun import service, write_stack

BIN = Path(sys.executable).parent
VPS = "vsa-bench"
DOMAIN = "bench.demo.test"
GONE = "gone.demo.test"
PING = """
- name: Ping
  hosts: all
  gather_facts: false
  become: true
  tasks:
    - name: Ping
      ansible.builtin.ping:
"""


class Bench:
    """The commands that are measured, on one host of one inventory."""

    def __init__(self, inventory: Path, playbook: Path, vps: Any = None) -> None:
        self._vps = vps
        self.inventory = inventory
        self.ping_playbook = playbook
        self._env = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "VSA_"))},
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "NO_COLOR": "1",
            # The records of these runs do not belong into the caller's trail.
            "XDG_STATE_HOME": str(playbook.parent / "state"),
        }
        self._next = 0
        self._stacks = playbook.parent / "stacks"
        write_stack(self._stacks, "bench", service(restart="unless-stopped"), tenant="bench")

    @property
    def on_the_rig(self) -> bool:
        """Say whether the host belongs to the rig, so that containers may be created and removed."""
        return self._vps is not None

    def _timed(self, *command: str) -> float:
        started = time.monotonic()
        done = subprocess.run(
            command, cwd=ROOT, env=self._env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300
        )
        seconds = time.monotonic() - started
        if done.returncode != 0:
            raise SystemExit(f"bench: {' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return seconds

    def playbook(self, name: str, **extra: str) -> float:
        """Run a playbook as an operator would, and return its seconds."""
        words = [word for key, value in extra.items() for word in ("-e", f"{key}={value}")]
        return self._timed("ansible-playbook", "-i", str(self.inventory), name, *words)

    def vsa(self, *words: str) -> float:
        """Run the wrapper on the same host, and return its seconds."""
        return self._timed("vsa", *words, "-i", str(self.inventory))

    def ping(self) -> float:
        """Run the play of P."""
        return self.playbook(str(self.ping_playbook))

    def provision_changed(self) -> float:
        """Provision the site with another upstream; its certificate is valid."""
        self._next += 1
        return self.playbook("flowbiz.vsa.site.provision", domain=DOMAIN, upstream=f"web-{1 + self._next % 2}:3000")

    def provision_unchanged(self) -> float:
        """Provision the site without a change."""
        return self.playbook("flowbiz.vsa.site.provision", domain=DOMAIN, upstream=f"web-{1 + self._next % 2}:3000")

    def unprovision(self) -> float:
        """Make a site with a container and a certificate (not measured), and measure its removal."""
        rig.run_web(self._vps, GONE.partition(".")[0])
        self.playbook("flowbiz.vsa.site.provision", domain=GONE, upstream=f"{GONE.partition('.')[0]}:3000")
        return self.playbook("flowbiz.vsa.site.unprovision", domain=GONE, yes="true")

    def stack_unchanged(self) -> float:
        """Bring a tenant's stack up that runs as its folder says. The first call, which is not measured, starts it."""
        return self.playbook("flowbiz.vsa.stack.up", stack_name="bench", stack_source=str(self._stacks))

    def proxy_unchanged(self) -> float:
        """Bring the reverse proxy up, which runs as its folder says: its vhosts are compared with the manifests too."""
        return self.playbook("flowbiz.vsa.stack.up", stack_name="reverse-proxy")

    def list_sites(self) -> float:
        """List the sites by the bare playbook."""
        return self.playbook("flowbiz.vsa.site.list")

    def status(self) -> float:
        """Check the host by the bare playbook."""
        return self.playbook("flowbiz.vsa.host.status")

    def vsa_list(self) -> float:
        """List the sites by the wrapper."""
        return self.vsa("site", "list")

    def vsa_unchanged(self) -> float:
        """Provision without a change, by the wrapper."""
        words = ["--domain", DOMAIN, "--container", f"web-{1 + self._next % 2}", "--port", "3000"]
        return self.vsa("site", "provision", *words)

    def vsa_help(self) -> float:
        """Ask for help."""
        return self._timed("vsa", "--help")

    def vsa_version(self) -> float:
        """Ask for the version."""
        return self._timed("vsa", "--version")


def verbs(bench: Bench, audit: AuditBench) -> list[Wanted]:
    """Return the rows over a host with one site."""
    ping, provision, sites = "ping (P)", "site provision, no change", "site list"
    return [
        Wanted(ping, bench.ping),
        Wanted("site provision, valid certificate", bench.provision_changed, ping, 3.0),
        Wanted(provision, bench.provision_unchanged, ping, 2.5),
        *([Wanted("site unprovision", bench.unprovision, ping, 3.0)] if bench.on_the_rig else []),
        *([Wanted("stack up, no change", bench.stack_unchanged, ping, 2.0)] if bench.on_the_rig else []),
        Wanted("stack up reverse-proxy, no change", bench.proxy_unchanged, ping, 2.0),
        Wanted(sites, bench.list_sites, ping, 1.5),
        Wanted("vsa site list", bench.vsa_list, sites, 1.15),
        Wanted("vsa site provision, no change", bench.vsa_unchanged, provision, 1.15),
        Wanted("vsa --help", bench.vsa_help, None, 0.25),
        Wanted("vsa --version", bench.vsa_version, None, 0.15),
        Wanted("200 tasks, not recorded", audit.bare),
        Wanted("200 tasks, recorded", audit.audited, "200 tasks, not recorded", 1.02),
        Wanted("vsa audit list, 100,000 records", audit.listed, None, 0.4),
        Wanted("vsa audit verify, 100,000 records", audit.verified, None, 0.4),
    ]


def fleet_verbs(bench: Bench, fleet: FleetBench) -> list[Wanted]:
    """Return the rows over a host with 1,000 TLS sites, with a P of their own rounds."""
    ping, loop = "ping (P), 1,000 sites", f"template loop, 1,000 vhosts by {LOOPED}"
    return [
        Wanted(ping, bench.ping),
        Wanted("vhost sync, 1,000 sites changed", fleet.sync_changed, ping, 6.0),
        Wanted("vhost sync, 1,000 sites unchanged", fleet.sync_unchanged, ping, 2.5),
        Wanted("cert status, 1,000 lineages", fleet.certificates, ping, 3.0),
        Wanted("site list, 1,000 sites visited", fleet.visited, ping, 4.0),
        Wanted("site list --no-probe, 1,000 sites", fleet.not_visited, ping),
        Wanted(loop, fleet.looped),
        Wanted("the same by vhost sync", fleet.sync_changed, loop, 100.0, least=True),
    ]


def ten_sites(bench: Bench, ten: FleetBench) -> list[Wanted]:
    """Return the rows over a host with ten TLS sites, with a P of their own rounds."""
    ping = "ping (P), 10 sites"
    return [
        Wanted(ping, bench.ping),
        Wanted("site list, 10 sites visited", ten.visited, ping, 1.6),
        Wanted("site list --no-probe, 10 sites", ten.not_visited, ping, 1.25),
        Wanted("host status, 10 sites", bench.status, ping),
    ]


def report(rows: list[Row], rounds: int) -> dict[str, object]:
    """Return the content of build/bench.json: the rows, and the machine of the measurement."""
    return {
        "schema": 1,
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "rounds": rounds,
        "machine": {"cores": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version()},
        "rows": [{**dataclasses.asdict(row), "verdict": row.verdict} for row in rows],
    }


@contextlib.contextmanager
def rig_host(name: str, *, keep: bool) -> Iterator[tuple[Any, Path]]:
    """Start the rig's VPS with the proxy, or find it running, and yield it with an inventory that names it."""
    vps = rig.proxy_host(name)
    vps.add_dns(DOMAIN, GONE)
    try:
        yield vps, vps.inventory(ROOT / "build/bench/hosts.yml")
    finally:
        if not keep:
            vps.destroy()


def beside_peers(vps: Any, bench: Bench, rounds: int, *, strict: bool) -> int:
    """Measure the proxy and its peers, print and write build/bench-peers.json; returns the exit code."""
    if vps is None:
        print("bench: skipped: the peers run on the rig's own host only")
        return 0
    peers = Peers(vps, bench.playbook)
    try:
        peers.start()
        figures = compare(peers, rounds)
    except SkippedError as reason:
        print(f"bench: skipped: {reason}")
        return 0
    finally:
        peers.end()
    print(peers_table(figures))
    content = {
        **report([], rounds),
        "rows": [{**dataclasses.asdict(each), "verdict": each.verdict} for each in figures],
    }
    target = ROOT / "build/bench-peers.json"
    target.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 1 if strict and any(each.met is False for each in figures) else 0


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count (default: 5)")
    parser.add_argument(
        "--inventory", type=Path, help="measure this one host instead of the rig's: web-1 and web-2 run there"
    )
    parser.add_argument("--vps", default=VPS, help=f"the rig's VPS to make or find (default: {VPS})")
    groups = ("verbs", "agent", "auth", "shared", "ten", "fleet", "dashboard")
    parser.add_argument("--only", choices=groups, help="one of the groups of rows")
    parser.add_argument("--peers", action="store_true", help="beside Caddy and Traefik, instead of these rows")
    parser.add_argument("--keep", action="store_true", help="leave the rig's VPS running, for another run")
    parser.add_argument("--strict", action="store_true", help="exit with 1 where a goal is missed")
    words = parser.parse_args()
    if words.rounds < 1:
        parser.error("--rounds is at least 1")
    with tempfile.TemporaryDirectory(prefix="vsa-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        # The measured runs are recorded as always, but not in the caller's own audit trail.
        os.environ["XDG_STATE_HOME"] = str(folder / "state")
        playbook = folder / "ping.yml"
        playbook.write_text(PING, encoding="utf-8")
        vps = None
        if words.only == "dashboard":
            inventory = folder / "none.yml"  # these rows need no host
        elif words.inventory:
            inventory = words.inventory.resolve()
            print("bench: no rows over 1,000 sites, none of unprovision and auth: these need the rig's own host")
        else:
            vps, inventory = stack.enter_context(rig_host(words.vps, keep=words.keep))
        bench = Bench(inventory, playbook, vps)
        if words.peers:
            return beside_peers(vps, bench, words.rounds, strict=words.strict)
        rows = []
        if words.only in (None, "verbs"):
            print("bench: writing a trail of 100,000 records", flush=True)
            rows += measure(verbs(bench, AuditBench(folder)), words.rounds, title="verbs")
        if words.only in (None, "agent"):
            agent = AgentBench(folder)
            agent.start()
            try:
                rows += measure(agent.rows(), min(words.rounds, 3), title="agent")
            finally:
                agent.end()
        if words.only in (None, "dashboard"):
            dashboard = DashboardBench()
            dashboard.start()
            try:
                rows += measure(dashboard.rows(), min(words.rounds, 3), title="dashboard")
            finally:
                dashboard.end()
        if vps is not None and words.only in (None, "auth"):
            auth = AuthBench(vps, folder, bench.playbook)
            auth.start()
            try:
                first = Wanted("ping (P), auth", bench.ping)
                rows += measure([first, *auth.rows(first.row)], min(words.rounds, 3), title="auth")
            finally:
                auth.end()
        if vps is not None and words.only in (None, "shared"):
            shared = SharedBench(vps, folder, bench.playbook)
            shared.start()
            try:
                rows += measure(shared.rows(), min(words.rounds, 3), title="shared")
            finally:
                shared.end()
        if vps is not None and words.only in (None, "ten"):
            ten = FleetBench(vps, folder, bench.playbook, number=10)
            ten.start()
            try:
                ten.sync_changed()
                rows += measure(ten_sites(bench, ten), min(words.rounds, 3), title="10 sites")
            finally:
                ten.end()
        if vps is not None and words.only in (None, "fleet"):
            fleet = FleetBench(vps, folder, bench.playbook)
            fleet.start()
            try:
                rows += measure(fleet_verbs(bench, fleet), min(words.rounds, 3), title="1,000 sites")
            finally:
                fleet.end()
    print(table(rows))
    target = ROOT / "build/bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(report(rows, words.rounds), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    missed = [row.row for row in rows if row.verdict == "MISSED"]
    if missed:
        print(f"bench: {len(missed)} goal(s) missed: {', '.join(missed)}")
    return 1 if missed and words.strict else 0


if __name__ == "__main__":
    sys.exit(main())
