"""The sender against a real HTTPS server: what it sends, and what it does if the hub does not take it."""

from __future__ import annotations

import datetime
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import VsaError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.sender import send as sending
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.sender.state import State

from agenthost import NODE, TOKEN, AgentHost, trail_lines
from fakehub import FakeHub, Refuse, fake_hub


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeHub]:
    with fake_hub(tmp_path_factory.mktemp("hub"), TOKEN) as hub:
        yield hub


@pytest.fixture
def hub(served: FakeHub) -> Iterator[FakeHub]:
    """The hub of all tests, as if it had begun now."""
    kept = {"ca": served.ca, "url": served.url, "lock": served.lock}
    vars(served).update({**vars(FakeHub(token=TOKEN, ca="")), **kept})
    yield served
    vars(served).update(kept)


@pytest.fixture
def host(tmp_path: Path, hub: FakeHub) -> AgentHost:
    return AgentHost(tmp_path, hub)


def state_of(host: AgentHost) -> State:
    state = host.state
    assert state is not None
    return state


def test_a_beat_says_who_and_what(host: AgentHost, hub: FakeHub) -> None:
    assert host.beat() == 0
    beat = hub.beats[0]
    assert (beat.node, beat.machine, beat.sequence, beat.after) == (NODE, "a" * 32, 1, None)
    assert beat.sections["usage"]["rows"] == [{"id": "c1", "memory_bytes": 5, "cpu_seconds": None}]
    assert beat.sections["served"]["status"] == "absent"
    state = state_of(host)
    assert (state.epoch, state.sequence, state.failures) == (beat.epoch, 1, 0)
    assert state.taken["result"] == "accepted"


def test_the_sequence_goes_on_and_the_epoch_stays(host: AgentHost, hub: FakeHub) -> None:
    for _beat in range(3):
        assert host.beat() == 0
    assert [beat.sequence for beat in hub.beats] == [1, 2, 3]
    assert len({beat.epoch for beat in hub.beats}) == 1


def test_every_record_arrives_once_and_in_order(host: AgentHost, hub: FakeHub) -> None:
    lines = trail_lines(1700)
    host.write_trail(lines)
    assert host.beat() == 0
    assert hub.records == lines
    assert hub.breaks == []
    # The first beat asked for the cursor; the others have no sections, because nothing changed meanwhile.
    assert [len(beat.records) for beat in hub.beats] == [0, 500, 500, 500, 200]
    assert [bool(beat.sections) for beat in hub.beats] == [True, False, False, False, False]
    host.write_trail([*lines, *trail_lines(2, first=1701, previous=lines[-1][-66:-2])])
    assert host.beat() == 0
    assert len(hub.records) == 1702
    assert len(hub.beats) == 6


def test_at_most_twenty_beats_in_one_run(host: AgentHost, hub: FakeHub) -> None:
    host.write_trail(trail_lines(11_000))
    assert host.beat() == 0
    assert len(hub.beats) == 20
    assert len(hub.records) == 19 * 500
    host.time.seconds += 30
    assert host.beat() == 0
    assert len(hub.records) == 11_000
    assert hub.breaks == []


def test_six_hours_without_a_hub(host: AgentHost, hub: FakeHub) -> None:
    lines = trail_lines(20)
    host.write_trail(lines)
    assert host.beat() == 0
    hub.always = Refuse("database", retry_after=30)
    before, cpu = hub.requests, time.process_time()
    made = list(lines)
    for _tick in range(6 * 120):
        host.time.seconds += 30
        host.send()
        if _tick % 6 == 0:
            made += trail_lines(1, first=len(made) + 1, previous=made[-1][-66:-2])
            host.write_trail(made)
    tried = hub.requests - before
    # 30, 60, 120, 240, 480, then every 600 s.
    assert 36 <= tried <= 42
    assert time.process_time() - cpu < 20
    assert state_of(host).failures == tried
    hub.always = None
    host.time.seconds += 700
    assert host.beat() == 0
    assert hub.records == made
    assert hub.breaks == []
    assert state_of(host).failures == 0


