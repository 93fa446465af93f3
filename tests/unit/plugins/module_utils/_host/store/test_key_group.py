"""The group for keys and password files: that of the topmost directory, so that a host of before keeps its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.key_group import (
    group_below,
    key_trees,
    trees_of_before,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import KEYS_GID, NGINX_GID, Paths

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another group: needs root")


@pytest.mark.parametrize(
    ("group", "expected"), [(None, KEYS_GID), (0, KEYS_GID), (KEYS_GID, KEYS_GID), (NGINX_GID, NGINX_GID)]
)
def test_the_group_below_a_directory(tmp_path: Path, group: int | None, expected: int) -> None:
    top = tmp_path / "data"
    if group is not None:
        top.mkdir()
        os.chown(top, -1, group)
    assert group_below(top) == expected


def test_the_trees_of_an_earlier_release(tmp_path: Path) -> None:
    paths = Paths(str(tmp_path))
    assert trees_of_before(paths) == []
    for top in key_trees(paths):
        top.mkdir(parents=True)
    os.chown(paths.selfsigned, -1, NGINX_GID)
    assert trees_of_before(paths) == [paths.selfsigned]
