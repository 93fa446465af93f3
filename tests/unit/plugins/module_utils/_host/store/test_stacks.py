"""What VSA keeps about stacks: in its own place, and moved there from the place of earlier releases."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store import stacks as module
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.documents import notes, repairing
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.stacks import StackState, Version, known_stacks

FILES = {"stack.yml": "schema: 1\n", "compose.yml": "services: {}\n"}
RECORD = {"schema": 1, "files": {"stack.yml": "", "compose.yml": ""}, "verified": "abc"}
GOOD = {"schema": 1, "files": FILES, "env": "A=1\n"}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return the folder of a stack that an earlier release wrote."""
    folder = tmp_path / "srv/acme/app"
    (folder / ".vsa").mkdir(parents=True)
    (folder / "stack.yml").write_text(FILES["stack.yml"], encoding="utf-8")
    (folder / ".vsa/stack.json").write_text(json.dumps(RECORD), encoding="utf-8")
    (folder / ".vsa/good.json").write_text(json.dumps(GOOD), encoding="utf-8")
    (folder / ".vsa/refused.env").write_text("A=0\n", encoding="utf-8")
    return folder


@pytest.fixture
def state(tmp_path: Path) -> StackState:
    return StackState(Paths(str(tmp_path)), "acme", "app")


def test_a_stack_of_an_earlier_release_is_known_and_untouched(old: Path, state: StackState, tmp_path: Path) -> None:
    assert known_stacks(Paths(str(tmp_path))) == [("acme", "app")]
    assert state.is_old()
    assert state.record() == RECORD
    assert state.manifest() == FILES["stack.yml"]
    assert state.compose_files() == []
    assert not state.path.exists()
    assert (old / ".vsa/good.json").exists()


def test_its_files_move_with_the_next_version(old: Path, state: StackState, tmp_path: Path) -> None:
    more = Version({**FILES, "compose.override.yml": "services: {}\n"}, "A=2\n")
    state.write(more, {"schema": 1})
    assert not (old / ".vsa").exists()
    assert (old / "stack.yml").exists()
    assert state.good() == Version(FILES, "A=1\n")
    assert (state.path / "refused.env").read_text(encoding="utf-8") == "A=0\n"
    assert state.version() == more
    assert state.compose_files() == [str(state.path / "compose.yml"), str(state.path / "compose.override.yml")]
    assert known_stacks(Paths(str(tmp_path))) == [("acme", "app")]
    state.write(Version(FILES, "A=2\n"), {"schema": 1})
    assert state.compose_files() == [str(state.path / "compose.yml")]


class Killed(BaseException):
    """The run ends here."""


