"""The callback in real runs of ansible-playbook on this machine: what it records, and that every run is closed once."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.chain import verify
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import AuditRecord, parse_line
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.index import Index
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import Places
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.trail import Trail

ROOT = Path(__file__).parents[4]
CANARY = "cAnArY-7f3a9b"

PLAY = """
- name: Work
  hosts: all
  gather_facts: false
  tasks:
"""
WRITE = """
    - name: Write {{ secret_thing | default('nothing') }}
      ansible.builtin.copy:
        content: "password: hunter2hunter2\\n{{ secret_thing | default('x') }}\\n"
        dest: "{{ playbook_dir }}/written"
        mode: "0600"
"""
PROBE = """
from ansible.plugins.action import ActionBase
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.attribution import run_options

class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        return run_options(self._task.args, task_vars, verb="probe")
"""
SLEEP = """
    - name: Say that the result of the task before is known
      ansible.builtin.copy:
        content: ""
        dest: "{{ playbook_dir }}/asleep"
        mode: "0600"
      changed_when: false
    - name: Take a while
      ansible.builtin.pause:
        seconds: 20
"""


class Door:
    """A directory with an inventory, and what runs of ansible-playbook in it leave behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        host = f"{{ansible_connection: local, ansible_python_interpreter: {sys.executable}}}"
        gone = "{ansible_host: 127.0.0.1, ansible_port: 1, ansible_connection: ssh}"
        (folder / "hosts.yml").write_text(f"all: {{hosts: {{h1: {host}, h2: {host}}}}}\n")
        (folder / "gone.yml").write_text(f"all: {{hosts: {{h1: {host}, gone: {gone}}}}}\n")
        (folder / "ansible.cfg").write_text(
            f"[defaults]\ncallbacks_enabled = flowbiz.vsa.audit\ncollections_path = {ROOT}/collections\n"
        )
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "XDG_STATE_HOME": str(folder / "state"),
            "ANSIBLE_NOCOLOR": "1",
        }

    @property
    def trail(self) -> Trail:
        state = self.folder / "state/vsa"
        return Trail(Places(state, state, self.folder / "spool"))

    def play(self, tasks: str, name: str = "play.yml") -> str:
        (self.folder / name).write_text(PLAY + tasks)
        return name

    def start(self, *words: str, inventory: str = "hosts.yml", **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["ansible-playbook", "-i", inventory, *words],
            cwd=self.folder,
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: str, **named: str) -> tuple[int, str]:
        process = self.start(*words, **named)
        output, _ = process.communicate(timeout=120)
        return process.returncode, output

    def records(self) -> list[AuditRecord]:
        return [parse_line(line) for _, _, line in self.trail.lines()]

    def ends(self) -> list[str]:
        return [record.status for record in self.records() if record.kind == "finished"]

    def assert_each_is_closed_once(self) -> None:
        records = self.records()
        assert verify(self.trail.lines()).problems == []
        kinds = Counter((record.id, record.kind) for record in records)
        assert set(kinds.values()) <= {1}
        started = {record.id for record in records if record.kind == "started"}
        assert {record.id for record in records if record.kind == "finished"} == started


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    made = Door(tmp_path)
    yield made
    # A worker of Ansible has a session of its own, and outlives a run that was killed.
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink() == tmp_path:
                os.kill(int(process.name), signal.SIGKILL)
    # What a run kept back for want of a place: see Places.spool.
    shutil.rmtree(Places.here(made.environment).spool, ignore_errors=True)