@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_that_is_a_day_off_changes_nothing(host: AgentHost, hub: FakeHub, days: int) -> None:
    hub.time = "2026-11-30T09:01:40Z"
    host.time.start += datetime.timedelta(days=days)
    assert host.beat() == 0
    assert state_of(host).taken["skew_seconds"] == pytest.approx(days * 86400, abs=3)
    hub.refusals = [Refuse("database", retry_after=40)]
    host.time.seconds += 30
    assert host.beat() == 1
    # The clock is set right: the wait is not longer for it.
    host.time.start -= datetime.timedelta(days=days)
    host.time.seconds += 41
    assert host.beat() == 0


def test_the_hub_says_when_to_come_again(host: AgentHost, hub: FakeHub) -> None:
    hub.refusals = [Refuse("database", retry_after=200)]
    assert host.beat() == 1
    for _tick in range(6):
        host.time.seconds += 30
        assert host.beat() == 0  # it waits
    assert hub.requests == 1
    host.time.seconds += 30
    assert host.beat() == 0
    assert hub.requests == 2


def test_a_short_pause_is_waited_for(host: AgentHost, hub: FakeHub) -> None:
    hub.refusals = [Refuse("too_soon", retry_after=4)]
    assert host.beat() == 0
    assert host.time.slept == [4.0]
    assert len(hub.beats) == 1


def test_a_pause_that_does_not_end_is_left_to_the_next_run(host: AgentHost, hub: FakeHub) -> None:
    hub.always = Refuse("too_soon", retry_after=4)
    assert host.beat() == 1
    assert hub.requests == 3
    assert state_of(host).failures == 0


def test_a_reboot_forgets_the_wait(host: AgentHost, hub: FakeHub) -> None:
    hub.refusals = [Refuse("token_revoked")]
    assert host.beat() == 1
    host.time.seconds += 60
    assert host.beat() == 0
    assert hub.requests == 1
    host.time.boot, host.time.seconds = "boot-2", 5.0
    assert host.beat() == 0
    assert hub.requests == 2


def test_a_revoked_token_is_tried_once_an_hour(host: AgentHost, hub: FakeHub) -> None:
    hub.always = Refuse("token_revoked")
    for _tick in range(3 * 120):
        host.beat()
        host.time.seconds += 30
    assert 3 <= hub.requests <= 4


def test_a_lost_answer_doubles_no_record(host: AgentHost, hub: FakeHub) -> None:
    lines = trail_lines(3)
    host.write_trail(lines[:1])
    assert host.beat() == 0
    host.write_trail(lines)
    hub.refusals = [Refuse(drop=True)]
    host.time.seconds += 30
    assert host.beat() == 1
    assert hub.records == lines  # it arrived, and nobody heard of it
    host.time.seconds += 60
    assert host.beat() == 0
    assert hub.records == lines
    assert state_of(host).after == lines[-1][-66:-2]


def test_a_restored_image_begins_a_new_epoch(host: AgentHost, hub: FakeHub) -> None:
    for _beat in range(5):
        assert host.beat() == 0
    old = state_of(host)
    host.places.state.write_text(State(epoch=old.epoch, sequence=2).as_json(), encoding="utf-8")
    assert host.beat() == 0
    assert hub.beats[-1].epoch != old.epoch
    assert hub.beats[-1].sequence == 1


def test_a_repeated_sequence_is_sent_with_the_next_number(host: AgentHost, hub: FakeHub) -> None:
    assert host.beat() == 0
    old = state_of(host)
    host.places.state.write_text(State(epoch=old.epoch, sequence=0).as_json(), encoding="utf-8")
    assert host.beat() == 0
    assert (hub.beats[-1].epoch, hub.beats[-1].sequence) == (old.epoch, 2)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"schema": 1, "epoch": "x"}', '{"schema": 2}'])
def test_a_lost_state_begins_a_new_epoch_and_doubles_nothing(host: AgentHost, hub: FakeHub, damage: str) -> None:
    lines = trail_lines(4)
    host.write_trail(lines)
    assert host.beat() == 0
    host.places.state.write_text(damage, encoding="utf-8")
    assert host.beat() == 0
    assert hub.records == lines
    assert len({beat.epoch for beat in hub.beats}) == 2


