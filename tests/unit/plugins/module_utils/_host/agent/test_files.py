"""The files of the agent: written with their modes, compared, removed."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.files import (
    InstalledFile,
    config_files,
    program_files,
    read_files,
    remove_all,
    write_files,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.places import COLLECT, SEND, TIMER, AgentPlaces

from agenthost import TOKEN


@pytest.fixture
def places(tmp_path: Path) -> AgentPlaces:
    return AgentPlaces(str(tmp_path))


def test_the_token_is_for_root_alone(places: AgentPlaces) -> None:
    files = config_files(places, hub_url="https://hub", token=TOKEN, ca="PEM")
    write_files(files)
    assert places.token.read_text(encoding="ascii") == f"{TOKEN}\n"
    assert places.token.stat().st_mode & 0o777 == 0o600
    assert places.config.stat().st_mode & 0o777 == 0o700
    assert TOKEN not in places.hub.read_text(encoding="utf-8")
    assert read_files(files) == files


def test_what_is_written_is_what_is_wanted(places: AgentPlaces) -> None:
    files = program_files(places)
    assert read_files(files) == {}
    write_files(files)
    assert read_files(files) == files
    places.unit(TIMER).chmod(0o666)
    assert read_files(files) != files


def test_an_interrupted_write_leaves_the_old_file(places: AgentPlaces, monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent import files as module

    write_files({places.token: InstalledFile(b"old", 0o600)})
    # What a run that was killed left behind.
    (places.config / ".token.new").write_bytes(b"half")

    def full(_handle: int, _content: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(module, "write_all", full)
        with pytest.raises(OSError, match="No space"):
            write_files({places.token: InstalledFile(b"new", 0o600)})
    assert places.token.read_bytes() == b"old"
    assert [path.name for path in places.config.iterdir()] == ["token"]
    write_files({places.token: InstalledFile(b"new", 0o600)})
    assert places.token.read_bytes() == b"new"


def test_all_goes_but_what_others_have_there(places: AgentPlaces) -> None:
    write_files({**program_files(places), **config_files(places, hub_url="https://hub", token=TOKEN, ca=None)})
    other = places.program.parent / "cert-renew"
    other.touch()
    remove_all(places)
    assert other.exists()
    assert not places.program.exists()
    assert not places.config.exists()
    assert not any(places.unit(name).exists() for name in (COLLECT, SEND, TIMER))
    other.unlink()
    remove_all(places)
    assert not places.program.parent.exists()
