# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The password files of a site go with it."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.flowbiz.vsa.plugins.module_utils._host.htpasswd import remains, remove_site
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.paths import Paths


def test_only_the_sites_own_go(tmp_path: Path) -> None:
    paths = Paths(str(tmp_path))
    paths.htpasswd.mkdir(parents=True)
    for name in ("shop.test", "www.shop.test", "shop.test.eu"):
        (paths.htpasswd / name).write_text("ann:$2y$10$x\n")
    assert remove_site(paths, "shop.test") == [str(paths.htpasswd / "shop.test")]
    assert remains(paths, "shop.test") == []
    assert sorted(path.name for path in paths.htpasswd.iterdir()) == ["shop.test.eu", "www.shop.test"]
    assert remove_site(paths, "shop.test") == []