def test_a_trail_without_the_hubs_last_record_is_sent_from_its_oldest(host: AgentHost, hub: FakeHub) -> None:
    host.write_trail(trail_lines(3))
    assert host.beat() == 0
    host.write_trail(trail_lines(2, first=50, previous="9" * 64))
    assert host.beat() == 0
    assert len(hub.records) == 5
    assert len(hub.breaks) == 1


def test_an_edited_record_arrives_and_shows(host: AgentHost, hub: FakeHub) -> None:
    lines = trail_lines(3)
    host.write_trail([lines[0], lines[1].replace("ops", "nobody"), lines[2]])
    assert host.beat() == 0
    assert len(hub.records) == 3
    assert hub.breaks == [f"edited {lines[1][-66:-2]}"]


def test_a_token_that_the_hub_does_not_know(host: AgentHost, hub: FakeHub, capfd: pytest.CaptureFixture[str]) -> None:
    host.collect()
    wrong = TOKEN[:-1] + "A"
    assert host.send(token=wrong) == 1
    assert state_of(host).last["code"] == "token_unknown"
    said = capfd.readouterr()
    for text in (said.err, said.out, host.places.state.read_text(encoding="utf-8")):
        assert wrong not in text
        assert wrong[-20:] not in text


def test_a_truncated_token_is_not_sent(tmp_path: Path) -> None:
    with pytest.raises(VsaError) as refused:
        sending.address_from('{"hub_url": "https://hub"}', TOKEN[:-3])
    assert TOKEN[-30:-3] not in str(refused.value)
    with pytest.raises(VsaError, match="damaged"):
        sending.address_from("{}", TOKEN)


@pytest.mark.parametrize("raw", [(502, b"<html>"), (200, b"hello"), (200, b"x" * 100_000), (302, b""), (401, b"{}")])
def test_what_is_not_the_hub_is_a_failure(host: AgentHost, hub: FakeHub, raw: tuple[int, bytes]) -> None:
    hub.refusals = [Refuse(raw=raw)]
    assert host.beat() == 1
    assert state_of(host).last["code"] == "no_answer"


def test_a_certificate_that_is_not_trusted(host: AgentHost, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "ca", None)
    assert host.beat() == 1
    assert "not trusted" in state_of(host).last["message"]
    assert hub.requests == 0


def test_nothing_listens(host: AgentHost, hub: FakeHub) -> None:
    hub.url = "https://localhost:9"
    assert host.beat() == 1
    assert state_of(host).last["result"] == "unreachable"


def test_an_old_snapshot_is_no_sign_of_life(host: AgentHost, hub: FakeHub) -> None:
    host.collect()
    host.time.seconds += 91
    assert host.send() == 0
    sections = hub.beats[0].sections
    assert {section["status"] for section in sections.values()} == {"failed"}
    assert "has not read the host for 91 s" in sections["usage"]["error"]


@pytest.mark.parametrize("text", ["", "{", '{"schema": 2}'])
def test_a_damaged_snapshot_is_none(host: AgentHost, hub: FakeHub, text: str) -> None:
    host.collect()
    host.places.snapshot.write_text(text, encoding="utf-8")
    assert host.send() == 1
    assert hub.requests == 0
    assert "no snapshot" in state_of(host).last["message"]