def test_a_run_that_changes_something(door: Door) -> None:
    code, output = door.run(
        "--diff", "-l", "h1", "-e", f"secret_thing={CANARY}", "-e", "domain=a.example.com", door.play(WRITE)
    )
    assert code == 0, output
    assert "[WARNING]" not in output
    started, finished = door.records()
    assert started.id == finished.id
    assert (started.kind, started.status, started.hosts) == ("started", "started", ())
    assert (finished.verb, finished.target, finished.playbook) == ("playbook", "a.example.com", "play.yml")
    assert finished.arguments == {"domain": "a.example.com", "limit": "h1", "secret_thing": "***"}
    assert (finished.status, finished.hosts, finished.check) == ("ok", ("h1",), False)
    assert finished.counts["h1"].changed == 1
    (change,) = finished.changes
    assert (change.host, change.action) == ("h1", "ansible.builtin.copy")
    assert change.task == "Write {{ secret_thing | default('nothing') }}", "not templated: a value may be in it"
    assert change.diff is not None
    assert "+password: ***" in change.diff
    assert finished.duration is not None
    assert 0 < finished.duration < 60
    for file in [*door.folder.joinpath("state").rglob("*")]:
        assert not file.is_file() or CANARY.encode() not in file.read_bytes(), file
    assert [row.status for row in Index(door.trail.places).runs()] == ["ok"]


def test_no_log_hides_the_diff(door: Door) -> None:
    tasks = WRITE + "      no_log: true\n"
    door.run("--diff", "-l", "h1", "-e", f"secret_thing={CANARY}", door.play(tasks))
    assert [change.diff for change in door.records()[-1].changes] == [None]


def test_check_mode(door: Door) -> None:
    door.run("--check", door.play(WRITE))
    last = door.records()[-1]
    assert (last.check, last.changed) == (True, True)


@pytest.mark.parametrize(
    ("message", "status", "error"),
    [
        ("refused: there is no such thing", "refused", "there is no such thing"),
        ("rolled back: it did not start", "failed", "it did not start"),
        ("not rolled back: half done", "not_put_back", "half done"),
        (CANARY, "failed", "ansible.builtin.fail failed in the task 'Fail'"),
    ],
)
def test_a_run_that_fails(door: Door, message: str, status: str, error: str) -> None:
    code, _ = door.run(
        "-l", "h1", door.play(f"\n    - name: Fail\n      ansible.builtin.fail:\n        msg: '{message}'\n")
    )
    assert code == 2
    last = door.records()[-1]
    assert (last.status, last.error) == (status, f"h1: {error}")
    assert CANARY not in door.trail.places.log.read_text()


def test_words_of_another_program_do_not_decide_how_a_run_ended(door: Door) -> None:
    """A module whose message begins as a refusal does: the run failed, and the words stand nowhere."""
    module = door.folder / "library/foreign.py"
    module.parent.mkdir()
    module.write_text('# WANT_JSON\nimport json\nprint(json.dumps({"failed": True, "msg": "refused: believe this"}))\n')
    code, _ = door.run("-l", "h1", "-M", str(module.parent), door.play("\n    - name: Fail\n      foreign:\n"))
    assert code == 2
    last = door.records()[-1]
    assert (last.status, last.error) == ("failed", "h1: foreign failed in the task 'Fail'")


def test_a_failure_that_was_rescued_or_ignored_is_none(door: Door) -> None:
    tasks = """
    - name: Try
      block:
        - name: Fail
          ansible.builtin.fail:
      rescue:
        - name: Go on
          ansible.builtin.debug:
    - name: Fail again
      ansible.builtin.fail:
      ignore_errors: true
"""
    code, _ = door.run(door.play(tasks))
    assert code == 0
    assert (door.ends(), door.records()[-1].error) == (["ok"], None)


def test_a_loop_is_one_change_with_all_of_its_diffs(door: Door) -> None:
    tasks = """
    - name: Write several
      ansible.builtin.copy:
        content: "{{ item }}\\n"
        dest: "{{ playbook_dir }}/{{ inventory_hostname }}-{{ item }}"
        mode: "0600"
      loop: [one, two]
"""
    door.run("--diff", "-l", "h1", door.play(tasks))
    (change,) = door.records()[-1].changes
    assert change.diff is not None
    assert "+one" in change.diff
    assert "+two" in change.diff


