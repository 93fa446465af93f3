# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trails of the controller and of a real host: both have one id at every door, and neither contains a secret."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.chain import verify
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import AuditRecord, parse_line
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import Places
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.trail import Trail

import rig

pytestmark = pytest.mark.rig

CANARY = "cAnArY-51f0b7e2"
Run = Callable[..., subprocess.CompletedProcess[str]]


@dataclass
class Both:
    """The trail of this controller, and of the host."""

    state: Path
    vps: rig.Vps

    def here(self) -> list[AuditRecord]:
        folder = self.state / "vsa"
        trail = Trail(Places(folder, folder, self.state / "spool"))
        assert verify(trail.lines()).problems == []
        return [parse_line(line) for _, _, line in trail.lines()]

    def there(self) -> list[AuditRecord]:
        text = self.vps.run("cat /var/log/vsa/audit.jsonl 2>/dev/null || true").stdout
        lines = [
            ("audit.jsonl", number, f"{line}\n".encode()) for number, line in enumerate(text.splitlines(), start=1)
        ]
        assert verify(lines).problems == []
        return [parse_line(line) for _, _, line in lines]

    def generation(self) -> dict[str, object]:
        text = self.vps.run("cat /srv/platform/reverse-proxy/data/nginx/current/generation.json").stdout
        return dict(json.loads(text))


@pytest.fixture
def both(proxy_vps: rig.Vps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Both]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    proxy_vps.run("rm -f /var/log/vsa/audit.jsonl")
    yield Both(tmp_path, proxy_vps)
    shutil.rmtree(Places.here({"XDG_STATE_HOME": str(tmp_path)}).spool, ignore_errors=True)


def provision(domain: str, container: str = "web-1") -> list[str]:
    return ["site", "provision", "--domain", domain, "--container", container, "--port", "3000", "--ca", "selfsigned"]


def test_a_change_leaves_one_id_in_both_trails_and_in_the_generation(both: Both, vsa: Run) -> None:
    both.vps.add_dns("audit.test")
    done = vsa(*provision("audit.test"), "--json", "--diff")
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)["audit_id"]
    assert [(record.id, record.kind) for record in both.here()] == [(said, "started"), (said, "finished")]
    assert both.generation()["audit_id"] == said
    changes = both.there()
    assert {record.id for record in changes} == {said}
    assert {record.kind for record in changes} == {"change"}
    assert {record.target for record in changes} == {"audit.test"}
    (proxy,) = [record for record in changes if "generation" in record.arguments]
    assert proxy.arguments["generation"] == both.generation()["number"]
    assert (proxy.verb, proxy.status, proxy.hosts) == (
        "site.provision",
        "ok",
        (both.vps.run("hostname").stdout.strip(),),
    )
    assert any("audit.test" in diff for change in proxy.generations for diff in change.diffs.values())
    finished = both.here()[-1]
    assert (finished.status, finished.changed, finished.target) == ("ok", True, "audit.test")
    # The host's record names the controller that made the change.
    assert proxy.controller.name == finished.controller.name
    assert proxy.actor.user == finished.actor.user
    assert proxy.controller.id != finished.controller.id


def test_what_changes_nothing_leaves_nothing_on_the_host(both: Both, vsa: Run) -> None:
    both.vps.add_dns("audit.test")
    vsa(*provision("audit.test"))
    before = len(both.there())
    assert vsa(*provision("audit.test")).returncode == 0
    assert vsa(*provision("audit.test", "web-2"), "--check").returncode == 0
    assert vsa("site", "list").returncode == 0
    assert len(both.there()) == before
    assert len(both.here()) == 8


def test_finding_5_a_rollback_names_the_sites_that_it_takes_off(both: Both, vsa: Run) -> None:
    for domain in ("audit.test", "bob.test"):
        both.vps.add_dns(domain)
    assert vsa(*provision("audit.test")).returncode == 0
    before = both.generation()["number"]
    assert vsa(*provision("bob.test", "web-2")).returncode == 0
    done = vsa("vhost", "rollback", "--to", str(before), "-y", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)["audit_id"]
    expected = (before + 1, before + 2, ("bob.test",), "live")
    for records in (both.here(), both.there()):
        (change,) = [change for record in records if record.id == said for change in record.generations]
        assert (change.before, change.after, change.removed, change.outcome) == expected
        assert "-domain: bob.test" in change.diffs["bob.test"].splitlines(), "the diff is there without --diff"
    records_before = [len(both.here()), len(both.there())]
    listed = [
        vsa("audit", "list", "--target", "bob.test", "--json"),
        vsa("audit", "list", "--on", both.vps.name, "--json"),
    ]
    here, there = (json.loads(found.stdout) for found in listed)
    assert [run["verb"] for run in here["audit"]["runs"]] == ["site.provision", "vhost.rollback"]
    runs = there["hosts"][both.vps.name]["runs"]
    assert [run["verb"] for run in runs][-2:] == ["site.provision", "vhost.rollback"]
    assert (runs[-1]["target"], runs[-1]["sites"], runs[-1]["apart"]) == (None, ["bob.test"], False)
    shown = vsa("audit", "show", said, "--on", both.vps.name)
    assert shown.returncode == 0, shown.stderr
    assert f"bob.test removed, generation {before + 1} → {before + 2}" in shown.stdout
    assert "-domain: bob.test" in shown.stdout
    assert [len(both.here()), len(both.there())] == records_before, "a reader must not make the trail grow"


