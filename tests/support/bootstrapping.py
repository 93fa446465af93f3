"""Run flowbiz.vsa.bootstrap against a VPS of the rig, and inspect the result."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import rig

__all__ = ["ROOT", "Outcome", "bootstrap", "cut_off_daemon_change", "daemon_json", "json_of", "outcome_of"]

ROOT = Path(__file__).resolve().parents[2]
_ANSIBLE = Path(sys.executable).parent / "ansible-playbook"

#: Where nothing may be written by a run that only looks. Logs of the login itself lie elsewhere.
WATCHED = "/etc /srv /usr /opt /home /root /var/lib /var/cache"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One run of the playbook on one host: exit code, changed tasks, messages. ``text`` is shown if a test fails."""

    code: int
    changed: tuple[str, ...]
    failed: tuple[str, ...]
    said: tuple[str, ...]
    diffs: str
    text: str

    @property
    def message(self) -> str:
        """The message for the operator: the last failure of the host. Earlier failures were rescued."""
        return self.failed[-1] if self.failed else ""


def bootstrap(
    vps: rig.Vps,
    *,
    user: str = "root",
    check: bool = False,
    variables: Mapping[str, object] | None = None,
) -> Outcome:
    """Run the playbook over SSH, with ``--diff``; ``variables`` are extra vars."""
    with tempfile.TemporaryDirectory() as folder:
        inventory = vps.inventory(Path(folder) / "hosts.yml", user=user)
        extra = Path(folder) / "extra.json"
        extra.write_text(json.dumps(dict(variables or {})))
        argv = [str(_ANSIBLE), "-i", str(inventory), "-e", f"@{extra}", "--diff", "flowbiz.vsa.bootstrap"]
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        }
        done = subprocess.run(
            argv + ["--check"] * check, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=420
        )
    return outcome_of(done.returncode, done.stdout, vps.name, done.stderr)


def outcome_of(code: int, stdout: str, host: str, stderr: str = "") -> Outcome:
    """Read what the callback ``ansible.posix.json`` printed about one host."""
    results = [(task, result) for task, name, result in _results(stdout) if name == host]
    return Outcome(
        code=code,
        changed=tuple(task for task, result in results if result.get("changed")),
        failed=tuple(str(result.get("msg")) for _, result in results if result.get("failed")),
        said=tuple(
            str(result["msg"]) for _, result in results if "msg" in result and result["action"].endswith("debug")
        ),
        diffs=json.dumps([result["diff"] for _, result in results if result.get("diff")]),
        text=f"{stdout[-6000:]}\n{stderr[-4000:]}",
    )


def _results(stdout: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (task, host, result) of each task; nothing if Ansible did not start."""
    if "{" not in stdout:
        return
    document = json.loads(stdout[stdout.index("{") :])
    for play in document["plays"]:
        for task in play["tasks"]:
            for host, result in task["hosts"].items():
                yield task["task"]["name"].removeprefix("flowbiz.vsa.bootstrap : "), host, result


def json_of(vps: rig.Vps, command: str) -> Any:
    """Return the JSON output of a command on the host."""
    return json.loads(vps.run(command).stdout)


def daemon_json(vps: rig.Vps) -> dict[str, Any]:
    """The engine's configuration file."""
    return dict(json_of(vps, "cat /etc/docker/daemon.json"))


def watched(vps: rig.Vps) -> str:
    """Every file that a run with --check must not touch, with times, size and mode; one line per file."""
    # A log that the engine itself writes in one of these places is not a trace of the run.
    listing = vps.run(
        f"find {WATCHED} -xdev \\( -name .ansible -o -path /var/lib/docker"
        r" -o -path /var/lib/containerd -o -path /var/lib/systemd -o -name lastlog2.db\* \) -prune"
        r" -o \( -type f -o -type l \) -printf '%p %T@ %C@ %s %m\n'"
    )
    return "\n".join(sorted(listing.stdout.splitlines()))


def cut_off_daemon_change(vps: rig.Vps, changes: Mapping[str, object]) -> None:
    """Leave the host as a run that was killed after it wrote a daemon.json that the engine refuses."""
    kept = vps.run("cat /etc/docker/daemon.json").stdout
    vps.put("/etc/docker/daemon.json.vsa-old", kept)
    vps.put("/etc/docker/daemon.json", json.dumps({**json.loads(kept), **changes}))
    # systemd gives up after three failed starts, and refuses the next one.
    vps.run("for try in 1 2 3 4; do systemctl restart docker; done; true", check=False)
