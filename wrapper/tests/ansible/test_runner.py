"""A real run through ansible-runner: what it may see, what it leaves, how it is interrupted, how much it carries."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vsa.ansible import runner
from vsa.ansible.private import tmpfs

TMPFS = tmpfs()
Process = subprocess.Popen


def private_directories() -> set[Path]:
    return set(TMPFS.glob(f"vsa-{os.getuid()}-*"))


def of(process: Process) -> Path:
    """Return the private directory of a running command."""
    return next(path for path in private_directories() if path.name.startswith(f"vsa-{os.getuid()}-{process.pid}-"))


def descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


@pytest.fixture
def slow(workplace: Path, environment: dict[str, str]) -> Iterator:
    """Start a provision that takes a minute, and return it once its module is at work on the host."""
    started: list[Process] = []

    def start(*words: str, **variables: str) -> Process:
        note = workplace / "begun"
        host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "probe_note": str(note)}
        (workplace / "slow.yml").write_text(json.dumps({"all": {"hosts": {"vps-01": host}}}))
        process = Process(
            [
                sys.executable,
                "-m",
                "vsa",
                "site",
                "provision",
                "--domain",
                "slow.example.com",
                "-i",
                "slow.yml",
                *words,
            ],
            cwd=workplace,
            env=environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        deadline = time.monotonic() + 90
        while not note.exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=60)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_ends_the_run_and_leaves_nothing(slow, number: signal.Signals) -> None:
    process = slow()
    private, children = of(process), descendants(process.pid)
    assert children
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "✘ interrupted" in err
    assert "Traceback" not in out + err
    assert not private.exists()
    deadline = time.monotonic() + 20
    while alive := [pid for pid in children if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.05)


def test_an_interrupted_run_is_a_document_too(slow) -> None:
    process = slow("--json")
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    document = json.loads(out)
    assert (document["status"], document["exit_code"], document["error"]["message"]) == (
        "interrupted",
        130,
        "interrupted",
    )


def test_no_canary_of_any_input_is_seen_where_others_look(slow) -> None:
    """The values typed, the caller's environment: on no command line, in no child's environment, in one file only."""
    typed, caller = "canary-typed@example.com", "canary-of-the-caller"
    process = slow("--email", typed, "--container", "canary-container", "--port", "3000", API_TOKEN=caller)
    private = of(process)
    children = descendants(process.pid)
    assert len(children) >= 2
    seen = []
    for pid in children:
        for name in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                seen.append(Path(f"/proc/{pid}/{name}").read_bytes())
    assert len(seen) > 3
    assert not [content for content in seen if b"canary-" in content]
    files = {path: path.read_bytes() for path in private.rglob("*") if path.is_file()}
    assert files
    with_typed = [path for path, content in files.items() if b"canary-typed" in content]
    assert [path.relative_to(private).as_posix() for path in with_typed] == ["env/extravars"]
    assert not [path for path, content in files.items() if caller.encode() in content]
    assert [path.stat().st_mode & 0o777 for path in (private, *with_typed)] == [0o700, 0o600]
    assert not list(private.rglob("job_events/[0-9]*.json")), "no copy of an event is kept"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert not private.exists()


def test_a_finished_run_leaves_no_copy_of_what_was_typed(vsa, workplace: Path) -> None:
    words = ("--domain", "ok.example.com", "--email", "typed-canary@example.com", "-i", "one.yml")
    done = vsa("site", "provision", *words, API_TOKEN="callers-canary")
    assert done.returncode == 0, done.stderr
    assert "canary" not in done.stdout + done.stderr
    left: dict[bytes, set[str]] = {b"typed-canary": set(), b"callers-canary": set()}
    for directory in [workplace, *private_directories()]:
        for path in directory.rglob("*"):
            # Other tests' runs come and go meanwhile.
            with contextlib.suppress(OSError):
                content = path.read_bytes() if path.is_file() else b""
                for canary, places in left.items():
                    places |= {path.parent.name} if canary in content else set()
    # The contact of an ACME account is no secret: the audit trail, and nothing else, says what was asked for.
    assert left == {b"typed-canary": {"vsa"}, b"callers-canary": set()}


TEMPLATES = [
    "{{ lookup('pipe', 'touch FILE') }}",
    "{% set x = lookup('pipe', 'touch FILE') %}",
    "{{ query('ansible.builtin.pipe', 'touch FILE') }}",
]


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_that_is_typed_is_never_rendered(
    collections: Path, workplace: Path, environment: dict[str, str], template: str
) -> None:
    """Even where a value got past the validators: it arrives as it was typed, in lists and mappings too."""
    canary = workplace / "rendered"
    value = template.replace("FILE", str(canary))
    code = (
        "import json, os, sys\n"
        "from vsa.ansible.config import Config\nfrom vsa.ansible.run import Run\n"
        "from vsa.ansible.runner import Execution\n"
        "value = sys.argv[1]\n"
        "told = {'site_domain': 'ok.example.com', 'site_email': value, 'site_container': value,\n"
        "        'site_routes': [{'path': value, 'container': value, 'port': 1}]}\n"
        "run = Run(playbook='flowbiz.vsa.site.provision', extravars=told, inventory=sys.argv[2])\n"
        "audit = {'vsa_audit_id': 'x', 'vsa_actor': value}\n"
        "with Execution(run, config=Config(), caller=os.environ, audit=audit) as execution:\n"
        "    events = [event for event in execution if event]\n"
        "done = [event['event_data']['res'] for event in events if event['event'] == 'runner_on_ok']\n"
        "print(json.dumps(done[-1]['told']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, value, str(workplace / "one.yml")],
        cwd=workplace, env=environment, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["email"] == told["container"] == told["canary"] == value
    assert told["routes"] == [{"path": value, "container": value, "port": 1}]
    assert not canary.exists()


def test_five_thousand_sites_arrive_whole(vsa) -> None:
    """runner replaces results over 700,000 bytes by {} unless it is told otherwise."""
    done = vsa("site", "list", "-i", "one.yml", "--json")
    assert done.returncode == 0, done.stderr
    sites = json.loads(done.stdout)["hosts"]["vps-01"]["sites"]
    assert len(sites) == 5000
    assert len(json.dumps(sites)) > 1_400_000
    assert sites[4999]["domain"] == "site-4999.example.com"


def test_five_thousand_sites_are_a_table(vsa) -> None:
    done = vsa("site", "list", "-i", "one.yml")
    lines = done.stdout.splitlines()
    assert len(lines) == 5001
    assert lines[0].split() == "HOST DOMAIN STATE ROUTES PROFILE AUTH CERTIFICATE CONTAINERS CHANGED".split()
    row = "vps-01 site-0000.example.com ok / → web-0:3000 — — ok 71 d running —"
    assert lines[1].split() == row.split()


def test_the_run_is_ansibles_own_and_our_own_collection(vsa, collections: Path) -> None:
    done = vsa("site", "provision", "--domain", "ok.example.com", "-i", "one.yml", "-vvv")
    assert done.returncode == 0, done.stderr
    assert str(collections / "ansible_collections/flowbiz/vsa/playbooks/site/provision.yml") in done.stderr


def test_a_long_path_of_the_temporary_directory_does_no_harm(vsa, workplace: Path) -> None:
    """The path of a socket in this directory would be longer than a socket may have."""
    place = workplace / ("t" * 100)
    place.mkdir()
    done = vsa("site", "provision", "-i", "one.yml", "--domain", "ok.example.com", TMPDIR=str(place))
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(place.iterdir()) == []


def test_runner_still_has_the_seam_that_signals_need() -> None:
    """`runner.pexpect` and `spawn._spawnpty` are not promised by anybody: an upgrade that moves them must fail here."""
    import pexpect
    from ansible_runner import runner as module

    assert hasattr(module, "pexpect")
    assert callable(pexpect.spawn._spawnpty)


def test_an_execution_that_cannot_start_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from vsa.ansible.config import Config
    from vsa.ansible.run import Run

    def broken(**_: object) -> None:
        raise RuntimeError("no runner")

    import ansible_runner.interface

    before = private_directories()
    handler = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(ansible_runner.interface, "init_runner", broken)
    run, audit = Run(playbook="x", local=True), {"vsa_audit_id": "x", "vsa_actor": "y"}
    with pytest.raises(RuntimeError, match="no runner"), runner.Execution(run, config=Config(), caller={}, audit=audit):
        pass
    assert private_directories() <= before
    assert signal.getsignal(signal.SIGINT) is handler
    assert threading.active_count() == 1 or "ansible-runner" not in [thread.name for thread in threading.enumerate()]