def test_ansible_playbook_alone_has_the_same_id_everywhere(both: Both, playbook: Run) -> None:
    both.vps.add_dns("audit.test")
    container = "web-2:3000" if both.generation().get("verb") else "web-1:3000"
    for upstream in (container, "web-1:3000", "web-2:3000"):
        extra = {"domain": "audit.test", "upstream": upstream, "site_ca": "selfsigned"}
        done = playbook("flowbiz.vsa.site.provision", extra)
        assert done.returncode == 0, done.stdout + done.stderr
    last = both.here()[-1]
    assert last.verb == "site.provision"
    assert both.generation()["audit_id"] == last.id == both.there()[-1].id


def test_a_secret_reaches_neither_trail_nor_the_journal(both: Both, playbook: Run) -> None:
    both.vps.add_dns("audit.test")
    since = both.vps.run("date +%s").stdout.strip()
    extra = {"domain": "audit.test", "upstream": "web-1:3000", "site_ca": "selfsigned", "some_token": CANARY}
    playbook("flowbiz.vsa.site.provision", extra, words=["--diff"])
    refused = playbook("flowbiz.vsa.site.provision", {**extra, "upstream": "nothing-there:3000"})
    assert refused.returncode == 2
    playbook("flowbiz.vsa.stack.up", {"stack_name": "reverse-proxy", "stack_env": {"SOME_PASSWORD": CANARY}})
    assert [record.status for record in both.here() if record.kind == "finished"][:2] == ["ok", "refused"]
    journal = both.vps.run(["journalctl", "--no-pager", "--since", f"@{since}"]).stdout
    assert "ansible" in journal.lower() or "sshd" in journal.lower(), (
        "the journal of this time has something to be searched"
    )
    assert CANARY not in journal
    found = both.vps.run(f"grep -rls {CANARY} /var/log /var/lib/vsa /etc/vsa /srv /root /tmp || true").stdout.split()
    # Every change has its diff now, so the trail is searched for more than the steps.
    assert [change for record in both.there() for change in record.generations]
    # The environment of the stack is in its own file, in the version that runs, and in the one that a rollback needs.
    assert {Path(file).name for file in found} <= {".env", "version.json", "good.json"}, found
    assert {both.vps.run(["stat", "-c", "%a", file]).stdout.strip() for file in found} <= {"600", "640"}
    written = [file for file in both.state.rglob("*") if file.is_file()]
    assert not [file for file in written if CANARY.encode() in file.read_bytes()]


def test_a_stack_down_and_up_is_in_the_host_s_trail(both: Both, vsa: Run) -> None:
    assert vsa("stack", "down", "reverse-proxy", "-y").returncode == 0
    down = [record for record in both.there() if record.verb == "stack.down"]
    assert [(record.kind, record.target, record.status) for record in down] == [("change", "reverse-proxy", "ok")]
    assert vsa("stack", "up", "reverse-proxy").returncode == 0
    up = [record for record in both.there() if record.verb == "stack.up"]
    assert {record.target for record in up} == {"reverse-proxy"}
    finished = {record.verb: record.id for record in both.here() if record.kind == "finished"}
    assert down[0].id == finished["stack.down"]
    assert {record.id for record in up} == {finished["stack.up"]}


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
MOMENTS = (0.15, 0.9, 2.0)
# Each signal and each moment once; `make test-long` takes all of them.
OFTEN = {(signal.SIGINT, 0.15), (signal.SIGTERM, 2.0), (signal.SIGHUP, 0.9), (signal.SIGKILL, 0.9)}


@pytest.mark.parametrize(
    ("number", "after"),
    [
        pytest.param(number, after, marks=() if (number, after) in OFTEN else pytest.mark.long)
        for number in SIGNALS
        for after in MOMENTS
    ],
)
def test_the_wrapper_is_ended_at_any_moment(both: Both, vsa: Run, number: signal.Signals, after: float) -> None:
    both.vps.add_dns("audit.test")
    inventory = both.state / "hosts.yml"
    both.vps.inventory(inventory)
    command = [str(Path(sys.executable).parent / "vsa"), "-i", str(inventory), *provision("audit.test", "web-2")]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=rig.ROOT, env=dict(os.environ)
    )
    time.sleep(after)
    process.send_signal(number)
    process.wait(60)
    # If the wrapper was killed, Ansible continues until its next line of output.
    deadline = time.monotonic() + 60
    while any((both.state / "vsa/audit-runs").glob("*")) and time.monotonic() < deadline:
        assert vsa("site", "list").returncode == 0
    by_run: dict[str, list[str]] = {}
    for record in both.here():
        by_run.setdefault(record.id, []).append(record.kind)
    assert set(map(tuple, by_run.values())) <= {("started", "finished")}
