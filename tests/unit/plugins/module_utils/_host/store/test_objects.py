"""Stored files: whole or not there, read-only, once, and gone with the last generation that has them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.plan import (
    content_hash,
    manifest_file,
    site_file,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store import objects as store_objects
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.objects import Objects

SHOP = site_file("shop.example.com")
CONTENT = b"server {}\n"
DIGEST = content_hash(CONTENT)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A host without a stored file."""
    paths = Paths(str(tmp_path))
    paths.nginx.mkdir(parents=True)
    return paths


def put(paths: Paths, content: bytes = CONTENT, digest: str = DIGEST) -> Path:
    objects = Objects(paths)
    objects.put(SHOP, digest, content)
    return Path(objects.path(SHOP, digest))


def test_a_file_is_stored_read_only_under_its_hash(paths: Paths) -> None:
    path = put(paths)
    assert path == paths.nginx / f"store/shop.example.com/{DIGEST[:16]}.conf"
    assert (path.read_bytes(), path.stat().st_mode & 0o7777) == (CONTENT, 0o444)
    assert [entry.name for entry in (paths.nginx / "store").iterdir()] == ["shop.example.com"]
    manifest = Objects(paths).path(manifest_file("shop.example.com"), "0" * 64)
    assert manifest == f"{paths.nginx}/store/shop.example.com/{'0' * 16}.yml"


def test_what_is_there_is_not_written_again(paths: Paths) -> None:
    before = put(paths).stat()
    assert put(paths).stat() == before


@pytest.mark.parametrize("content", [b"", b"server {", b"# by hand\n"])
def test_a_damaged_file_is_replaced(paths: Paths, content: bytes) -> None:
    path = put(paths)
    path.unlink()
    path.write_bytes(content)
    assert put(paths).read_bytes() == CONTENT
    assert (path.stat().st_mode & 0o7777, path.stat().st_nlink) == (0o444, 1)
    assert path.with_name(f"{path.name}.edited").read_bytes() == content, "nobody's edit is lost"
    Objects(paths).remove([(SHOP, DIGEST)])
    assert not path.parent.exists()


@pytest.mark.parametrize("call", ["make_directory", "write_new", "replace"])
def test_a_kill_leaves_the_whole_file_or_none(paths: Paths, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    class Killed(BaseException):
        pass

    def kill(*words: object, **more: object) -> None:
        raise Killed

    owner = os if call == "replace" else store_objects
    with monkeypatch.context() as patch:
        patch.setattr(owner, call, kill)
        with pytest.raises(Killed):
            put(paths)
    assert not Path(Objects(paths).path(SHOP, DIGEST)).exists()
    assert put(paths).read_bytes() == CONTENT


def test_a_removal_takes_the_directory_with_the_last_file(paths: Paths) -> None:
    first = put(paths)
    second = put(paths, b"other", content_hash(b"other"))
    Objects(paths).remove([(SHOP, DIGEST[:16])])
    assert (first.exists(), second.exists()) == (False, True)
    Objects(paths).remove([(SHOP, content_hash(b"other")), (SHOP, DIGEST)])
    assert not first.parent.exists()
