# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who uses a directory: by what it is, not by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.removal import ContainerInfo, Mount
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Container
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.removal.claims import (
    Claims,
    chain_of,
    mount_points,
    read_claims,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths


class Engine:
    """An engine with one running container."""

    def __init__(self, pid: int = 7) -> None:
        self.pid = pid

    def volumes(self) -> dict[str, dict[str, str]]:
        return {"plain": {}, "memory": {"device": "tmpfs"}}

    def container(self, name: str) -> Container:
        more: dict[str, Any] = {"image": "", "image_id": "", "health": None, "started_at": ""}
        return Container(name=name, id="id", status="running", pid=self.pid, **more)


def test_a_chain_leads_up_and_through_links(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "link").symlink_to("a")
    assert chain_of(tmp_path / "link/b") == chain_of(tmp_path / "a/b")
    assert chain_of(tmp_path / "a/b")[1:] == chain_of(tmp_path / "a")
    assert chain_of(tmp_path / "none") == ()
    assert chain_of("/") == (), "everything is below the root, so it says nothing"


@pytest.mark.parametrize(("place", "hit"), [("a", True), ("a/b", True), ("a/b/c", True), ("a/d", False), ("e", False)])
def test_who_is_on_a_directory(tmp_path: Path, place: str, hit: bool) -> None:
    for path in ("a/b/c", "a/d", "e"):
        (tmp_path / path).mkdir(parents=True)
    claims = Claims()
    claims.add("somebody uses it", chain_of(tmp_path / "a/b"))
    claims.add("nobody", chain_of(tmp_path / "none"))
    assert claims.on(str(tmp_path / place)) == ("somebody uses it" if hit else None)


def test_a_directory_that_was_renamed_under_a_running_container(tmp_path: Path) -> None:
    """The engine knows the path of before. The process has the directory itself."""
    real = tmp_path / "srv/acme/shop/data"
    real.mkdir(parents=True)
    root = tmp_path / "proc/7/root"
    root.mkdir(parents=True)
    (root / "data").symlink_to(real)
    info = ContainerInfo("blog", "id", mounts=(Mount("/srv/acme/blog/data", target="/data"),))
    own: dict[str, Any] = {"paths": Paths(str(tmp_path)), "own_volumes": set(), "own_projects": ()}
    claims = read_claims(Engine(), [info], proc=tmp_path / "proc", **own)  # type: ignore[arg-type]
    assert claims.on(str(real)) == "the container blog mounts it too"
    gone = read_claims(Engine(pid=8), [info], proc=tmp_path / "proc", **own)  # type: ignore[arg-type]
    assert gone.on(str(real)) is None


def test_mount_points_of_this_machine() -> None:
    assert "/proc" in mount_points(Path("/proc"))


@pytest.mark.parametrize(
    ("written", "place"),
    [
        (b"/a\\040b", "/a b"),
        (b"/a\\134040\\012\\011b", "/a\\040\n\tb"),
        # Python would end a line or a word here; the owner of a directory may call it so.
        (b"/a\x0bb\x85\x1f/c", "/a\x0bb\udc85\x1f/c"),
        ("/a\u2028b\u3000/c".encode(), "/a\u2028b\u3000/c"),
    ],
)
def test_the_name_of_a_mount_point(tmp_path: Path, written: bytes, place: str) -> None:
    (tmp_path / "self").mkdir()
    line = b"1 0 0:1 / " + written + b" rw - ext4 x rw\n"
    (tmp_path / "self/mountinfo").write_bytes(line + b"2 0 0:1 / /other rw - ext4 x rw\n")
    assert mount_points(tmp_path) == [place, "/other"]
