"""The verbs of ``vsa agent``: as values, and what becomes of the token that is typed, piped or read from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from vsa.ansible.run import Run, Where
from vsa.cli import cli
from vsa.core import UsageError
from vsa.verbs import agent

HERE = Where(local=True)
TOKEN = "vsa1.vps-01.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
SECRET = TOKEN.rpartition(".")[2]
URL = "https://hub.example.com"


def run(playbook: str, **extravars: object) -> Run:
    return Run(playbook=f"flowbiz.vsa.{playbook}", extravars=extravars, local=True)


CASES = [
    (
        agent.register(HERE, hub_url=URL, token_file="/dev/shm/x"),
        run("agent.register", agent_hub_url=URL, agent_token_file="/dev/shm/x"),
    ),
    (agent.start(HERE), run("agent.start")),
    (agent.stop(HERE), run("agent.stop")),
    (agent.status(HERE), run("agent.status")),
    (agent.unregister(HERE), run("agent.unregister")),
]  # fmt: skip


@pytest.mark.parametrize(("made", "expected"), CASES, ids=lambda case: case.playbook.removeprefix("flowbiz.vsa."))
def test_a_verb_is_this_run(made: Run, expected: Run) -> None:
    assert made == expected


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The token in the file that each run would get."""
    tokens: list[str] = []

    def keep(_context: Any, _spec: Any, made: Run, **_subject: Any) -> int:
        path = Path(str(made.extravars["agent_token_file"]))
        assert path.stat().st_mode & 0o077 == 0
        tokens.append(path.read_text(encoding="ascii").strip())
        assert TOKEN not in repr(made)
        return 0

    monkeypatch.setattr(agent, "perform", keep)
    return tokens


def register(*words: str, piped: str | None = None) -> Any:
    typed = ["agent", "register", "--local", "--hub-url", f"{URL}/api", *words]
    return CliRunner().invoke(cli, typed, input=piped, catch_exceptions=True, standalone_mode=False)


def test_a_token_from_a_file(seen: list[str], tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n", encoding="ascii")
    file.chmod(0o600)
    done = register("--token-file", str(file))
    assert seen == [TOKEN]
    assert "warning" not in done.output


def test_a_token_from_standard_input(seen: list[str]) -> None:
    done = register("--token-file", "-", piped=f"{TOKEN}\r\n")
    assert seen == [TOKEN]
    assert "warning" not in done.output


def test_a_token_in_the_words_warns(seen: list[str]) -> None:
    done = register("--token", TOKEN)
    assert seen == [TOKEN]
    assert "warning: every user of this machine can see" in done.output
    assert SECRET not in done.output


@pytest.mark.parametrize(
    ("words", "piped"),
    [
        ((), None),
        (("--token", TOKEN, "--token-file", "x"), None),
        (("--token", TOKEN[:-1]), None),
        (("--token-file", "-"), ""),
        (("--token-file", "-"), TOKEN[:-5]),
        (("--token-file", "/nonexistent/token"), None),
    ],
)
def test_what_is_no_token_is_a_usage_error_that_does_not_show_it(
    seen: list[str], words: tuple[str, ...], piped: str | None
) -> None:
    done = register(*words, piped=piped)
    assert isinstance(done.exception, UsageError)
    assert seen == []
    assert SECRET[:30] not in str(done.exception.as_result())


def test_an_address_that_is_none_is_a_usage_error(seen: list[str]) -> None:
    typed = ["agent", "register", "--local", "--hub-url", "http://hub.example.com", "--token", TOKEN]
    done = CliRunner().invoke(cli, typed, standalone_mode=False)
    assert isinstance(done.exception, UsageError)
    assert done.exception.field == "--hub-url"


@pytest.mark.parametrize(
    ("state", "due"),
    [("fresh", False), ("not registered", False), ("late", True), ("never", True), ("stopped", True)],
)
def test_what_is_due(state: str, due: bool) -> None:
    assert agent._due({"agent": {"state": state}}) is due