@pytest.mark.parametrize("step", range(1, 15))
def test_a_move_that_is_killed_is_finished_by_the_next(
    old: Path, state: StackState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    left = [step]

    def counted(call: Callable[..., object]) -> Callable[..., object]:
        def run(*words: object, **more: object) -> object:
            left[0] -= 1
            if left[0] == 0:
                raise Killed
            return call(*words, **more)

        return run

    with monkeypatch.context() as patched:
        patched.setattr(module, "write_atomically", counted(module.write_atomically))
        patched.setattr(os, "unlink", counted(os.unlink))
        patched.setattr(os, "rmdir", counted(os.rmdir))
        killed = False
        try:
            state.write(Version(FILES, "A=2\n"), RECORD)
        except Killed:
            killed = True
        assert killed or step > 10
    assert known_stacks(Paths(str(tmp_path))) == [("acme", "app")], "the stack is known at any instant"
    assert state.record()["verified"] == "abc"
    state.write(Version(FILES, "A=2\n"), RECORD)
    assert not (old / ".vsa").exists()
    assert state.good() == Version(FILES, "A=1\n")
    assert state.version() == Version(FILES, "A=2\n")


def test_what_somebody_else_put_there_stays(old: Path, state: StackState) -> None:
    (old / ".vsa/mine").write_text("mine", encoding="utf-8")
    state.write(Version(FILES, ""), RECORD)
    assert [path.name for path in (old / ".vsa").iterdir()] == ["mine"]
    assert not state.is_old()


HOSTILE = {"services": {"web": {"image": "app:1", "privileged": True}}}


def test_what_a_container_writes_later_is_not_taken_over(old: Path, state: StackState) -> None:
    """The root of a container that mounts the folder of the stack is root for the host too."""
    state.write(Version(FILES, "A=2\n"), RECORD)
    (old / ".vsa").mkdir(exist_ok=True)
    (state.path / "good.json").unlink()
    (old / ".vsa/stack.json").write_text(json.dumps(RECORD), encoding="utf-8")
    (old / ".vsa/good.json").write_text(json.dumps(GOOD), encoding="utf-8")
    state.write(Version(FILES, "A=3\n"), RECORD)
    assert state.good() is None
    assert not (old / ".vsa").exists()


def test_no_judgement_in_the_folder_is_believed(old: Path, state: StackState) -> None:
    forged = {**GOOD, "judged": json.dumps(HOSTILE), "said": "x", "runs_said": True}
    (old / ".vsa/good.json").write_text(json.dumps(forged), encoding="utf-8")
    state.write(Version(FILES, "A=2\n"), RECORD)
    assert state.good() == Version(FILES, "A=1\n")


def test_a_folder_passes_for_no_project_of_others_and_closes_no_site(old: Path, state: StackState) -> None:
    forged = {**RECORD, "project": "beta-shop", "closed": ["shop.example.com"], "down": True}
    (old / ".vsa/stack.json").write_text(json.dumps(forged), encoding="utf-8")
    assert state.record() == RECORD
    assert state.project() == "app"
    (old / ".vsa/stack.json").write_text(json.dumps({**RECORD, "project": "acme-app"}), encoding="utf-8")
    assert state.project() == "acme-app"


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to users: needs root")
@pytest.mark.parametrize("place", [".vsa", ".vsa/stack.json"])
def test_what_a_tenant_wrote_is_no_stack(old: Path, state: StackState, tmp_path: Path, place: str) -> None:
    os.chown(old / place, 1000, 1000)
    assert not state.is_old()
    assert known_stacks(Paths(str(tmp_path))) == []


@pytest.mark.parametrize("place", ["app", "app/.vsa"])
def test_a_link_is_no_stack(old: Path, tmp_path: Path, place: str) -> None:
    path = old.parent / place
    moved = path.rename(path.with_name("moved"))
    path.symlink_to(moved)
    assert ("acme", "app") not in known_stacks(Paths(str(tmp_path)))


@pytest.mark.parametrize("spoilt", ["", "{", "[]", '{"schema": 2}', '{"schema": 1, "files": 7}'])
def test_a_spoilt_file_is_none(state: StackState, spoilt: str) -> None:
    state.write(Version(FILES, ""), RECORD)
    state.keep_good()
    for name in ("good.json", "version.json"):
        (state.path / name).write_text(spoilt, encoding="utf-8")
    assert state.good() is None
    assert state.version() is None
    state.keep_good()


def test_what_was_judged_is_all_that_compose_reads(state: StackState) -> None:
    judged = '{"name": "app", "services": {}}'
    version = Version({**FILES, "compose.override.yml": "services: {}\n"}, "A=1\n", judged)
    state.write(version, RECORD)
    assert state.compose_files() == [str(state.path / "compose.yml")]
    assert (state.path / "compose.yml").read_text(encoding="utf-8") == judged
    state.keep_good()
    assert state.good() == version


def test_a_stack_whose_record_is_damaged_is_still_known(state: StackState, tmp_path: Path) -> None:
    state.write(Version(FILES, ""), RECORD)
    (state.path / "stack.json").write_bytes(b"\xff{")
    with repairing():
        assert state.record() == {}
    assert (state.path / "stack.json.damaged").exists()
    assert known_stacks(Paths(str(tmp_path))) == [("acme", "app")]
    named = f"{state.path}/stack.json was damaged (it is not UTF-8)"
    assert [note for note in notes() if note.startswith(named)], "other tests leave notes too"


@pytest.mark.parametrize("runs", [True, False])
def test_compose_runs_the_labels_of_a_stack_of_the_collection(state: StackState, runs: bool) -> None:
    files = {"stack.yml": "schema: 1\n", "compose.yml": "services: {}\n"}
    said = '{"services": {"web": {"labels": {"vsa.files": "x"}}}}'
    version = Version(files, "", own_config=said, runs_own_config=runs)
    state.write(version, {"schema": 1})
    assert state.version() == version
    assert version.to_run()["compose.yml"] == (said if runs else "services: {}\n")


def test_compose_is_told_whose_stack_it_runs(state: StackState) -> None:
    """A stack of the collection runs as it is written, so these variables are not filled in before."""
    state.write(Version(FILES, "A=1\n"), RECORD)
    assert (state.path / ".env").read_text(encoding="utf-8") == "VSA_TENANT=acme\nVSA_STACK=app\nA=1\n"
