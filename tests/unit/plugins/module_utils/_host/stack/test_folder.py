"""A stack's folder: written once, unchanged the second time, restored as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.env import parse_env
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import Stack, parse_stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.folder import Folder, make_secrets
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

STACK = parse_stack(
    {
        "schema": 1,
        "description": "An application",
        "tenant": "acme",
        "secrets": [{"name": "DB_PASSWORD"}, {"name": "KEY", "length": 64}],
        "directories": [{"path": "data/up", "owner": 0, "group": 0, "mode": "0750"}],
    },
    name="app",
)
FILES = {
    "stack.yml": "schema: 1\n",
    "compose.yml": "services: {}\n",
    "bin/run.sh": "exit 0\n",
    ".env.example": "DB_PASSWORD=\n",
}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives directories to users: needs root")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(Paths(str(tmp_path)), STACK)


def written(folder: Folder, files: dict[str, str] = FILES) -> str:
    env, _made = folder.wanted_env(files, {})
    folder.write(files, env)
    return env


def test_the_first_time(folder: Folder) -> None:
    env, made = folder.wanted_env(FILES, {})
    assert made == ["DB_PASSWORD", "KEY"]
    assert folder.differing(FILES) == sorted(FILES)
    assert folder.directories() == ["data/up"]
    folder.write(FILES, env)
    assert folder.differing(FILES) == []
    assert folder.directories() == []
    assert {name: (folder.path / name).read_text(encoding="utf-8") for name in FILES} == FILES
    for name, mode in (
        ("env/.env", 0o640),
        ("env", 0o750),
        (".vsa", 0o700),
        ("data/up", 0o750),
        ("compose.yml", 0o644),
    ):
        assert (folder.path / name).stat().st_mode & 0o777 == mode


def test_secrets_are_made_once_and_on_the_host_only(folder: Folder) -> None:
    env = written(folder)
    values = parse_env(env)
    assert len(values["DB_PASSWORD"]) == 32
    assert len(values["KEY"]) == 64
    assert folder.wanted_env(FILES, {}) == (env, [])
    assert values["KEY"] not in folder.diff({**FILES, "compose.yml": "other"})


def test_what_the_operator_changed_stays(folder: Folder) -> None:
    written(folder)
    (folder.path / "env/.env").write_text("# mine\nDB_PASSWORD=x\nKEY=y\nMORE=z\n", encoding="utf-8")
    assert folder.wanted_env(FILES, {}) == ("# mine\nDB_PASSWORD=x\nKEY=y\nMORE=z\n", [])
    assert folder.wanted_env(FILES, {"MORE": "2"})[0] == "# mine\nDB_PASSWORD=x\nKEY=y\nMORE=2\n"


def test_a_file_that_the_stack_no_longer_has_is_removed_and_others_stay(folder: Folder) -> None:
    written(folder)
    (folder.path / "data/up/precious").write_text("x", encoding="utf-8")
    (folder.path / "compose.override.yml").write_text("made by somebody else", encoding="utf-8")
    fewer = {name: text for name, text in FILES.items() if name != "bin/run.sh"}
    assert folder.stale(fewer) == ["bin/run.sh"]
    assert "/dev/null" in folder.diff(fewer)
    written(folder, fewer)
    assert not (folder.path / "bin/run.sh").exists()
    assert (folder.path / "data/up/precious").exists()
    assert (folder.path / "compose.override.yml").exists()


def test_a_version_that_worked_can_be_had_again(folder: Folder) -> None:
    env = written(folder)
    assert folder.good() is None
    assert folder.verified() is None
    folder.remember_good(folder.present(), env)
    assert folder.verified() == folder.fingerprint(FILES, env)
    worse = {**FILES, "compose.yml": "services: {worse: {}}\n"}
    folder.write(worse, env + "NEW=1\n")
    assert folder.verified() != folder.fingerprint(worse, env + "NEW=1\n")
    good = folder.good()
    assert good == (FILES, env)
    folder.keep_refused(folder.present(), folder.env() or "")
    folder.write(*good)
    assert folder.present() == FILES
    assert folder.env() == env
    assert "NEW=1" in (folder.path / ".vsa/refused.env").read_text(encoding="utf-8")
    for name in ("good.json", "refused.env", "stack.json"):
        assert (folder.path / ".vsa" / name).stat().st_mode & 0o077 == 0, "it may hold secrets"


@pytest.mark.parametrize("spoilt", ["", "{", "[]", '{"schema": 2}'])
def test_a_spoilt_record_is_none(folder: Folder, spoilt: str) -> None:
    written(folder)
    for name in ("good.json", "stack.json"):
        (folder.path / ".vsa" / name).write_text(spoilt, encoding="utf-8")
    assert folder.good() is None
    assert folder.present() == {}
    assert folder.verified() is None


def test_owners_and_modes_come_back(folder: Folder) -> None:
    written(folder)
    (folder.path / "data/up").chmod(0o777)
    assert folder.directories() == ["data/up"]
    written(folder)
    assert folder.directories() == []


def test_secrets_differ() -> None:
    stack: Stack = STACK
    made = [make_secrets(stack.secrets)["KEY"] for _time in range(50)]
    assert len(set(made)) == 50
    assert all(value.isalnum() for value in made)