def test_a_host_that_cannot_be_reached(door: Door) -> None:
    code, _ = door.run(door.play("\n    - name: Ping\n      ansible.builtin.ping:\n"), inventory="gone.yml")
    assert code == 4
    last = door.records()[-1]
    assert (last.status, set(last.hosts)) == ("unreachable", {"h1", "gone"})
    assert last.counts["gone"].unreachable == 1
    assert str(last.error).startswith("gone: ")
    door.assert_each_is_closed_once()


def test_an_inventory_without_hosts_at_our_own_playbook(door: Door) -> None:
    (door.folder / "none.yml").write_text("all: {hosts: {}}\n")
    code, output = door.run("flowbiz.vsa.site.list", inventory="none.yml")
    assert code == 4
    assert "the inventory has no hosts" in output
    last = door.records()[-1]
    assert (last.verb, last.playbook, last.status) == ("site.list", "flowbiz.vsa.site.list", "usage_error")


def test_a_mistyped_variable_is_a_usage_error_of_its_verb(door: Door) -> None:
    code, output = door.run("-e", "domian=a.example.com", "-e", "upstream=web-1:3000", str(ROOT / "site.yml"))
    assert code == 4
    assert output.count("VSA has no variable domian: did you mean domain?") == 1
    last = door.records()[-1]
    assert (last.verb, last.status) == ("site.provision", "usage_error")
    assert last.error == "VSA has no variable domian: did you mean domain?"
    door.assert_each_is_closed_once()


def test_our_playbooks_have_their_verb_by_every_name(door: Door) -> None:
    words = ["-l", "h1", "-e", "domain=a.example.com", "-e", "upstream=web-1:3000"]
    for name in ("flowbiz.vsa.site.provision", str(ROOT / "site.yml"), str(ROOT / "playbooks/site/provision.yml")):
        door.run(*words, name)
    finished = [record for record in door.records() if record.kind == "finished"]
    assert [record.verb for record in finished] == ["site.provision"] * 3
    assert [record.target for record in finished] == ["a.example.com"] * 3
    door.assert_each_is_closed_once()


@pytest.mark.parametrize("verb", [("audit.list",), ("audit.show", "-e", "audit_run=01a20d5b")])
def test_a_playbook_that_reads_a_trail_leaves_no_record(door: Door, verb: tuple[str, ...]) -> None:
    code, output = door.run("-l", "gone", f"flowbiz.vsa.{verb[0]}", *verb[1:], inventory="gone.yml")
    assert code == 4, output
    assert door.records() == []
    assert not list((door.folder / "state").rglob("audit-runs/*"))


def test_the_id_of_the_record_reaches_the_modules(door: Door) -> None:
    # An action plugin beside the playbook: it runs in a forked worker, as ours do, and returns what ours hand over.
    (door.folder / "action_plugins").mkdir()
    (door.folder / "action_plugins/probe.py").write_text(PROBE)
    tasks = """
    - name: Ask what our modules are given
      probe:
      register: said
    - name: Keep it
      ansible.builtin.copy:
        content: "{{ said.audit_id }}"
        dest: "{{ playbook_dir }}/id"
        mode: "0600"
"""
    said = "01936f00-0000-7000-8000-000000000001"
    for extra in ([], ["-e", f"vsa_audit_id={said}"]):
        code, output = door.run("-l", "h1", *extra, door.play(tasks))
        assert code == 0, output
        assert "no audit record" not in output
        assert (door.folder / "id").read_text() == door.records()[-1].id
    assert door.records()[-1].id == said
    assert door.records()[0].id != said


def test_where_the_callback_is_not_enabled_our_modules_warn(door: Door) -> None:
    (door.folder / "ansible.cfg").write_text(f"[defaults]\ncollections_path = {ROOT}/collections\n")
    tasks = "\n    - name: Ask\n      flowbiz.vsa.site:\n        domain: 'not a domain'\n      failed_when: false\n"
    _, output = door.run("-l", "h1", door.play(tasks))
    assert output.count("leaves no audit record") == 1
    assert door.records() == []


