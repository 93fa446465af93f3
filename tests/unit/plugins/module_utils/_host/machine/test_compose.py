"""How Compose is asked: its own words if it refuses, and nothing of this process but PATH and HOME."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.compose import compose_config

FAKE = """\
#!/bin/sh
if [ -e "$PWD/broken" ]; then printf 'one\\n\\033[31mtwo\\n' >&2; exit 15; fi
env -0 | python3 -c 'import json, sys; print(json.dumps({
    "argv": sys.argv[1:], "env": sorted(e.partition("=")[0] for e in sys.stdin.read().split("\\0") if e)}))' "$@"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "bin/docker"
    program.parent.mkdir()
    program.write_text(FAKE)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("SECRET_OF_ROOT", "x")
    return tmp_path


def test_the_question(folder: Path) -> None:
    said = compose_config(folder, ("compose.yml", "compose.override.yml"), name="shop", env_file="env/.env")
    words = " ".join(said["argv"])
    assert words == (
        f"compose --project-name shop --project-directory {folder} --env-file {folder}/env/.env"
        f" --file {folder}/compose.yml --file {folder}/compose.override.yml config --format json"
    )
    assert "SECRET_OF_ROOT" not in said["env"]
    json.dumps(said)


def test_a_refusal_has_the_words_of_compose(folder: Path) -> None:
    (folder / "broken").touch()
    with pytest.raises(RefusedError, match="Compose does not accept the files of the stack") as refused:
        compose_config(folder, ("compose.yml",), name="shop", env_file="env/.env")
    assert refused.value.details == ["Compose says: one", "Compose says: \\x1b[31mtwo"]


def test_a_host_without_compose(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(RefusedError, match="Compose does not answer on this host"):
        compose_config(folder, ("compose.yml",), name="shop", env_file="env/.env")