def test_a_full_disk_does_not_stop_beats(host: AgentHost, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert host.beat() == 0

    def full(*_words: Any, **_named: Any) -> bool:
        raise OSError(28, "No space left on device")

    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.sender import state

    with monkeypatch.context() as patched:
        patched.setattr(state, "write_atomically", full)
        for _beat in range(3):
            assert host.beat() == 0
    assert host.beat() == 0
    assert [beat.sequence for beat in hub.beats] == [1, 2, 3, 4, 5]
    assert not host.places.state_in_memory.exists()


def test_a_longer_interval_of_the_hub_is_kept(host: AgentHost, hub: FakeHub) -> None:
    hub.interval = 120
    assert host.beat() == 0
    for _tick in range(3):
        host.time.seconds += 30
        assert host.beat() == 0
    assert hub.requests == 1
    host.time.seconds += 30
    assert host.beat() == 0
    assert hub.requests == 2


def test_served_certificates_are_asked_for_seldom(host: AgentHost, hub: FakeHub) -> None:
    host.domains = [
        {"domain": f"{number}.example", "last_change": {"at": "2026-11-30T09:00:00Z"}} for number in range(60)
    ]
    assert host.beat() == 0
    assert len(host.asked) == 60
    host.asked.clear()
    for _tick in range(20):
        host.time.seconds += 30
        assert host.beat() == 0
    # Three names with each beat, so each name once in ten minutes.
    assert len(host.asked) == len(set(host.asked)) == 60
    host.asked.clear()
    host.domains[7]["last_change"]["at"] = "2026-11-30T09:05:00Z"
    host.time.seconds += 30
    assert host.beat() == 0
    assert "7.example" in host.asked
    assert len(host.asked) == 4
    rows = hub.rows("served")
    assert len(rows) == 60
    assert len({row["at"] for row in rows}) > 10


# Killed at every step: the next run goes on, every record arrives once, and the epoch stays

_KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = {path!r}
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.sender import send, state
from agenthost import AgentHost
from fakehub import FakeHub
hub = FakeHub(token={token!r}, ca=Path({ca!r}).read_text(), url={url!r})
host = AgentHost(Path({root!r}), hub)
def kill(*words, **named):
    os.kill(os.getpid(), signal.SIGKILL)
{patch}
host.send()
"""

_STEPS = {
    "before it sends": "send.packed = kill",
    "while it sends": "from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.sender import hub as h; "
    "h._chunks = kill",
    "after the answer": "send.Sender._taken = kill",
    "before the state is written": "state.write_atomically = kill",
    "while the state is written": "os.replace = kill",
    "after the state is written": "real = state.write_atomically\n"
    "def write(*words, **named):\n    real(*words, **named)\n    kill()\n"
    "state.write_atomically = write",
}


@pytest.mark.parametrize("step", _STEPS)
def test_killed_at_every_step(host: AgentHost, hub: FakeHub, tmp_path: Path, step: str) -> None:
    lines = trail_lines(6)
    host.write_trail(lines[:2])
    assert host.beat() == 0
    epoch = state_of(host).epoch
    host.write_trail(lines)
    host.time.seconds += 30
    host.collect()
    # The process that is killed has a clock of its own, which stands where this one began.
    host.time.seconds -= 30
    host.collect()
    ca = tmp_path / "ca.pem"
    ca.write_text(hub.ca, encoding="ascii")
    program = _KILLED.format(
        path=[path for path in sys.path if path],
        token=TOKEN,
        ca=str(ca),
        url=hub.url,
        root=str(host.root),
        patch=_STEPS[step],
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert host.beat() == 0
    assert host.beat() == 0
    assert hub.records == lines
    assert hub.breaks == []
    assert {beat.epoch for beat in hub.beats} == {epoch}


def test_the_program_reads_what_systemd_hands_over(
    host: AgentHost, hub: FakeHub, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    texts = {"hub": json.dumps({"hub_url": hub.url, "ca": hub.ca}), "token": f"{TOKEN}\n"}
    seen: list[Any] = []

    def run(self: sending.Sender) -> int:
        seen.append(self._address)
        return 0

    monkeypatch.setattr(sending.Sender, "run", run)
    assert sending.main(read=texts.__getitem__) == 0
    assert (seen[0].base, seen[0].node, seen[0].token, seen[0].ca) == (hub.url, NODE, TOKEN, hub.ca)
    assert TOKEN not in repr(seen[0])
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(host.root / "none"))
    assert sending.main() == 1
    assert "cannot be read" in capfd.readouterr().err


def test_the_wire_has_no_token_and_is_compressed(host: AgentHost, hub: FakeHub) -> None:
    assert host.beat() == 0
    assert TOKEN.encode() not in gzip.decompress(hub.bodies[0])
    assert os.fspath(host.root).encode() not in gzip.decompress(hub.bodies[0])


def test_one_name_is_asked_for_every_ten_minutes(host: AgentHost, hub: FakeHub) -> None:
    host.domains = [{"domain": "a.example", "last_change": {"at": "2026-11-30T09:00:00Z"}}]
    for _tick in range(40):
        assert host.beat() == 0
        host.time.seconds += 30
    assert 2 <= len(host.asked) <= 3
