"""Registering a host: proven by a beat, and undone if the hub does not take the beat. systemd is a fake here."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, RolledBackError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent import files, register, switch
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.places import SEND, TIMER, AgentPlaces
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.register import RegisterRequest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.sender.state import State, read_state
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.programs import Finished
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.systemd import UnitState

from agenthost import TOKEN

URL = "https://dashboard.example.com"
TAKEN = {"at": "2026-11-30T09:00:00Z", "result": "accepted", "sequence": 1}


class Systemd:
    """A systemd that notes what is run; ``beat`` is what the sender does when it is started."""

    def __init__(self, places: AgentPlaces) -> None:
        self.places = places
        self.ran: list[str] = []
        self.user = self.active = self.enabled = False
        self.fails = ""
        self.beat: Callable[[], None] = self.take

    def take(self) -> None:
        """Let the hub take the beat."""
        self._state({**TAKEN}, {**TAKEN})

    def refuse(self, code: str = "token_unknown", status: int | None = 401) -> None:
        """Let the hub refuse the beat."""
        result = "refused" if status else "unreachable"
        self._state({"result": result, "code": code, "message": "no", "http_status": status}, {})

    def _state(self, last: dict[str, Any], taken: dict[str, Any]) -> None:
        state = read_state(self.places)
        assert state is not None
        self.places.state.write_text(
            State(epoch=state.epoch, sequence=1, last=last, taken=taken).as_json(), encoding="ascii"
        )

    def run(self, words: Sequence[str], **_named: Any) -> Finished:
        """Do what a program does."""
        line = " ".join(words)
        self.ran.append(line)
        if self.fails and self.fails in line:
            return Finished(1, "", "it failed")
        if line.startswith("getent"):
            return Finished(0 if self.user else 2, "", "")
        if words[0] == "systemd-sysusers":
            self.user = True
        if words[0] == "userdel":
            self.user = False
        if line == f"systemctl start {SEND}":
            self.beat()
        if list(words[:2]) == ["systemctl", "stop"] and TIMER in words:
            self.active = False
        if line in (f"systemctl enable --now {TIMER}", f"systemctl start {TIMER}"):
            self.active = True
        if "enable" in words:
            self.enabled = True
        if "disable" in words:
            self.active = self.enabled = False
        return Finished(0, "", "")


@pytest.fixture
def places(tmp_path: Path) -> AgentPlaces:
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    (tmp_path / "etc/vsa").mkdir(parents=True)
    return AgentPlaces(str(tmp_path))


@pytest.fixture
def systemd(places: AgentPlaces, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    fake = Systemd(places)

    def require(words: list[str], *, failure: str, state: str, **_named: Any) -> None:
        if fake.run(words).code:
            raise RolledBackError(failure, state=state)

    for module in (register, switch):
        monkeypatch.setattr(module, "run_program", fake.run)
        monkeypatch.setattr(module, "require_success", require)
        monkeypatch.setattr(module, "read_unit", lambda _name: UnitState(fake.active, fake.enabled))
    monkeypatch.setattr(register, "journal_of", lambda unit, program: f"{program} of {unit}: said")
    # To make the program takes a second; what is in it has tests of its own.
    monkeypatch.setattr(files, "needed_sources", lambda *_modules: {"a.py": "pass\n"})
    return fake


def registered(places: AgentPlaces, *, token: str = TOKEN, url: str = URL, check: bool = False) -> Any:
    return register.register(RegisterRequest(url, token), check=check, root=str(places.state.parents[3]))


def everything(places: AgentPlaces) -> dict[str, bytes]:
    root = places.state.parents[3]
    return {str(path): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("ending", ["", "/", "/api", "/api/"])
def test_a_host_is_registered_and_proven(places: AgentPlaces, systemd: Systemd, ending: str) -> None:
    result = registered(places, url=f"{URL}{ending}")
    assert result.changed
    assert result.data["hub_url"] == URL
    assert result.data["answer"]["result"] == "accepted"
    assert json.loads(places.hub.read_text(encoding="utf-8"))["hub_url"] == URL
    assert (systemd.active, systemd.enabled, systemd.user) == (True, True, True)
    assert TOKEN not in str(result)
    before = everything(places)
    again = registered(places)
    assert not again.changed
    assert again.diff is None
    assert everything(places) == before


def test_a_check_changes_nothing_and_never_shows_the_token(places: AgentPlaces, systemd: Systemd) -> None:
    before = everything(places)
    result = registered(places, check=True)
    assert result.changed
    assert result.steps[0].state == "would_change"
    assert "PrivateNetwork=yes" in str(result.diff)
    assert "makes the token, which is not shown" in str(result.diff)
    assert TOKEN.rpartition(".")[2] not in str(result)
    assert everything(places) == before
    assert systemd.ran == []


@pytest.mark.parametrize(
    ("code", "status", "field", "words"),
    [
        ("token_unknown", 401, "token", "does not know this token"),
        ("token_revoked", 401, "token", "revoked"),
        ("other_machine", 409, "token", "another machine"),
        ("agent_too_old", 426, "hub_url", "too old"),
        ("database", 503, "hub_url", "did not take the beat"),
        ("no_answer", None, "hub_url", "did not answer"),
    ],
)
def test_a_hub_that_refuses_leaves_the_host_as_it_was(
    places: AgentPlaces, systemd: Systemd, code: str, status: int | None, field: str, words: str
) -> None:
    before = everything(places)
    systemd.beat = lambda: systemd.refuse(code, status)
    with pytest.raises(RefusedError, match=words) as refused:
        registered(places)
    assert refused.value.field == field
    assert refused.value.state == "the host is as it was"
    assert TOKEN not in str(refused.value.as_result())
    assert everything(places) == before
    assert (systemd.active, systemd.enabled, systemd.user) == (False, False, False)


def test_a_new_token_that_is_refused_leaves_the_old_one_at_work(places: AgentPlaces, systemd: Systemd) -> None:
    registered(places)
    before = everything(places)
    systemd.beat = systemd.refuse
    with pytest.raises(RefusedError):
        registered(places, token=TOKEN[:-1] + "A")
    assert everything(places) == before
    assert (systemd.active, systemd.user) == (True, True)
    systemd.beat = systemd.take
    assert registered(places, token=TOKEN[:-1] + "A").changed


@pytest.mark.parametrize("fails", ["daemon-reload", "enable --now", "systemd-sysusers"])
def test_a_systemd_that_fails_leaves_the_host_as_it_was(places: AgentPlaces, systemd: Systemd, fails: str) -> None:
    before = everything(places)
    systemd.fails = fails
    with pytest.raises(RolledBackError):
        registered(places)
    assert everything(places) == before


def test_a_sender_that_does_not_start_says_what_the_journal_says(places: AgentPlaces, systemd: Systemd) -> None:
    systemd.beat = lambda: None
    with pytest.raises(RefusedError, match="did not send a beat") as refused:
        registered(places)
    assert any("said" in line for line in refused.value.details)


def test_a_new_epoch_begins_with_each_registration(places: AgentPlaces, systemd: Systemd) -> None:
    registered(places)
    first = read_state(places)
    registered(places, url="https://other.example.com")
    second = read_state(places)
    assert first is not None
    assert second is not None
    assert first.epoch != second.epoch


def test_what_the_host_trusts_besides_its_roots_goes_with_the_address(places: AgentPlaces, systemd: Systemd) -> None:
    root = places.state.parents[3]
    (root / "etc/vsa/ca.pem").write_text("PEM", encoding="ascii")
    (root / "etc/vsa/vsa.yml").write_text("ca_bundle: /etc/vsa/ca.pem\n", encoding="ascii")
    registered(places)
    assert json.loads(places.hub.read_text(encoding="utf-8"))["ca"] == "PEM"


def test_a_host_without_systemd(places: AgentPlaces, systemd: Systemd) -> None:
    (places.state.parents[3] / "run/systemd/system").rmdir()
    with pytest.raises(RefusedError, match="no systemd"):
        registered(places)


def test_a_wrong_address_or_token_is_refused_before_anything(places: AgentPlaces, systemd: Systemd) -> None:
    for token, url in ((TOKEN[:-2], URL), (TOKEN, "http://dashboard.example.com")):
        with pytest.raises(RefusedError):
            registered(places, token=token, url=url)
    assert systemd.ran == []


def test_an_undo_copies_nothing_that_a_link_of_the_sender_leads_to(places: AgentPlaces, systemd: Systemd) -> None:
    secret = places.state.parents[3] / "etc/shadow"
    secret.write_text("root:secret\n")
    places.state.parent.mkdir(parents=True)
    places.state.symlink_to(secret)
    systemd.beat = systemd.refuse
    with pytest.raises(RefusedError):
        registered(places)
    assert secret.read_text() == "root:secret\n"
    assert not places.state.exists()
