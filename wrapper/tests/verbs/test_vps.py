"""The verbs of the inventory: what they ask, refuse, write and record. Real hosts: tests/integration/test_vps.py."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from vsa.ansible.report import HostResult, Report
from vsa.cli import main
from vsa.command.options import Verb
from vsa.core import RefusedError
from vsa.fleet.keys import HostKey
from vsa.verbs.init import write_inventory
from vsa.verbs.vps import group

OLD = HostKey("ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAIJQ8yYb1tDw1xKv5nJm3c2k5b0mE8o2u5H3r7z0u1k2M")
NEW = HostKey("ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAIKd1mP0n9o8i7u6y5t4r3e2w1q0p9o8i7u6y5t4r3e2w")
SCHEMA = json.loads((Path(__file__).parents[3] / "docs/reference/json.schema.json").read_text())
ADD = ("vps", "add", "--id", "vps-04", "--hostname", "vps-04.example.com", "--ip", "203.0.113.9")


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_inventory(tmp_path / "fleet")
    monkeypatch.setenv("VSA_INVENTORY", str(tmp_path / "fleet"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "fleet"


@pytest.fixture
def shows(monkeypatch: pytest.MonkeyPatch) -> Callable[[HostKey], None]:
    """Say which key the SSH server of every host shows. No server is asked."""
    now = [OLD]
    monkeypatch.setattr("vsa.fleet.keys.scanned_keys", lambda address, port: tuple(now))

    def change(key: HostKey) -> None:
        now[:] = [key]

    return change


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """No host answers."""
    error = {"message": "ssh: connect to host 203.0.113.9 port 22: Connection timed out"}

    def nobody(context: object, run: object) -> Report:
        return Report(hosts={"vps-04": HostResult(error=error, exit_code=5)})

    monkeypatch.setattr("vsa.verbs.vps.quiet_report", nobody)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def records(tmp_path: Path) -> list[dict]:
    lines = (tmp_path / "state/vsa/audit.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_host_is_added_with_its_key(fleet: Path, shows, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (fleet / "hosts.yml").read_text()
    assert main([*ADD, "--provider", "kamatera", "--host-key", OLD.fingerprint]) == 0
    assert "vps-04 added to kamatera" in capsys.readouterr().out
    assert (fleet / "known_hosts").read_text() == f"vps-04 ssh-ed25519 {OLD.blob}\n"
    made = (fleet / "hosts.yml").read_text().splitlines()
    new = [line for line in made if line not in before.splitlines()]
    assert [line.split(":")[0].strip() for line in new] == [
        "vps-04", "ansible_host", "vsa_hostname", "ansible_ssh_extra_args",
    ]  # fmt: skip
    assert [line for line in made if line not in new] == before.splitlines()
    last = records(tmp_path)[-1]
    assert (last["verb"], last["target"], last["status"]) == ("vps.add", "vps-04", "ok")
    assert last["arguments"]["vps_id"] == "vps-04"
    assert "+        vps-04:" in last["changes"][0]["diff"]


def test_the_same_again_is_refused_and_changes_nothing(fleet: Path, shows) -> None:
    assert main([*ADD, "--host-key", OLD.fingerprint]) == 0
    before = files(fleet)
    assert main([*ADD, "--host-key", OLD.fingerprint]) == 3
    assert files(fleet) == before


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((*ADD[:-1], "203.0.113.7", "--host-key", OLD.fingerprint), 3),
        ((*ADD, "--host-key", NEW.fingerprint), 3),
        (ADD, 2),
        ((*ADD, "-y"), 2),
        ((*ADD, "--json"), 2),
        ((*ADD, "--provider", "infomaniac", "--host-key", OLD.fingerprint), 2),
        ((*ADD, "--bootstrap", "--json", "--host-key", OLD.fingerprint), 2),
        (("vps", "add", "--id", "vps-04", "--host-key", OLD.fingerprint), 2),
        (("vps", "add", "--id", "vps-01", "--ip", "203.0.113.9", "--host-key", OLD.fingerprint), 3),
        (("vps", "add", "--id", "vps-01", "--provider", "kamatera", "--host-key", OLD.fingerprint), 3),
        (("vps", "add", "--id", "agents", *ADD[4:], "--host-key", OLD.fingerprint), 3),
        (("vps", "remove", "--id", "vps-04", "-y"), 3),
        (("vps", "remove", "--id", "vps-01"), 2),
        (("vps", "list", "--limit", "vps-9"), 2),
    ],
)
def test_a_refusal_changes_nothing(fleet: Path, shows, words: tuple[str, ...], code: int) -> None:
    before = files(fleet)
    assert main(list(words)) == code
    assert files(fleet) == before


@pytest.mark.parametrize(
    "words",
    [
        ("--id", "-oProxyCommand=x"),
        ("--id", "a b"),
        ("--id", "a\nb"),
        ("--id", "{{ x }}"),
        ("--id", "all"),
        ("--id", "vps-04", "--ip", "203.0.113.9; id"),
        ("--id", "vps-04", "--ip", "-6"),
        ("--id", "vps-04", "--ip", "fe80::1%eth0"),
        ("--id", "vps-04", "--ip", "0.0.0.0"),
        ("--id", "vps-04", "--hostname", "{{ lookup('pipe', 'id') }}"),
        ("--id", "vps-04", "--port", "22 -oX"),
        ("--id", "vps-04", "--provider", "x: {y}"),
        ("--id", "vps-04", "--host-key", "MD5:00"),
    ],
)
def test_nothing_typed_reaches_yaml_or_ssh_unchecked(fleet: Path, shows, words: tuple[str, ...]) -> None:
    before = files(fleet)
    assert main(["vps", "add", *words]) == 2
    assert files(fleet) == before


def test_a_known_host_adopts_its_key(fleet: Path, shows) -> None:
    before = (fleet / "hosts.yml").read_text().splitlines()
    assert main(["vps", "add", "--id", "vps-02", "--host-key", OLD.fingerprint]) == 0
    made = (fleet / "hosts.yml").read_text().splitlines()
    assert [line for line in made if "ansible_ssh_extra_args" not in line] == before
    assert main(["vps", "add", "--id", "vps-02", "--host-key", OLD.fingerprint]) == 3


def test_a_key_that_has_changed_is_replaced(fleet: Path, shows) -> None:
    assert main(["vps", "add", "--id", "vps-02", "--host-key", OLD.fingerprint]) == 0
    before = (fleet / "hosts.yml").read_bytes()
    shows(NEW)
    assert main(["vps", "add", "--id", "vps-02"]) == 2, "nobody has compared the new key"
    assert main(["vps", "add", "--id", "vps-02", "--host-key", OLD.fingerprint]) == 3
    assert main(["vps", "add", "--id", "vps-02", "--host-key", NEW.fingerprint]) == 0
    assert (fleet / "known_hosts").read_text() == f"vps-02 ssh-ed25519 {NEW.blob}\n"
    assert (fleet / "hosts.yml").read_bytes() == before


def killed_before(number: int, words: list[str]) -> None:
    """Run a command in a process that is killed before it replaces a file for the given time."""
    child = os.fork()
    if child == 0:
        left = [number]
        real = Path.replace

        def replace(self: Path, target: Path) -> Path:
            left[0] -= 1 if self.name.endswith(".new") else 0
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(self, target)

        Path.replace = replace  # type: ignore[method-assign]
        main(words)
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("number", [1, 2])
def test_an_addition_that_was_killed_goes_on(fleet: Path, shows, number: int) -> None:
    words = [*ADD, "--provider", "infomaniak", "--host-key", OLD.fingerprint]
    killed_before(number, words)
    assert main(words) == 0
    text = (fleet / "hosts.yml").read_text()
    assert text.count("vps-04:") == 1
    assert (fleet / "known_hosts").read_text() == f"vps-04 ssh-ed25519 {OLD.blob}\n"
    assert main(words) == 3
    assert not list(fleet.glob(".*"))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_removal_that_was_killed_goes_on(fleet: Path, shows, silent, number: int) -> None:
    (fleet / "more.yml").write_text("lab:\n  hosts:\n    vps-02:\n")
    assert main(["vps", "add", "--id", "vps-02", "--host-key", OLD.fingerprint]) == 0
    killed_before(number, ["vps", "remove", "--id", "vps-02", "-y"])
    assert main(["vps", "remove", "--id", "vps-02", "-y"]) == 0
    assert "vps-02:" not in (fleet / "hosts.yml").read_text() + (fleet / "more.yml").read_text()
    assert (fleet / "known_hosts").read_text() == ""
    assert main(["vps", "remove", "--id", "vps-02", "-y"]) == 3


def test_a_check_writes_nothing(fleet: Path, shows, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(fleet)
    assert main([*ADD, "--check", "--diff"]) == 0
    out = capsys.readouterr().out
    assert "would change" in out
    assert "+        vps-04:" in out or "+    vps-04:" in out
    assert files(fleet) == before


def test_a_removal_leaves_what_was_before(fleet: Path, shows, silent, tmp_path: Path) -> None:
    before = files(fleet)
    assert main([*ADD, "--provider", "kamatera", "--host-key", OLD.fingerprint]) == 0
    assert main(["vps", "remove", "--id", "vps-04", "-y"]) == 0
    after = files(fleet)
    assert after.pop(str(fleet / "known_hosts")) == b""
    assert after == before
    assert records(tmp_path)[-1]["verb"] == "vps.remove"


def test_a_removal_says_what_it_does_not_know_and_what_stays(
    fleet: Path, silent, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["vps", "remove", "--id", "vps-03", "-y", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    jsonschema.validate(made, SCHEMA, cls=jsonschema.Draft202012Validator)
    host = made["hosts"]["vps-03"]
    assert "does not answer" in host["steps"][0]["text"]
    assert host["kept"] == [str(fleet / "host_vars/vps-03.yml")]
    assert (fleet / "host_vars/vps-03.yml").exists()
    assert "vps-03" not in (fleet / "hosts.yml").read_text()


def test_the_sites_are_named_before_the_question(fleet: Path, monkeypatch, capsys) -> None:
    sites = [{"domain": "shop.example.com"}, {"domain": "www.example.com"}]
    report = Report(hosts={"vps-01": HostResult(payload={"sites": sites})})
    monkeypatch.setattr("vsa.verbs.vps.quiet_report", lambda context, run: report)
    monkeypatch.setattr("vsa.verbs.vps.must_ask", lambda context, what: True)
    asked: list[str] = []

    def refuse(question: str, word: str) -> None:
        asked.append(capsys.readouterr().err)
        raise RefusedError("no")

    monkeypatch.setattr("vsa.verbs.vps.confirm_typed", refuse)
    before = files(fleet)
    assert main(["vps", "remove", "--id", "vps-01"]) == 3
    assert "2 sites, which stay and keep being served: shop.example.com, www.example.com" in asked[0]
    assert f"{fleet}/host_vars/vps-01 stays" in asked[0]
    assert files(fleet) == before


def test_the_list_is_a_document(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (fleet / "lab.yml").write_text("lab:\n  hosts:\n    box:\n")
    assert main(["vps", "list", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    jsonschema.validate(made, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert made["hosts"]["vps-03"]["vps"]["provider"] == "kamatera"
    assert made["warnings"] == ["box is in no provider's group (a group whose variables have vsa_provider)"]
    assert main(["vps", "list", "--limit", "kamatera"]) == 0
    seen = capsys.readouterr()
    assert [line.split()[0] for line in seen.out.splitlines()] == ["HOST", "vps-03"]
    assert "box is in no provider's group" in seen.err


def test_an_inventory_that_only_ansible_reads_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / "hosts.ini").write_text("[web]\na\n")
    assert main(["vps", "list", "-i", str(tmp_path / "hosts.ini")]) == 2
    assert main([*ADD, "-i", str(tmp_path / "hosts.ini")]) == 2
    assert main(["vps", "list", "-i", "a,b,"]) == 2


@pytest.mark.parametrize("command", list(group.commands.values()), ids=list(group.commands))
def test_the_examples_can_be_typed(command: Verb) -> None:
    for example in command.examples:
        assert command.make_context(str(command.name), example.split()[3:]).params


def test_a_live_list_shows_who_does_not_answer(fleet: Path, monkeypatch, capsys) -> None:
    answers = Report(
        hosts={
            "vps-01": HostResult(payload={"ping": {"user": "root", "python": "3.13.5", "bootstrapped": True}}),
            "vps-02": HostResult(error={"message": "Connection timed out"}, exit_code=5),
        }
    )
    monkeypatch.setattr("vsa.verbs.vps.quiet_report", lambda context, run: answers)
    monkeypatch.setattr("vsa.fleet.listing._lets_through", lambda address, port: port != "443/tcp")
    assert main(["vps", "list", "--live"]) == 5
    out = capsys.readouterr().out
    assert "unreachable: Connection timed out" in out
    assert "vps-01: no answer at 443/tcp: open them at the provider" in out
