"""The archive of a stack's folder: sent once, kept, and never another one than the one that was meant."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.files import File, pack
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.received import Archive, files_of, kept_files
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.stacks import StackState, Version

FILES: dict[str, File] = {"compose.yml": "services: {}\n"}
PACKED = pack(FILES)
SHA256 = hashlib.sha256(PACKED).hexdigest()


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(str(tmp_path / "root"))


@pytest.fixture
def sent(tmp_path: Path) -> str:
    (tmp_path / "sent.tar").write_bytes(PACKED)
    return str(tmp_path / "sent.tar")


def test_the_controller_sends_it_once(paths: Paths, sent: str) -> None:
    assert files_of("app", Archive(SHA256), paths=paths, check=False) is None
    assert files_of("app", Archive(SHA256, sent), paths=paths, check=False) == FILES
    assert files_of("app", Archive(SHA256), paths=paths, check=False) == FILES


def test_a_check_keeps_nothing(paths: Paths, sent: str) -> None:
    assert files_of("app", Archive(SHA256, sent), paths=paths, check=True) == FILES
    assert files_of("app", Archive(SHA256), paths=paths, check=False) is None
    assert not Path(paths.root).exists()


def test_only_the_newest_archive_of_a_stack_is_kept_for_root_alone(paths: Paths, tmp_path: Path, sent: str) -> None:
    for name in ("app", "app-two"):
        files_of(name, Archive(SHA256, sent), paths=paths, check=False)
    other = pack({"compose.yml": "other"})
    (tmp_path / "other.tar").write_bytes(other)
    digest = hashlib.sha256(other).hexdigest()
    files_of("app", Archive(digest, str(tmp_path / "other.tar")), paths=paths, check=False)
    cache = Path(paths.root, "var/cache/vsa-stacks")
    assert sorted(path.name for path in cache.iterdir()) == sorted([f"app-{digest}.tar", f"app-two-{SHA256}.tar"])
    assert cache.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in cache.iterdir())


def test_an_archive_that_was_damaged_is_sent_again(paths: Paths, sent: str) -> None:
    files_of("app", Archive(SHA256, sent), paths=paths, check=False)
    (kept,) = Path(paths.root, "var/cache/vsa-stacks").iterdir()
    kept.write_bytes(b"damaged")
    assert files_of("app", Archive(SHA256), paths=paths, check=False) is None
    Path(sent).write_bytes(PACKED[:-1])
    with pytest.raises(RefusedError, match="did not arrive whole"):
        files_of("app", Archive(SHA256, sent), paths=paths, check=False)


@pytest.mark.parametrize("digest", ["", "../x", "0" * 63])
def test_a_hash_that_is_none(paths: Paths, digest: str) -> None:
    with pytest.raises(RefusedError, match="not the hash of an archive"):
        files_of("app", Archive(digest), paths=paths, check=False)


@pytest.mark.parametrize(("judged", "own"), [("", True), ('{"services": {}}', False)])
def test_the_files_that_the_host_has(paths: Paths, judged: str, own: bool) -> None:
    manifest = "schema: 1\ndescription: An application\ntenant: acme\n"
    kept: dict[str, File] = {**FILES, "stack.yml": manifest}
    StackState(paths, "acme", "app").write(Version(kept, "A=1\n", judged), {"schema": 1})
    assert kept_files("app", tenant=None, paths=paths) == (kept, "acme", own)
    with pytest.raises(RefusedError, match="this host has no such stack"):
        kept_files("app", tenant="beta", paths=paths)
