"""`vsa vps add` and `remove` in a fleet with a hub: what runs where, in which order, and who sees the token.

The runs themselves are kept, not executed; real hosts and a real hub: tests/integration/test_fleet.py.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from vsa.ansible.report import HostResult, Report
from vsa.ansible.run import Run
from vsa.cli import main
from vsa.fleet.keys import HostKey
from vsa.verbs.init import write_inventory

KEY = HostKey("ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAIJQ8yYb1tDw1xKv5nJm3c2k5b0mE8o2u5H3r7z0u1k2M")
ADD = ("vps", "add", "--id", "vps-04", "--hostname", "vps-04.example.com", "--ip", "203.0.113.9")
ADD = (*ADD, "--provider", "kamatera", "--host-key", KEY.fingerprint)
TOKEN = "vsa1.vps-04.MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE"


@dataclasses.dataclass
class Runs:
    """The runs that a command made, and how each ends by the name of its playbook."""

    made: list[Run] = dataclasses.field(default_factory=list)
    codes: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def names(self) -> list[tuple[str, str | None]]:
        return [(run.playbook.removeprefix("flowbiz.vsa."), run.limit) for run in self.made]

    def end(self, run: Run) -> Report:
        self.made.append(run)
        name = run.playbook.removeprefix("flowbiz.vsa.")
        code = self.codes.get(name, 0)
        host = str(run.limit)
        if code:
            return Report(hosts={host: HostResult(error={"message": f"{name} failed"}, exit_code=code)})
        place = run.extravars.get("hub_token_file")
        if place and not run.check:
            Path(place).write_text(f"{TOKEN}\n")
        step = {"name": name.partition(".")[0], "state": "changed", "text": f"{name} done"}
        return Report(hosts={host: HostResult(steps=[step], changed=True)})


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    found = Runs()
    monkeypatch.setattr("vsa.command.node.quiet_report", lambda context, run: found.end(run))
    monkeypatch.setattr("vsa.verbs.vps.quiet_report", lambda context, run: found.end(run))

    def perform(context: Any, spec: Any, run: Run, *, subject: str | None = None) -> int:
        return found.end(run).exit_code

    monkeypatch.setattr("vsa.command.node.perform", perform)
    monkeypatch.setattr("vsa.fleet.keys.scanned_keys", lambda address, port: (KEY,))
    return found


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "fleet"
    write_inventory(folder)
    (folder / "group_vars/all/hub.yml").write_text("hub_url: https://dashboard.example.com/api\n")
    monkeypatch.setenv("VSA_INVENTORY", str(folder))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return folder


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_new_host_is_registered_at_the_hub(fleet: Path, runs: Runs, tmp_path: Path) -> None:
    place = tmp_path / "token"
    assert main([*ADD, "--token-file", str(place)]) == 0
    assert runs.names == [("vps.add", "vps-01")]
    assert runs.made[0].extravars == {
        "hub_node": "vps-04",
        "hub_hostname": "vps-04.example.com",
        "hub_address": "203.0.113.9",
        "hub_provider": "kamatera",
        "hub_token_file": str(place),
    }
    assert place.read_text() == f"{TOKEN}\n"
    assert "vps-04" in (fleet / "hosts.yml").read_text()


def test_with_bootstrap_nobody_sees_the_token(fleet: Path, runs: Runs, tmp_path: Path, capsys) -> None:
    assert main([*ADD, "--bootstrap"]) == 0
    assert runs.names == [("vps.add", "vps-01"), ("bootstrap", "vps-04"), ("agent.register", "vps-04")]
    handed = runs.made[2].extravars
    assert handed["agent_hub_url"] == "https://dashboard.example.com"
    assert handed["agent_token_file"] == runs.made[0].extravars["hub_token_file"]
    assert not Path(handed["agent_token_file"]).exists(), "the private file is gone"
    seen = capsys.readouterr()
    trail = (tmp_path / "state/vsa/audit.jsonl").read_text()
    assert TOKEN not in seen.out + seen.err + trail


def test_on_a_terminal_the_token_is_shown_once(fleet: Path, runs: Runs, monkeypatch, capsys) -> None:
    monkeypatch.setattr("vsa.command.node.sys.stdout.isatty", lambda: True, raising=False)
    assert main(list(ADD)) == 0
    seen = capsys.readouterr()
    assert seen.out.count(TOKEN) == 1
    assert "vsa agent register --hub-url https://dashboard.example.com --token-file - --limit vps-04" in seen.err


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_token_that_nobody_would_see_is_not_made(fleet: Path, runs: Runs, more: tuple[str, ...], capsys) -> None:
    before = everything(fleet)
    assert main([*ADD, *more]) == 2
    assert runs.made == []
    assert everything(fleet) == before


def test_a_file_that_is_there_is_not_overwritten(fleet: Path, runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("precious")
    before = everything(fleet)
    assert main([*ADD, "--token-file", str(tmp_path / "token")]) == 2
    assert (tmp_path / "token").read_text() == "precious"
    assert everything(fleet) == before


def test_the_hub_says_whether_a_host_is_added_twice(fleet: Path, runs: Runs, tmp_path: Path) -> None:
    assert main([*ADD, "--token-file", str(tmp_path / "first")]) == 0
    before = everything(fleet)
    runs.codes["vps.add"] = 3
    assert main([*ADD, "--token-file", str(tmp_path / "second")]) == 3
    assert everything(fleet) == before
    assert not (tmp_path / "second").exists()


def test_a_run_that_was_killed_before_the_hub_was_asked_goes_on(fleet: Path, runs: Runs, tmp_path: Path) -> None:
    runs.codes["vps.add"] = 5
    assert main([*ADD, "--token-file", str(tmp_path / "token")]) == 5
    after = everything(fleet)
    runs.codes.clear()
    assert main([*ADD, "--token-file", str(tmp_path / "token")]) == 0
    assert everything(fleet) == after
    assert (tmp_path / "token").read_text() == f"{TOKEN}\n"


def test_a_check_of_an_addition_changes_nothing(fleet: Path, runs: Runs) -> None:
    before = everything(fleet)
    assert main([*ADD, "--check"]) == 0
    assert everything(fleet) == before
    assert runs.names == [("vps.add", "vps-01")]
    assert runs.made[0].check
    handed = {name: value for name, value in runs.made[0].extravars.items() if name != "hub_token_file"}
    assert handed == {
        "hub_node": "vps-04",
        "hub_hostname": "vps-04.example.com",
        "hub_address": "203.0.113.9",
        "hub_provider": "kamatera",
    }


def test_a_host_whose_address_is_a_name_is_refused_before_anything_changes(fleet: Path, runs: Runs, capsys) -> None:
    hosts = fleet / "hosts.yml"
    hosts.write_text(hosts.read_text().replace("203.0.113.8", "vps-02.example.com"))
    before = everything(fleet)
    assert main(["vps", "add", "--id", "vps-02", "--host-key", KEY.fingerprint, "--bootstrap"]) == 3
    assert "ansible_host" in capsys.readouterr().err
    assert everything(fleet) == before
    assert runs.made == []


def test_json_is_one_document(fleet: Path, runs: Runs, tmp_path: Path, capsys) -> None:
    assert main([*ADD, "--json", "--token-file", str(tmp_path / "token")]) == 0
    assert json.loads(capsys.readouterr().out)["verb"] == "vps.add"


def test_without_a_hub_there_is_no_token(fleet: Path, runs: Runs, tmp_path: Path) -> None:
    (fleet / "group_vars/all/hub.yml").unlink()
    assert main([*ADD, "--token-file", str(tmp_path / "token")]) == 2
    assert main(list(ADD)) == 0
    assert runs.made == []


REMOVE = ("vps", "remove", "--id", "vps-02", "-y")


def test_a_removal_begins_at_the_agent_and_the_hub(fleet: Path, runs: Runs, capsys) -> None:
    assert main(list(REMOVE)) == 0
    assert runs.names == [("site.list", "vps-02"), ("agent.unregister", "vps-02"), ("vps.remove", "vps-01")]
    assert runs.made[2].extravars == {"hub_node": "vps-02"}
    out = capsys.readouterr().out
    assert "agent.unregister done" in out
    assert "vps.remove done" in out


def test_a_host_that_does_not_answer_is_removed_all_the_same(fleet: Path, runs: Runs, capsys) -> None:
    runs.codes |= {"site.list": 5, "agent.unregister": 5}
    assert main(list(REMOVE)) == 0
    assert runs.names[-1] == ("vps.remove", "vps-01")
    assert "the hub refuses it from now on" in capsys.readouterr().out
    assert "vps-02" not in (fleet / "hosts.yml").read_text()


@pytest.mark.parametrize("code", [3, 4, 5])
def test_if_the_hub_does_not_forget_the_host_the_inventory_keeps_it(fleet: Path, runs: Runs, code: int, capsys) -> None:
    before = everything(fleet)
    runs.codes["vps.remove"] = code
    assert main(list(REMOVE)) == code
    assert everything(fleet) == before
    assert "the hub did not remove vps-02: vps.remove failed" in capsys.readouterr().err


def test_a_check_of_a_removal_leaves_the_agent_alone(fleet: Path, runs: Runs) -> None:
    before = everything(fleet)
    assert main([*REMOVE, "--check"]) == 0
    assert runs.names == [("site.list", "vps-02"), ("vps.remove", "vps-01")]
    assert runs.made[1].check
    assert everything(fleet) == before


def test_the_hub_itself_can_be_removed(fleet: Path, runs: Runs) -> None:
    assert main(["vps", "remove", "--id", "vps-01", "-y"]) == 0
    assert runs.names == [("site.list", "vps-01")]


# -- tokens ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def agent_runs(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> Runs:
    def perform(context: Any, spec: Any, run: Run, *, subject: str | None = None) -> int:
        return runs.end(run).exit_code

    monkeypatch.setattr("vsa.verbs.agent.perform", perform)
    return runs


def test_a_new_token_is_handed_to_the_agent(fleet: Path, agent_runs: Runs, capsys) -> None:
    assert main(["agent", "rotate", "--id", "vps-02"]) == 0
    assert agent_runs.names == [("agent.rotate", "vps-01"), ("agent.register", "vps-02")]
    place = agent_runs.made[0].extravars["hub_token_file"]
    assert agent_runs.made[1].extravars["agent_token_file"] == place
    assert not Path(place).exists()
    seen = capsys.readouterr()
    assert TOKEN not in seen.out + seen.err


def test_a_new_token_is_only_written(fleet: Path, agent_runs: Runs, tmp_path: Path) -> None:
    assert main(["agent", "rotate", "--id", "vps-02", "--token-file", str(tmp_path / "token")]) == 0
    assert agent_runs.names == [("agent.rotate", "vps-01")]
    assert (tmp_path / "token").read_text() == f"{TOKEN}\n"


def test_a_hub_that_refuses_leaves_the_agent_alone(fleet: Path, agent_runs: Runs) -> None:
    agent_runs.codes["agent.rotate"] = 3
    assert main(["agent", "rotate", "--id", "vps-02"]) == 3
    assert agent_runs.names == [("agent.rotate", "vps-01")]


def test_tokens_are_revoked_at_the_hub(fleet: Path, agent_runs: Runs) -> None:
    assert main(["agent", "revoke", "--id", "vps-02"]) == 2, "nobody can be asked"
    assert main(["agent", "revoke", "--id", "vps-02", "-y"]) == 0
    assert agent_runs.names == [("agent.revoke", "vps-01")]
    assert agent_runs.made[0].extravars == {"hub_node": "vps-02"}


@pytest.mark.parametrize("verb", ["rotate", "revoke"])
def test_a_host_that_the_inventory_lacks_has_no_token(fleet: Path, agent_runs: Runs, verb: str) -> None:
    assert main(["agent", verb, "--id", "vps-09", "-y"]) == 3
    (fleet / "group_vars/all/hub.yml").unlink()
    assert main(["agent", verb, "--id", "vps-02", "-y"]) == 2, "the fleet has no hub"
    assert agent_runs.made == []
