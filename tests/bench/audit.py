"""The cost of the audit trail: a run of 200 tasks with and without the trail, and the verbs over 100,000 records."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
TASKS = 200
RECORDS = 100_000

# The worst case: the cheapest tasks of Ansible, and each of them reports a change.
TASK = """
    - name: Task {number}
      ansible.builtin.debug:
        msg: "{number}"
      changed_when: true
"""


class AuditBench:
    """The commands to measure, with a trail and a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        tasks = "".join(TASK.format(number=number) for number in range(TASKS))
        play = f"- name: Do much\n  hosts: all\n  gather_facts: false\n  tasks:\n{tasks}"
        (folder / "tasks.yml").write_text(play, encoding="utf-8")
        (folder / "local.yml").write_text("all: {hosts: {here: {ansible_connection: local}}}\n", encoding="utf-8")
        common = f"[defaults]\ncollections_path = {ROOT}/collections\n"
        (folder / "bare.cfg").write_text(common, encoding="utf-8")
        (folder / "audited.cfg").write_text(f"{common}callbacks_enabled = flowbiz.vsa.audit\n", encoding="utf-8")
        self._env = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "VSA_", "XDG_"))},
            "PATH": f"{BIN}:{os.environ['PATH']}",
        }
        _fill(folder / "many/vsa/audit.jsonl")
        self._timed("many", "vsa", "audit", "rebuild")

    def _timed(self, state: str, *command: str, config: str | None = None) -> float:
        env = self._env | {"XDG_STATE_HOME": str(self._folder / state)}
        env |= {"ANSIBLE_CONFIG": str(self._folder / config)} if config else {}
        began = time.monotonic()
        done = subprocess.run(
            command, cwd=self._folder, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300
        )
        seconds = time.monotonic() - began
        if done.returncode != 0:
            raise SystemExit(f"bench: {' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return seconds

    def bare(self) -> float:
        """Run the tasks without the callback."""
        return self._timed("one", "ansible-playbook", "-i", "local.yml", "tasks.yml", config="bare.cfg")

    def audited(self) -> float:
        """Run the tasks with the callback."""
        return self._timed("one", "ansible-playbook", "-i", "local.yml", "tasks.yml", config="audited.cfg")

    def listed(self) -> float:
        """List the last runs of many."""
        return self._timed("many", "vsa", "audit", "list", "--host", "vps-07", "--since", "2026-03-01")

    def verified(self) -> float:
        """Check the chain of all records."""
        return self._timed("many", "vsa", "audit", "verify")


def _fill(path: Path) -> None:
    """Write a trail of 100,000 records, as runs that change a site write them."""
    sys.path[:0] = [str(ROOT / "collections"), str(ROOT / "tests/support")]
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import (
        GENESIS,
        Counts,
        TaskChange,
        closing,
        content_of,
        seal,
    )

    from audit_records import record

    path.parent.mkdir(parents=True)
    before = GENESIS
    with path.open("w", encoding="ascii") as stream:
        for number in range(RECORDS // 2):
            day = f"2026-{1 + number // 5000:02}-{1 + number // 200 % 28:02}"
            host = f"vps-{number % 30:02}"
            first = record(
                number,
                time=f"{day}T{number // 10 % 24:02}:{number % 60:02}:00.000000Z",
                arguments={"site_domain": "shop.example.com", "site_container": "web-1", "site_port": 3000},
            )
            last = closing(
                first,
                time=first.time,
                status="ok",
                hosts=(host,),
                duration=2.0,
                counts={host: Counts(4, 1)},
                changes=(TaskChange(host, "Change the proxy", "flowbiz.vsa.vhost"),),
            )
            for found in (first, last):
                line = seal(found, before)
                before = content_of(line)[1]
                stream.write(f"{line}\n")
