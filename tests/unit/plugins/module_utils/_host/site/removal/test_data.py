# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data of a removed site on a real file system: nothing is followed out of it, nothing mounted is entered."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.removal import ContainerInfo, Mount
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.removal.data import Purge, carry_out, plan_purge
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths


class NoVolumes:
    """An engine without volumes."""

    def volumes(self) -> dict[str, dict[str, str]]:
        return {}


@pytest.fixture
def srv(tmp_path: Path) -> Path:
    """A tree that stands for /srv."""
    data = tmp_path / "srv/acme/shop/data"
    data.mkdir(parents=True)
    (data / "db").write_text("x")
    return tmp_path / "srv"


def proc(tmp_path: Path, *points: str) -> Path:
    place = tmp_path / "proc/self"
    place.mkdir(parents=True)
    lines = [f"{n} 1 0:1 / {point} rw - ext4 /dev/x rw" for n, point in enumerate(points)]
    (place / "mountinfo").write_text("\n".join(lines))
    return tmp_path / "proc"


def plan(tmp_path: Path, source: Path, *points: str) -> Purge:
    mounts, others = [Mount(str(source))], list[ContainerInfo]()
    return plan_purge(
        NoVolumes(),  # type: ignore[arg-type]
        mounts,
        others,
        paths=Paths(str(tmp_path)),
        proc=proc(tmp_path, "/", *points),
    )


def carry(tmp_path: Path, purge: Purge) -> None:
    carry_out(NoVolumes(), purge, Paths(str(tmp_path)))  # type: ignore[arg-type]


def test_a_directory_goes_and_empty_parents_with_it(tmp_path: Path, srv: Path) -> None:
    found = plan(tmp_path, srv / "acme/shop/data")
    assert found.places == (str(srv / "acme/shop/data"),)
    carry(tmp_path, found)
    assert not (srv / "acme/shop").exists()


def test_a_parent_with_something_else_stays(tmp_path: Path, srv: Path) -> None:
    (srv / "acme/shop/compose.yml").write_text("services: {}\n")
    carry(tmp_path, plan(tmp_path, srv / "acme/shop/data"))
    assert [path.name for path in (srv / "acme/shop").iterdir()] == ["compose.yml"]


def test_a_link_is_not_followed(tmp_path: Path, srv: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (srv / "acme/shop/link").symlink_to(tmp_path / "elsewhere")
    found = plan(tmp_path, srv / "acme/shop/link")
    assert (found.places, list(found.refused.values())) == ((), ["it is a link"])


def test_a_link_on_the_way_is_not_followed(tmp_path: Path, srv: Path) -> None:
    (srv / "evil").symlink_to(srv / "acme")
    assert plan(tmp_path, srv / "evil/shop/data").places == ()


def test_what_is_mounted_inside_is_not_entered(tmp_path: Path, srv: Path) -> None:
    inside = srv / "acme/shop/data/nfs"
    found = plan(tmp_path, srv / "acme/shop/data", str(inside))
    assert (found.places, list(found.refused.values())) == ((), [f"{inside} is mounted there"])


def test_a_link_inside_loses_only_itself(tmp_path: Path, srv: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/file").write_text("x")
    (srv / "acme/shop/data/link").symlink_to(tmp_path / "precious")
    carry(tmp_path, plan(tmp_path, srv / "acme/shop/data"))
    assert (tmp_path / "precious/file").exists()


def test_gone_already_is_fine(tmp_path: Path, srv: Path) -> None:
    found = plan(tmp_path, srv / "acme/shop/none")
    assert (found.places, found.refused) == ((), {})


def test_the_stack_itself_stays(tmp_path: Path, srv: Path) -> None:
    (srv / "acme/shop/compose.yml").write_text("services: {}\n")
    found = plan(tmp_path, srv / "acme/shop")
    assert (found.places, list(found.refused.values())) == ((), ["it holds the stack itself: compose.yml"])
