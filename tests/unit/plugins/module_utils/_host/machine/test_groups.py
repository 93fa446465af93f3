"""A group of our own with a fixed number: made once, and refused if somebody else has the number or the name."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.groups import (
    ensure_group,
    group_names,
    refuse_foreign_group,
)

GROUPS = "root:x:0:\n_ssh:x:101:\nbroken\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/group").write_text(GROUPS)
    return tmp_path


def test_the_group_is_made_once(root: Path) -> None:
    assert ensure_group(str(root), "vsa-keys", 80443)
    assert group_names(str(root)) == {0: "root", 101: "_ssh", 80443: "vsa-keys"}
    assert not ensure_group(str(root), "vsa-keys", 80443)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("web:x:80443:", "the group 80443 of this host is web, and VSA needs this number for its own group vsa-keys"),
        ("vsa-keys:x:4711:", "the group vsa-keys of this host has the number 4711, and VSA needs 80443 for it"),
    ],
)
def test_another_group_with_the_number_or_the_name_is_refused(root: Path, line: str, message: str) -> None:
    (root / "etc/group").write_text(f"{GROUPS}{line}\n")
    for call in (refuse_foreign_group, ensure_group):
        with pytest.raises(RefusedError) as refused:
            call(str(root), "vsa-keys", 80443)
        assert refused.value.message == message


def test_a_tree_without_groups_gets_none(tmp_path: Path) -> None:
    assert not ensure_group(str(tmp_path), "vsa-keys", 80443)
    assert group_names(str(tmp_path)) == {}
