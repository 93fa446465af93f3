"""A stack's folder that others write: root follows no link there, and what VSA keeps lies elsewhere."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import parse_stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.folder import Folder, find_stack, stack_names
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.stacks import Version

STACK = parse_stack(
    {
        "schema": 1,
        "description": "An application",
        "tenant": "acme",
        "directories": [{"path": "data/up", "owner": 1000, "group": 1000, "mode": "0777"}],
    },
    name="app",
)
MANIFEST = "schema: 1\ndescription: An application\ntenant: acme\n"
FILES = {"stack.yml": MANIFEST, "compose.yml": "services: {}\n", "bin/run.sh": "exit 0\n"}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives directories to users: needs root")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(Paths(str(tmp_path)), STACK)
    made.write(Version(FILES, "A=1\n"))
    return made


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Return a directory of the host that no stack may touch."""
    made = tmp_path / "etc/systemd"
    made.mkdir(parents=True, mode=0o755)
    (made / "kept").write_text("secret of the host\n", encoding="utf-8")
    return made


def seen(victim: Path) -> list[object]:
    """Return owner, mode and content of a directory."""
    found = victim.stat()
    texts = {path.name: path.read_text(encoding="utf-8") for path in victim.iterdir()}
    return [found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode), texts]


def replace(path: Path, target: Path) -> None:
    """Replace a path by a link, as a container with this path in a volume can."""
    if path.exists():
        path.rename(path.with_name("moved"))
    path.symlink_to(target)


@pytest.mark.parametrize("place", ["data/up", "data", "bin", "env"])
def test_a_link_in_the_folder_is_refused_and_not_followed(folder: Folder, victim: Path, place: str) -> None:
    before = seen(victim)
    replace(folder.path / place, victim)
    with pytest.raises(RefusedError, match="is a link"):
        folder.write(Version(FILES, "A=2\n"))
    assert seen(victim) == before


@pytest.mark.parametrize("place", ["compose.yml", "bin/run.sh", "env/.env"])
def test_a_file_that_is_a_link_is_replaced_and_not_followed(folder: Folder, victim: Path, place: str) -> None:
    before = seen(victim)
    replace(folder.path / place, victim / "kept")
    if place == "env/.env":
        with pytest.raises(RefusedError, match="is a link"):
            folder.env()
        return
    assert place in folder.differing(FILES)
    assert "secret of the host" not in folder.diff({**FILES, place: "other\n"})
    folder.write(Version(FILES, "A=1\n"))
    assert seen(victim) == before
    assert not (folder.path / place).is_symlink()
    assert (folder.path / place).read_text(encoding="utf-8") == FILES[place]


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["fifo", "directory"])
def test_a_file_that_is_something_else_never_blocks(folder: Folder, make: Callable[[Path], None]) -> None:
    (folder.path / "bin/run.sh").unlink()
    make(folder.path / "bin/run.sh")
    assert "bin/run.sh" in folder.differing(FILES)


def test_a_folder_that_is_a_link_is_refused(folder: Folder, victim: Path) -> None:
    before = seen(victim)
    folder.path.rename(folder.path.with_name("moved"))
    folder.path.symlink_to(victim)
    with pytest.raises(RefusedError, match="is a link"):
        folder.write(Version(FILES, "A=1\n"))
    assert seen(victim) == before


def test_nothing_that_vsa_keeps_lies_in_the_folder(folder: Folder, tmp_path: Path) -> None:
    folder.remember_good()
    assert not (folder.path / ".vsa").exists()
    state = tmp_path / "var/lib/vsa/stacks/acme/app"
    assert {path.name for path in state.iterdir()} >= {"stack.json", "good.json", "compose.yml", ".env"}
    for path in (state, *state.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_what_compose_runs_is_vsas_own_copy(folder: Folder, tmp_path: Path) -> None:
    state = tmp_path / "var/lib/vsa/stacks/acme/app"
    assert folder.compose_files() == [str(state / "compose.yml")]
    assert folder.env_file() == str(state / ".env")
    (folder.path / "compose.yml").write_text("services: {evil: {privileged: true}}\n", encoding="utf-8")
    (folder.path / "env/.env").write_text("A=evil\n", encoding="utf-8")
    assert (state / "compose.yml").read_text(encoding="utf-8") == FILES["compose.yml"]
    assert (state / ".env").read_text(encoding="utf-8") == "VSA_TENANT=acme\nVSA_STACK=app\nA=1\n"
    folder.remember_good()
    good = folder.good()
    assert good == Version(FILES, "A=1\n"), "what somebody wrote into the folder is no version of VSA's"


def test_a_folder_that_a_tenant_made_is_no_stack(tmp_path: Path) -> None:
    paths = Paths(str(tmp_path))
    own = tmp_path / "srv/acme/reverse-proxy"
    (own / ".vsa").mkdir(parents=True)
    (own / ".vsa/stack.json").write_text('{"schema": 1}', encoding="utf-8")
    (own / "stack.yml").write_text(MANIFEST, encoding="utf-8")
    for path in (own, own / ".vsa", own / ".vsa/stack.json", own / "stack.yml"):
        os.chown(path, 1000, 1000)
    assert stack_names(paths) == []
    with pytest.raises(RefusedError, match="no such stack"):
        find_stack(paths, "reverse-proxy")
