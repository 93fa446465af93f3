"""How long the verbs take, as multiples of P: the wall time of a play with one `ping` on the same host and connection.

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
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from audit import AuditBench

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
VPS = "vsa-bench"
DOMAIN = "bench.demo.test"
PING = """
- name: Ping
  hosts: all
  gather_facts: false
  become: true
  tasks:
    - name: Ping
      ansible.builtin.ping:
"""


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the result. `measured` and `goal` are in `unit`: multiples of another row's seconds, or seconds."""

    row: str
    seconds: list[float]
    median: float
    measured: float
    unit: str
    goal: float | None

    @property
    def verdict(self) -> str:
        """Say whether the goal is met; a row without a goal is there to be compared with."""
        if self.goal is None:
            return "—"
        return "met" if self.measured <= self.goal else "MISSED"


class Bench:
    """The commands that are measured, on one host of one inventory."""

    def __init__(self, inventory: Path, playbook: Path) -> None:
        self.inventory = inventory
        self.ping_playbook = playbook
        self._env = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "VSA_"))},
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "NO_COLOR": "1",
            # Their records are not the caller's affair.
            "XDG_STATE_HOME": str(playbook.parent / "state"),
        }
        self._next = 0

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
        """P itself."""
        return self.playbook(str(self.ping_playbook))

    def provision_changed(self) -> float:
        """Provision the site with another upstream than it has, its certificate being valid."""
        self._next += 1
        return self.playbook("flowbiz.vsa.site.provision", domain=DOMAIN, upstream=f"web-{1 + self._next % 2}:3000")

    def provision_unchanged(self) -> float:
        """Provision the site with what it has."""
        return self.playbook("flowbiz.vsa.site.provision", domain=DOMAIN, upstream=f"web-{1 + self._next % 2}:3000")

    def list_sites(self) -> float:
        """List the sites by the bare playbook."""
        return self.playbook("flowbiz.vsa.site.list")

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


def measure(bench: Bench, audit: AuditBench, rounds: int) -> list[Row]:
    """Measure every row and judge it."""
    # Row, command, what it is a multiple of (None: seconds), goal.
    plan: list[tuple[str, Callable[[], float], str | None, float | None]] = [
        ("ping (P)", bench.ping, None, None),
        ("site provision, valid certificate", bench.provision_changed, "ping (P)", 3.0),
        ("site provision, no change", bench.provision_unchanged, "ping (P)", 2.5),
        ("site list", bench.list_sites, "ping (P)", 1.5),
        ("vsa site list", bench.vsa_list, "site list", 1.3),
        ("vsa site provision, no change", bench.vsa_unchanged, "site provision, no change", 1.3),
        ("vsa --help", bench.vsa_help, None, 0.25),
        ("200 tasks, not recorded", audit.bare, None, None),
        ("200 tasks, recorded", audit.audited, "200 tasks, not recorded", 1.03),
        ("vsa audit list, 100,000 records", audit.listed, None, 0.4),
        ("vsa audit verify, 100,000 records", audit.verified, None, 0.4),
    ]
    taken: dict[str, list[float]] = {name: [] for name, *_ in plan}
    for number in range(rounds + 1):
        # The first round does not count: it warms caches and the connection, and makes the site and its certificate.
        print(f"bench: round {number} of {rounds}" if number else "bench: warming up", flush=True)
        for name, command, *_ in plan:
            seconds = command()
            if number:
                taken[name].append(round(seconds, 3))
    medians = {name: statistics.median(values) for name, values in taken.items()}
    return [
        Row(
            row=name,
            seconds=taken[name],
            median=round(medians[name], 3),
            measured=round(medians[name] / (medians[base] if base else 1), 2),
            unit=f"× {base}" if base else "s",
            goal=goal,
        )
        for name, _, base, goal in plan
    ]


def table(rows: list[Row]) -> str:
    """Return the rows as one table."""
    lines = [f"{'ROW':<36}{'MEDIAN':>9}  {'MEASURED':<36}{'GOAL':<8}VERDICT"]
    for row in rows:
        goal = "—" if row.goal is None else f"≤ {row.goal:g}"
        lines.append(f"{row.row:<36}{row.median:>7.2f} s  {f'{row.measured:.2f} {row.unit}':<36}{goal:<8}{row.verdict}")
    return "\n".join(lines)


def report(rows: list[Row], rounds: int) -> dict[str, object]:
    """Return what build/bench.json says: the rows, and on what they were measured."""
    return {
        "schema": 1,
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "rounds": rounds,
        "machine": {"cores": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version()},
        "rows": [{**dataclasses.asdict(row), "verdict": row.verdict} for row in rows],
    }


@contextlib.contextmanager
def rig_inventory(*, keep: bool) -> Iterator[Path]:
    """Bring up the rig's proxied VPS, or find it running, and hand out an inventory that names it."""
    sys.path.insert(0, str(ROOT / "tests/rig"))
    import rig

    vps = rig.proxy_host(VPS)
    vps.add_dns(DOMAIN)
    inventory = ROOT / "build/bench/hosts.yml"
    inventory.parent.mkdir(parents=True, exist_ok=True)
    vps.inventory(inventory)
    try:
        yield inventory
    finally:
        if not keep:
            vps.destroy()


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count (default: 5)")
    parser.add_argument(
        "--inventory", type=Path, help="measure this one host instead of the rig's: web-1 and web-2 run there"
    )
    parser.add_argument("--keep", action="store_true", help="leave the rig's VPS running, for another run")
    parser.add_argument("--strict", action="store_true", help="exit with 1 where a goal is missed")
    words = parser.parse_args()
    if words.rounds < 1:
        parser.error("--rounds is at least 1")
    given = contextlib.nullcontext(words.inventory.resolve()) if words.inventory else rig_inventory(keep=words.keep)
    with tempfile.TemporaryDirectory(prefix="vsa-bench-") as folder, contextlib.ExitStack() as stack:
        # What is measured is recorded as ever, but not in the caller's own audit trail.
        os.environ["XDG_STATE_HOME"] = str(Path(folder) / "state")
        inventory = stack.enter_context(given)
        playbook = Path(folder) / "ping.yml"
        playbook.write_text(PING, encoding="utf-8")
        print("bench: writing a trail of 100,000 records", flush=True)
        rows = measure(Bench(inventory, playbook), AuditBench(Path(folder)), words.rounds)
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
