"""Every verb and every playbook leaves one complete record, and no secret anywhere.

The host cannot be reached, so that every run is short. What the verbs leave on a real host, its journal too, is tested
in tests/integration/test_audit.py.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.chain import verify
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.query import TRAIL_VERBS
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import AuditRecord, parse_line
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.version import VERSION
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import Places
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.trail import Trail
from click.testing import CliRunner

import vsa_tree
from vsa.ansible.report import Report
from vsa.ansible.run import Run
from vsa.cli import cli

CANARY = "cAnArY-9d2e81c4"
# A file with the token of a node that no hub has: its form is all that the verbs look at before they ask a host.
TOKEN_FILE = str(vsa_tree.ROOT / "tests/contracts/token-of-nobody")
BIN = Path(sys.executable).parent

# Verbs without a record, each with its reason.
EXEMPT = {
    "completion": "prints a shell script",
    "help": "prints help",
    "init": "writes an example into a new directory, and concerns no host",
    "stack new": "writes an example into a new directory, and concerns no host",
    "audit list": "the trail itself",
    "audit show": "the trail itself",
    "audit verify": "the trail itself",
    "audit rebuild": "the trail itself",
    "audit ship": "the trail itself",
    "vps list": "reads the inventory, and changes nothing; with --live the record is that of host.ping",
    "vps remove": "changes the inventory of the other rows; wrapper/tests/verbs/test_vps.py looks at its record",
    "agent rotate": "runs on the hub, which this inventory lacks; by its playbook it leaves a record",
    "agent revoke": "runs on the hub, which this inventory lacks; by its playbook it leaves a record",
}
# Playbooks that do one half of a verb: the half at the hub. The wrapper's record is about the inventory, or is exempt.
HALVES = ("vps add", "vps remove", "agent rotate", "agent revoke")
# What the test types for a verb if the first example of the verb's help does not work here, each with its reason.
WORDS = {
    # The example reads the token from a file of the operator's.
    "agent register": ["--hub-url", "https://dashboard.example.com", "--token-file", TOKEN_FILE],
    # The example asks for a password.
    "auth add": ["--domain", "shop.example.com", "--user", "alice", "--generate"],
    # The address of the example belongs to nobody, and so waits for an answer; this one refuses at once.
    "vps add": ["--id", "vps-04", "--hostname", "vps-04.example.com", "--ip", "127.0.0.1", "--port", "3"],
}
# The extra variables at Ansible's door if they differ from the wrapper's: the short names, and files of the controller.
EXTRA: dict[str, dict[str, Any]] = {
    "vps add": {
        "hub_node": "vps-04",
        "hub_hostname": "vps-04.example.com",
        "hub_address": "203.0.113.9",
        "hub_token_file": "token",
    },
    "vps remove": {"hub_node": "vps-04"},
    "agent rotate": {"hub_node": "vps-04", "hub_token_file": "token"},
    "agent revoke": {"hub_node": "vps-04"},
    # Without --on these verbs read the trail of this machine, and make no run.
    "audit list": {},
    "audit show": {"audit_run": "01a20d5b"},
    "site provision": {"domain": "shop.example.com", "upstream": "web-1:3000"},
    "site unprovision": {"domain": "shop.example.com"},
    "site maintenance": {"domain": "shop.example.com", "maintenance": "on"},
    "cert issue": {"domain": "shop.example.com"},
    "cert revoke": {"domain": "old.example.com"},
    "auth add": {"domain": "shop.example.com", "auth_user": "alice", "auth_password_file": "/proc/sys/kernel/ostype"},
    "auth remove": {"domain": "shop.example.com", "auth_user": "alice"},
}
# Options of the examples that the test leaves out (which host, in which way), with the number of their words.
WAYS = {"-i": 2, "--inventory": 2, "-l": 2, "--limit": 2, "--local": 1, "--check": 1, "--diff": 1, "--json": 1, "-y": 1}


def verbs() -> list[str]:
    """Return every verb of the command line."""
    found = []
    for noun, command in cli.commands.items():
        if isinstance(command, click.Group):
            found += [f"{noun} {verb}" for verb in command.commands]
        else:
            found.append(noun)
    return [verb for verb in found if verb not in EXEMPT]


def typed(verb: str) -> list[str]:
    """Return the words that are typed after a verb: the first example in its help, and -y."""
    if verb in WORDS:
        return WORDS[verb]
    command: Any = cli
    for name in verb.split():
        command = command.commands[name]
    words = shlex.split(command.examples[0].partition(" > ")[0])[1 + len(verb.split()) :]
    kept = []
    while words:
        count = WAYS.get(words[0], 0)
        kept += [] if count else [words[0]]
        words = words[count or 1 :]
    return [*kept, "-y"]


def handed_over(verb: str) -> Mapping[str, Any]:
    """Return the extra variables of a verb: a row of EXTRA, else what the wrapper makes of the typed words."""
    if verb in EXTRA:
        return EXTRA[verb]
    performed: list[Run] = []
    module = importlib.import_module(f"vsa.verbs.{verb.split()[0]}")

    def keep(_context: Any, _spec: Any, run: Run, **_subject: Any) -> int:
        performed.append(run)
        return 0

    def keep_report(_context: Any, _spec: Any, run: Run, **_subject: Any) -> Report:
        performed.append(run)
        return Report()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "perform", keep)
        if hasattr(module, "performed"):
            patch.setattr(module, "performed", keep_report)
        CliRunner().invoke(cli, [*verb.split(), "--local", *typed(verb)], catch_exceptions=False)
    assert performed, f"`vsa {verb} {shlex.join(typed(verb))}` makes no run: give the verb a row in WORDS or EXTRA"
    return performed[0].extravars


PLAYBOOKS = vsa_tree.verbs()


@dataclass
class Runs:
    """The trail and the output of all runs together."""

    folder: Path
    ended: dict[tuple[str, str], subprocess.CompletedProcess[str]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    @property
    def records(self) -> list[AuditRecord]:
        return [parse_line(line) for _, _, line in self.trail.lines()]

    @property
    def trail(self) -> Trail:
        state = self.folder / "state/vsa"
        return Trail(Places(state, state, self.folder / "spool"))

    def of(self, verb: str, door: str) -> list[AuditRecord]:
        # The limit distinguishes the runs of the wrapper from the runs of ansible-playbook.
        said = "vps-w" if door == "vsa" else "vps-p"
        return [r for r in self.records if r.verb == verb.replace(" ", ".") and r.arguments.get("limit") == said]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("audit")
    gone = "{ansible_host: 127.0.0.1, ansible_port: 1, some_token: " + CANARY + "}"
    other = gone.replace("ansible_port: 1", "ansible_port: 2")
    (folder / "hosts.yml").write_text(f"all: {{hosts: {{vps-w: {gone}, vps-p: {other}}}}}\n")
    (folder / "secrets.yml").write_text(f"some_password: {CANARY}\nstack_env: {{DB_PASSWORD: {CANARY}}}\n")
    found = Runs(folder)
    environment = {
        **{key: os.environ[key] for key in ("LANG", "USER") if key in os.environ},
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
        "ANSIBLE_CONFIG": str(vsa_tree.ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(vsa_tree.ROOT / "collections"),
        "TMPDIR": str(folder / "tmp"),
        "VSA_UNRELATED_TOKEN": "not for Ansible",
    }
    (folder / "tmp").mkdir()

    extravars = {verb: handed_over(verb) for verb in PLAYBOOKS}

    def call(verb: str, door: str) -> None:
        if door == "vsa":
            words = ["vsa", *verb.split(), "-i", "hosts.yml", "-l", "vps-w", *typed(verb)]
        else:
            extra = ["-e", json.dumps(dict(extravars[verb])), "-e", "yes=true"]
            name = "flowbiz.vsa." + verb.replace(" ", ".").replace("-", "_")
            words = ["ansible-playbook", "-i", "hosts.yml", "-l", "vps-p", "-e", "@secrets.yml", *extra, name]
        found.ended[verb, door] = subprocess.run(
            words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
        )

    watching = threading.Event()
    watcher = threading.Thread(target=watch, args=(watching, found.seen))
    watcher.start()
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(call, verb, "vsa") for verb in verbs()]
        jobs += [pool.submit(call, verb, "playbook") for verb in PLAYBOOKS]
        for job in jobs:
            job.result()
    watching.set()
    watcher.join()
    return found


def watch(ended: threading.Event, seen: set[str]) -> None:
    """Search the arguments and the environment of every process for the secret, ten times a second."""
    wanted = CANARY.encode()
    while not ended.is_set():
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                for name in ("cmdline", "environ"):
                    try:
                        data = (process / name).read_bytes()
                    except OSError:
                        continue
                    if wanted in data:
                        seen.add(f"{name} of {data[:200]!r}")
        time.sleep(0.1)


def test_the_lists_above_are_of_verbs_that_exist() -> None:
    known = {*verbs(), *EXEMPT}
    assert {*EXEMPT, *WORDS, *EXTRA} <= known
    assert verbs()
    assert PLAYBOOKS


@pytest.mark.parametrize("verb", verbs())
def test_a_verb_leaves_one_record(runs: Runs, verb: str) -> None:
    ended = runs.ended[verb, "vsa"]
    assert ended.returncode == 5, f"{ended.stdout}\n{ended.stderr}"
    assert [(r.kind, r.status) for r in runs.of(verb, "vsa")] == [("started", "started"), ("finished", "unreachable")]


@pytest.mark.parametrize("verb", list(PLAYBOOKS))
def test_a_playbook_leaves_the_same_record(runs: Runs, verb: str) -> None:
    ended = runs.ended[verb, "playbook"]
    assert ended.returncode == 4, f"{ended.stdout}\n{ended.stderr}"
    found = runs.of(verb, "playbook")
    if verb.replace(" ", ".") in TRAIL_VERBS:
        assert not found, "a reader must not make the trail grow that it reads"
        return
    assert [(r.kind, r.status) for r in found] == [("started", "started"), ("finished", "unreachable")]
    assert found[1].arguments["some_password"] == found[1].arguments["stack_env"] == "***"
    if verb in HALVES:
        assert found[1].arguments["hub_node"] == "vps-04"
        return
    (record,) = [r for r in runs.of(verb, "vsa") if r.kind == "finished"]
    assert (record.verb, record.playbook, record.target) == (found[1].verb, found[1].playbook, found[1].target)
    assert (record.actor, record.controller) == (found[1].actor, found[1].controller)
    assert record.version == found[1].version
    assert [counts.unreachable for counts in found[1].counts.values()] == [1]


def test_the_trail_is_whole_and_nothing_is_in_it_twice(runs: Runs) -> None:
    assert verify(runs.trail.lines()).problems == []
    assert set(Counter((record.id, record.kind) for record in runs.records).values()) == {1}
    assert len({record.id for record in runs.records}) == len(verbs()) + len(PLAYBOOKS) - len(TRAIL_VERBS)


def test_a_secret_is_nowhere(runs: Runs) -> None:
    assert not runs.seen, "process arguments or environments"
    for (verb, door), ended in runs.ended.items():
        assert CANARY not in ended.stdout + ended.stderr, f"{verb} by {door}"
    wanted = CANARY.encode()
    written = [
        file for file in runs.folder.rglob("*") if file.is_file() and file.name not in ("hosts.yml", "secrets.yml")
    ]
    assert any(file.name == "audit.db" for file in written)
    assert not [file for file in written if wanted in file.read_bytes()]
    left = [file for folder in Path("/dev/shm").glob("vsa-*") for file in folder.rglob("*") if file.is_file()]
    assert not [file for file in left if wanted in file.read_bytes()]


def test_the_version_of_a_record_is_the_collection_s() -> None:
    assert vsa_tree.data(Path("galaxy.yml"))["version"] == VERSION


def test_the_callback_is_enabled_wherever_we_configure_ansible() -> None:
    assert re.search(r"(?m)^callbacks_enabled = .*flowbiz\.vsa\.audit", vsa_tree.text(Path("ansible.cfg")))
    molecule = vsa_tree.data(Path(".config/molecule/config.yml"))
    assert molecule["ansible"]["cfg"]["defaults"]["callbacks_enabled"] == "flowbiz.vsa.audit"
