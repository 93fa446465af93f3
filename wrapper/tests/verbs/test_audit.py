"""``vsa audit`` over a trail of real runs, and the records of runs that the callback could not close."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.chain import verify
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import AuditRecord, parse_line
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import Places
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.trail import Trail

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/reference/json.schema.json").read_text())
PROVISION = ("site", "provision", "-i", "one.yml", "--domain")


@pytest.fixture
def trail(workplace: Path) -> Trail:
    state = workplace / "home/.local/state/vsa"
    return Trail(Places(state, state, workplace / "spool"))


def records(trail: Trail) -> list[AuditRecord]:
    assert verify(trail.lines()).problems == []
    return [parse_line(line) for _, _, line in trail.lines()]


def ends(trail: Trail) -> list[str]:
    found: dict[str, list[AuditRecord]] = {}
    for record in records(trail):
        found.setdefault(record.id, []).append(record)
    assert all([record.kind for record in run] == ["started", "finished"] for run in found.values())
    return [run[1].status for run in found.values()]


def shown(vsa: Any, *words: str) -> Any:
    done = vsa("audit", *words, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    return document["audit"]


@pytest.fixture(scope="module")
def state_of_two_runs(elsewhere: Callable[[], tuple[Path, Any]]) -> Path:
    place, vsa = elsewhere()
    assert vsa(*PROVISION, "ok.example.com").returncode == 0
    assert vsa(*PROVISION, "refused.example.com").returncode == 3
    return place / "home/.local/state/vsa"


@pytest.fixture
def two_runs(state_of_two_runs: Path, workplace: Path) -> None:
    """The trail of two runs, a copy for each test."""
    shutil.copytree(state_of_two_runs, workplace / "home/.local/state/vsa", symlinks=True)


def test_runs_are_listed(vsa: Any, two_runs: None) -> None:
    text = vsa("audit", "list").stdout.splitlines()
    assert text[0].split() == "TIME (UTC) ID VERB TARGET HOSTS STATUS TOOK BY".split()
    assert "ok.example.com" in text[1]
    assert "changed" in text[1]
    assert "refused" in text[2]
    assert max(map(len, text)) <= 120
    runs = shown(vsa, "list")["runs"]
    assert [(run["verb"], run["target"], run["status"]) for run in runs] == [
        ("site.provision", "ok.example.com", "ok"),
        ("site.provision", "refused.example.com", "refused"),
    ]
    assert all(run["hosts"] == ["vps-01"] for run in runs)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("--since", "1h"), 2),
        (("--since", "2099-01-01"), 0),
        (("--host", "vps-01"), 2),
        (("--host", "vps-02"), 0),
        (("--verb", "site"), 2),
        (("--verb", "site provision"), 2),
        (("--verb", "stack"), 0),
        (("--target", "ok.example.com"), 1),
        (("--status", "refused"), 1),
        (("--status", "refused", "--status", "ok"), 2),
        (("--last", "1"), 1),
        (("--changes",), 1),
        (("--status", "changed"), 1),
        (("--status", "unchanged"), 0),
        (("--status", "under way"), 0),
        (("--status", "not put back", "--status", "refused"), 1),
        (("-i", "one.yml", "--limit", "vps-01"), 2),
        (("-i", "two.yml", "-l", "vps-02"), 0),
        (("-i", "two.yml", "-l", "vps-*"), 2),
    ],
)
def test_filters(vsa: Any, two_runs: None, words: tuple[str, ...], found: int) -> None:
    listed = shown(vsa, "list", *words)
    assert len(listed["runs"]) == found
    assert listed["earlier"] == ("--last" in words)


@pytest.mark.parametrize(
    "words",
    [
        ("--since", "soon"),
        ("--status", "fine"),
        ("--last", "0"),
        ("--verb", "a'b"),
        ("--limit", "vps-77", "-i", "one.yml"),
        ("--on", "vps-77", "-i", "one.yml"),
        ("--on", "vps-01", "--limit", "vps-01", "-i", "one.yml"),
        ("--on", "vps-01", "--follow", "-i", "one.yml"),
        ("--on", "vps-01", "--host", "vps-01", "-i", "one.yml"),
    ],
)
def test_words_that_make_no_sense(vsa: Any, words: tuple[str, ...]) -> None:
    done = vsa("audit", "list", *words)
    assert done.returncode == 2
    assert words[1] in done.stderr or "--on names the host" in done.stderr or "asked, once" in done.stderr


def test_a_run_is_shown_by_the_beginning_of_its_id(vsa: Any, two_runs: None, trail: Trail) -> None:
    said = records(trail)[0].id
    text = vsa("audit", "show", said[:13]).stdout
    assert "target      ok.example.com" in text
    assert "argument    site_container" in text or "argument    site_domain = ok.example.com" in text
    assert "host        vps-01: " in text
    assert [record["kind"] for record in shown(vsa, "show", said)["records"]] == ["started", "finished"]
    missing = vsa("audit", "show", "ffff")
    assert missing.returncode == 3
    both = vsa("audit", "show", said[:4])
    assert both.returncode == 3
    assert "several runs begin so" in both.stderr


def test_finding_5_the_sites_of_a_run_are_found_and_shown(vsa: Any, trail: Trail) -> None:
    done = vsa(*PROVISION, "sites.example.com", "--json")
    assert done.returncode == 0, done.stderr
    assert "generation_changes" not in done.stdout, "only the audit trail reads this key"
    assert [run["sites"] for run in shown(vsa, "list", "--target", "bob.example.com")["runs"]] == [["bob.example.com"]]
    finished = records(trail)[-1]
    (change,) = finished.generations
    assert (change.host, change.before, change.after, change.removed) == ("vps-01", 41, 42, ("bob.example.com",))
    text = vsa("audit", "show", finished.id).stdout
    assert "site        vps-01: bob.example.com removed, generation 41 → 42\n" in text
    assert "-domain: bob.example.com\n" in text
    assert b"cAnArY" not in trail.places.log.read_bytes()


def test_a_trail_that_was_touched(vsa: Any, two_runs: None, trail: Trail) -> None:
    whole = vsa("audit", "verify")
    assert whole.returncode == 0
    head = whole.stdout.split()[-1]
    assert vsa("audit", "verify", "--head", head).returncode == 0
    text = trail.places.log.read_text()
    trail.places.log.write_text(text.replace("refused.example.com", "nothing.example.com"))
    edited = vsa("audit", "verify")
    assert edited.returncode == 7
    assert "audit.jsonl:3: edited" in edited.stderr
    assert "audit.jsonl:4: edited" in edited.stderr
    document = json.loads(vsa("audit", "verify", "--json").stdout)
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert [problem["line"] for problem in document["audit"]["problems"]][:2] == [3, 4]


def test_an_end_that_was_cut_off(vsa: Any, two_runs: None, trail: Trail) -> None:
    vsa("audit", "list")
    lines = trail.places.log.read_text().splitlines(keepends=True)
    trail.places.log.write_text("".join(lines[:-1]))
    for _ in range(2):  # the index is made anew by the first call, and still knows
        cut = vsa("audit", "verify")
        assert cut.returncode == 7
        assert "known from the index" in cut.stderr
        vsa("audit", "list")


def test_the_index_is_not_needed(vsa: Any, two_runs: None, trail: Trail) -> None:
    trail.places.database.write_bytes(b"rubbish" * 999)
    assert len(shown(vsa, "list")["runs"]) == 2
    holder = sqlite3.connect(trail.places.database, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    assert len(shown(vsa, "list")["runs"]) == 2, "one is made for this call"
    holder.execute("ROLLBACK")
    holder.close()
    trail.places.database.unlink()
    assert shown(vsa, "rebuild")["indexed"] == 2


def test_there_is_no_loki(vsa: Any) -> None:
    done = vsa("audit", "ship")
    assert done.returncode == 3
    assert "no Loki is set" in done.stderr


def test_a_loki_that_is_down_delays_nothing_and_fails_nothing(vsa: Any, trail: Trail) -> None:
    began = time.monotonic()
    done = vsa(*PROVISION, "ok.example.com", VSA_LOKI_URL="http://127.0.0.1:1")
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 30
    assert ends(trail) == ["ok"]
    sent = vsa("audit", "ship", VSA_LOKI_URL="http://127.0.0.1:1")
    assert sent.returncode == 5
    assert "2 to be sent" in sent.stdout


def test_no_trail_yet(vsa: Any) -> None:
    assert vsa("audit", "list").stdout == "the trail has no such run\n"
    assert vsa("audit", "verify").returncode == 0
    assert vsa("audit", "show", "0193").returncode == 3


def test_the_audit_verbs_leave_no_record(vsa: Any, two_runs: None, trail: Trail) -> None:
    for words in (("list",), ("verify",), ("rebuild",), ("ship",), ("show", records(trail)[0].id)):
        vsa("audit", *words)
    assert len(records(trail)) == 4


def test_what_comes_is_followed(workplace: Path, environment: dict[str, str], vsa: Any) -> None:
    vsa(*PROVISION, "ok.example.com")
    following = subprocess.Popen(
        [sys.executable, "-m", "vsa", "audit", "list", "--follow"],
        cwd=workplace,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert following.stdout is not None
    try:
        assert following.stdout.readline().startswith("TIME")
        assert "ok.example.com" in following.stdout.readline()
        vsa(*PROVISION, "refused.example.com")
        line = following.stdout.readline()
        while "refused" not in line.split("vps-01")[-1]:
            assert "under way" in line
            line = following.stdout.readline()
    finally:
        following.send_signal(signal.SIGINT)
        _, errors = following.communicate(timeout=20)
    assert following.returncode == 130
    assert "Traceback" not in errors


# What the callback could not close


def test_a_playbook_that_does_not_parse(vsa: Any, collections: Path, trail: Trail) -> None:
    playbook = collections / "ansible_collections/flowbiz/vsa/playbooks/vhost/rollback.yml"
    playbook.write_text("- hosts: all\n  tasks: [: }\n")
    try:
        done = vsa("vhost", "rollback", "-y", "-i", "one.yml")
    finally:
        playbook.unlink()
    assert done.returncode == 1
    assert ends(trail) == ["internal_error"]
    assert records(trail)[-1].verb == "vhost.rollback"
    assert records(trail)[-1].error


def test_several_hosts_where_one_is_wanted(vsa: Any, trail: Trail) -> None:
    assert vsa("vhost", "rollback", "-y", "-i", "two.yml").returncode == 2
    assert ends(trail) == ["usage_error"]


def test_an_inventory_without_hosts(vsa: Any, trail: Trail) -> None:
    assert vsa("site", "list", "-i", "none.yml").returncode == 2
    assert ends(trail) == ["usage_error"]


# Not HUP: under the wrapper Ansible ignores it.
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_ansible_is_ended_in_the_middle(
    workplace: Path, environment: dict[str, str], trail: Trail, number: signal.Signals
) -> None:
    process = start(workplace, environment, "slow.example.com")
    ansible = wait_for(lambda: child_of(process.pid))
    wait_for(lambda: trail.places.log.exists() and trail.places.log.read_bytes())
    time.sleep(0.3)
    os.kill(ansible, number)
    process.communicate(timeout=60)
    assert ends(trail) == ["interrupted"]
    assert process.returncode != 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_wrapper_is_interrupted(
    workplace: Path, environment: dict[str, str], trail: Trail, number: signal.Signals
) -> None:
    process = start(workplace, environment, "slow.example.com")
    wait_for(lambda: trail.places.log.exists() and trail.places.log.read_bytes())
    time.sleep(0.3)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert ends(trail) == ["interrupted"]


def test_the_wrapper_is_killed_before_ansible_is_there(
    workplace: Path, environment: dict[str, str], vsa: Any, trail: Trail
) -> None:
    process = start(workplace, environment, "slow.example.com")
    wait_for(lambda: [file for file in trail.places.runs[0].glob("*.jsonl") if file.stat().st_size])
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    wait_for(lambda: child_of(process.pid) is None)
    assert vsa("site", "list", "-i", "one.yml").returncode == 0
    assert sorted(ends(trail)) == ["interrupted", "ok"]


def start(workplace: Path, environment: dict[str, str], domain: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "vsa", *PROVISION, domain],
        cwd=workplace,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for(found: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value


def child_of(parent: int) -> int | None:
    for process in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = process.read_text()
        except OSError:
            continue
        if int(text.rpartition(")")[2].split()[1]) == parent:
            return int(process.parent.name)
    return None
