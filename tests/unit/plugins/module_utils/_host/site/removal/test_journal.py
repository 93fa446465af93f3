# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a removal: written before the first effect, read by a later run, closed at the end."""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.removal.journal import Journal
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

SHOP = "shop.test"
JOURNAL = Journal(
    names=[SHOP, "www.shop.test"],
    network="flowbiz_ext_acme",
    containers={"web-1": "id-1"},
    mounts=[["/v", "v", "local"]],
    projects=["shop"],
)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    paths = Paths(str(tmp_path))
    assert Journal.read(paths, SHOP) is None
    JOURNAL.write(paths, SHOP)
    assert Journal.read(paths, SHOP) == JOURNAL
    place = Journal.place(paths, SHOP)
    assert place.stat().st_mode & 0o777 == 0o600
    assert json.loads(place.read_text())["domain"] == SHOP


def test_the_directory_goes_with_the_last_journal(tmp_path: Path) -> None:
    paths = Paths(str(tmp_path))
    JOURNAL.write(paths, SHOP)
    JOURNAL.write(paths, "b.test")
    Journal.close(paths, SHOP)
    assert Journal.read(paths, SHOP) is None
    assert Journal.read(paths, "b.test") == JOURNAL
    Journal.close(paths, "b.test")
    assert not paths.unprovision.exists()
    Journal.close(paths, "b.test")


def test_a_field_that_another_version_wrote_is_left_out(tmp_path: Path) -> None:
    paths = Paths(str(tmp_path))
    JOURNAL.write(paths, SHOP)
    place = Journal.place(paths, SHOP)
    place.write_text(json.dumps({**json.loads(place.read_text()), "new": 1}))
    assert Journal.read(paths, SHOP) == JOURNAL
    place.write_text("[]")
    assert Journal.read(paths, SHOP) is None
