"""A stack's folder: written once, unchanged the second time, restored as it was."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.env import parse_env
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.files import File, StackFile
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import Stack, parse_stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.bcrypt import fits
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.folder import Folder, make_secrets
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.stacks import Version

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


def written(folder: Folder, files: dict[str, str] = FILES, *, env: str | None = None) -> str:
    env = folder.wanted_env(files, {})[0] if env is None else env
    folder.write(Version(files, env))
    return env


def test_the_first_time(folder: Folder) -> None:
    env, made = folder.wanted_env(FILES, {})
    assert made == ["DB_PASSWORD", "KEY"]
    assert folder.differing(FILES) == sorted(FILES)
    assert folder.directories() == ["data/up"]
    folder.write(Version(FILES, env))
    assert folder.differing(FILES) == []
    assert folder.directories() == []
    assert {name: (folder.path / name).read_text(encoding="utf-8") for name in FILES} == FILES
    for name, mode in (
        ("env/.env", 0o640),
        ("env", 0o750),
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
    folder.remember_good()
    assert folder.verified() == folder.fingerprint(FILES, env)
    worse = {**FILES, "compose.yml": "services: {worse: {}}\n"}
    folder.write(Version(worse, env + "NEW=1\n"))
    assert folder.verified() != folder.fingerprint(worse, env + "NEW=1\n")
    good = folder.good()
    assert good == Version(FILES, env)
    folder.keep_refused(folder.version())
    folder.write(good)
    assert folder.version() == Version(FILES, env)
    assert folder.env() == env
    assert "NEW=1" in (folder.state.path / "refused.env").read_text(encoding="utf-8")
    for name in ("good.json", "refused.env", "stack.json"):
        assert (folder.state.path / name).stat().st_mode & 0o077 == 0, "it may hold secrets"


@pytest.mark.parametrize("spoilt", ["", "{", "[]", '{"schema": 2}'])
def test_a_spoilt_record_is_none(folder: Folder, spoilt: str) -> None:
    written(folder)
    for name in ("good.json", "stack.json", "version.json"):
        (folder.state.path / name).write_text(spoilt, encoding="utf-8")
    assert folder.good() is None
    assert folder.version() == Version({}, folder.env() or "")
    assert folder.verified() is None


def test_owners_and_modes_come_back(folder: Folder) -> None:
    written(folder)
    (folder.path / "data/up").chmod(0o777)
    assert folder.directories() == ["data/up"]
    written(folder)
    assert folder.directories() == []


def test_a_directory_keeps_the_group_that_an_earlier_version_gave_it(tmp_path: Path) -> None:
    entry = {"path": "data/keys", "group": 80443, "group_before": 101, "mode": "0750"}
    stack = parse_stack({"schema": 1, "description": "An application", "directories": [entry]}, name="app")
    folder = Folder(Paths(str(tmp_path)), stack)
    written(folder)
    keys = folder.path / "data/keys"
    assert keys.stat().st_gid == 80443
    os.chown(keys, 0, 101)
    assert folder.directories() == []
    keys.chmod(0o700)
    assert folder.directories() == ["data/keys"]
    written(folder)
    assert (keys.stat().st_gid, keys.stat().st_mode & 0o777) == (101, 0o750)
    os.chown(keys, 0, 0)
    written(folder)
    assert keys.stat().st_gid == 80443


def test_secrets_differ() -> None:
    stack: Stack = STACK
    made = [make_secrets(stack.secrets)["KEY"] for _time in range(50)]
    assert len(set(made)) == 50
    assert all(value.isalnum() for value in made)


@pytest.mark.parametrize(
    ("entry", "form"),
    [
        ({"length": 20}, r"[A-Za-z0-9]{20}"),
        ({"format": "hex", "length": 16, "prefix": "sk-"}, r"sk-[0-9a-f]{32}"),
        ({"format": "base64url"}, r"[A-Za-z0-9_-]{43}"),
    ],
)
def test_a_secret_has_its_format_and_stays(tmp_path: Path, entry: dict[str, Any], form: str) -> None:
    stack = parse_stack({"schema": 1, "description": "x", "secrets": [{"name": "KEY", **entry}]}, name="app")
    folder = Folder(Paths(str(tmp_path)), stack)
    env = written(folder)
    assert re.fullmatch(form, parse_env(env)["KEY"])
    assert folder.wanted_env(FILES, {}) == (env, [])


def test_a_hash_follows_its_variable(tmp_path: Path) -> None:
    entries = [
        {"name": "OWNER_HASH", "format": "bcrypt-of", "of": "OWNER"},
        {"name": "OWNER", "prefix": "p-", "rotatable": True},
        {"name": "TYPED_HASH", "format": "bcrypt-of", "of": "TYPED"},
    ]
    stack = parse_stack({"schema": 1, "description": "x", "secrets": entries}, name="app")
    folder = Folder(Paths(str(tmp_path)), stack)
    with pytest.raises(RefusedError, match="the variable TYPED is not set, and TYPED_HASH is its hash") as refused:
        folder.wanted_env(FILES, {})
    assert refused.value.field == "env/TYPED"
    env, made = folder.wanted_env(FILES, {"TYPED": "by the operator"})
    first = parse_env(env)
    assert made == ["OWNER", "OWNER_HASH", "TYPED_HASH"]
    assert fits(first["OWNER"], first["OWNER_HASH"])
    assert fits("by the operator", first["TYPED_HASH"])
    written(folder, env=env)
    assert folder.wanted_env(FILES, {}) == (env, [])
    env, made = folder.wanted_env(FILES, {"TYPED": "another"}, rotate=("OWNER",))
    second = parse_env(env)
    assert made == ["OWNER", "OWNER_HASH", "TYPED_HASH"]
    assert first["OWNER"] != second["OWNER"]
    assert fits(second["OWNER"], second["OWNER_HASH"])
    assert fits("another", second["TYPED_HASH"])
    with pytest.raises(RefusedError, match="too long to be hashed"):
        folder.wanted_env(FILES, {"TYPED": "x" * 73})


def test_only_a_rotatable_secret_is_made_anew(tmp_path: Path) -> None:
    entries = [{"name": "API_KEY", "rotatable": True}, {"name": "DB_PASSWORD"}]
    stack = parse_stack({"schema": 1, "description": "An application", "secrets": entries}, name="app")
    folder = Folder(Paths(str(tmp_path)), stack)
    before = parse_env(written(folder))
    env, made = folder.wanted_env(FILES, {}, rotate=("API_KEY",))
    after = parse_env(env)
    assert made == ["API_KEY"]
    assert after["API_KEY"] != before["API_KEY"]
    assert after["DB_PASSWORD"] == before["DB_PASSWORD"]
    with pytest.raises(RefusedError, match="DB_PASSWORD is no secret of the stack that can be rotated") as refused:
        folder.wanted_env(FILES, {}, rotate=("DB_PASSWORD",))
    assert refused.value.there_are == ["API_KEY"]


def test_bytes_and_programs_are_written_as_they_are_and_kept(folder: Folder) -> None:
    files: dict[str, File] = {
        **FILES,
        "logo.png": StackFile(b"\x89PNG\xff"),
        "bin/run.sh": StackFile(b"exit 0\n", executable=True),
    }
    env, _made = folder.wanted_env(files, {})
    folder.write(Version(files, env))
    assert (folder.path / "logo.png").read_bytes() == b"\x89PNG\xff"
    assert (folder.path / "bin/run.sh").stat().st_mode & 0o777 == 0o755
    assert folder.version() == Version(files, env)
    assert folder.differing(files) == []
    assert folder.differing({**files, "bin/run.sh": "exit 0\n"}) == ["bin/run.sh"], "the mode counts"
    folder.remember_good()
    # The content of the version before stays as long as it is the good one.
    folder.write(Version({**files, "logo.png": StackFile(b"\xfe")}, env))
    assert folder.good() == Version(files, env)
    contents = folder.state.path / "files"
    assert len(list(contents.iterdir())) == 3
    folder.remember_good()
    folder.write(Version(FILES, env))
    folder.remember_good()
    folder.write(Version(FILES, env))
    assert list(contents.iterdir()) == []


def test_a_version_whose_content_is_gone_is_none(folder: Folder) -> None:
    folder.write(Version({**FILES, "logo.png": StackFile(b"\xff")}, "A=1\n"))
    folder.remember_good()
    for content in (folder.state.path / "files").iterdir():
        content.unlink()
    assert folder.good() is None


def test_the_diff_of_bytes_is_one_line(folder: Folder) -> None:
    files = {**FILES, "logo.png": StackFile(b"\0\xff")}
    assert "the file srv/acme/app/logo.png differs, and is no text" in folder.diff(files)


def test_issue_14_item_1_a_folder_that_was_written_under_a_strict_umask_is_repaired(folder: Folder) -> None:
    """An earlier release, or a copy by hand, left `bin/run.sh` so that only root could read the file."""
    written(folder)
    folder.path.chmod(0o750)
    (folder.path / "bin").chmod(0o700)
    (folder.path / "bin/run.sh").chmod(0o600)
    (folder.path / "compose.yml").chmod(0o777)
    inode = (folder.path / "bin/run.sh").stat().st_ino
    assert folder.differing(FILES) == ["bin/run.sh", "compose.yml"]
    written(folder)
    found = {name: (folder.path / name).stat().st_mode & 0o777 for name in (".", "bin", "bin/run.sh", "compose.yml")}
    # The stack's own folder is the operator's: bootstrap or another hand may have closed it.
    assert found == {".": 0o750, "bin": 0o755, "bin/run.sh": 0o644, "compose.yml": 0o644}
    assert (folder.path / "bin/run.sh").stat().st_ino == inode, "a container may have mounted the file itself"
    assert folder.differing(FILES) == []


def test_issue_14_item_1_a_directory_that_is_open_further_or_declared_stays_so(folder: Folder) -> None:
    files = {**FILES, "data/up/first.txt": "", "env/more.txt": ""}
    written(folder, files)
    (folder.path / "bin").chmod(0o2775)
    assert folder.differing(files) == []
    assert folder.directories() == []