def test_several_playbooks_in_one_call(door: Door) -> None:
    said = "01936f00-0000-7000-8000-000000000001"
    code, output = door.run(
        *("-l", "h1", "-e", f"vsa_audit_id={said}"), door.play(WRITE, "a.yml"), door.play(WRITE, "b.yml")
    )
    assert code == 0, output
    door.assert_each_is_closed_once()
    finished = [record for record in door.records() if record.kind == "finished"]
    assert [record.playbook for record in finished] == ["a.yml", "b.yml"]
    assert [record.counts["h1"].changed for record in finished] == [1, 0]


def test_an_error_that_is_no_task_s(door: Door) -> None:
    # The second play names a variable that does not exist: Ansible stops without its statistics.
    (door.folder / "play.yml").write_text(PLAY + WRITE + "\n- name: Broken\n  hosts: '{{ nothing_of_that_name }}'\n")
    code, _ = door.run("-l", "h1", "play.yml")
    assert code != 0
    assert door.ends() == ["interrupted"]
    assert door.records()[-1].changed
    door.assert_each_is_closed_once()


def test_a_playbook_that_does_not_parse_is_not_ours_to_record(door: Door) -> None:
    (door.folder / "play.yml").write_text("- hosts: all\n  tasks: [: }\n")
    code, _ = door.run("play.yml")
    assert code == 4
    assert door.records() == []  # the callback is not loaded; by the other door the wrapper records it


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_in_the_middle(door: Door, number: signal.Signals) -> None:
    process = door.start("-l", "h1", door.play(WRITE + SLEEP))
    wait_until((door.folder / "asleep").exists)
    os.killpg(process.pid, number)
    process.communicate(timeout=60)
    door.run("-l", "h1", door.play(WRITE, "next.yml"))
    first = [record for record in door.records() if record.playbook == "play.yml"]
    assert [(record.kind, record.status) for record in first] == [("started", "started"), ("finished", "interrupted")]
    assert first[-1].hosts == ("h1",)
    assert len(first[-1].changes) == 1, "what was changed until then is in the record"
    door.assert_each_is_closed_once()


@pytest.mark.parametrize("seed", range(6))
def test_a_signal_at_any_moment(door: Door, seed: int) -> None:
    chance = random.Random(seed)
    process = door.start(door.play(WRITE * 3))
    time.sleep(chance.uniform(0.3, 3.0))
    os.killpg(process.pid, chance.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL]))
    process.communicate(timeout=60)
    code, output = door.run("-l", "h1", door.play(WRITE, "next.yml"))
    assert code == 0, output
    door.assert_each_is_closed_once()
    assert door.ends()[-1] == "ok"


def test_a_trail_that_cannot_be_written_warns_once_and_fails_nothing(door: Door) -> None:
    (door.folder / "state").write_text("a file")
    code, output = door.run("-l", "h1", door.play(WRITE))
    assert code == 0
    assert output.count("the record waits in ") == 1
    assert not [line for line in output.splitlines() if "Traceback" in line or "Callback dispatch" in line]


@pytest.mark.parametrize("damage", ["rubbish", "locked", "directory"])
def test_an_index_that_is_broken_fails_nothing(door: Door, damage: str) -> None:
    import sqlite3

    places = door.trail.places
    places.make()
    held = None
    if damage == "rubbish":
        places.database.write_bytes(b"no database" * 1000)
    elif damage == "directory":
        places.database.mkdir()
    else:
        Index(places).catch_up()
        held = sqlite3.connect(places.database, isolation_level=None)
        held.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    code, output = door.run("-l", "h1", door.play(WRITE))
    assert code == 0, output
    assert "WARNING" not in output
    assert time.monotonic() - began < 30
    assert door.ends() == ["ok"]
    if held is not None:
        held.close()
    if damage != "directory":
        assert Index(places).catch_up()
        assert len(Index(places).runs()) == 1


def wait_until(done: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_line_is_json_that_others_can_read(door: Door) -> None:
    door.run("-l", "h1", door.play(WRITE))
    for line in door.trail.places.log.read_text().splitlines():
        assert json.loads(line)["schema"] == 1
