# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store import passwords as htpasswd
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

A = "a.example.com"
HASH = "$2y$10$" + "a" * 53


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A host with an empty directory of password files."""
    paths = Paths(str(tmp_path))
    paths.htpasswd.mkdir(parents=True)
    return paths


def test_a_file_is_replaced_whole_and_closed_to_others(paths: Paths) -> None:
    assert htpasswd.write_users_file(paths, A, "/admin/", f"alice:{HASH}\n")
    file = htpasswd.users_file(paths, A, "/admin/")
    assert file == paths.htpasswd / A / ",admin,"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o640, 0o750)
    before = file.stat().st_ino
    assert not htpasswd.write_users_file(paths, A, "/admin/", f"alice:{HASH}\n")
    assert file.stat().st_ino == before
    with file.open() as reader:
        assert htpasswd.write_users_file(paths, A, "/admin/", "")
        # What is remembered of a file is bound to its inode; and who reads it reads it to its end.
        assert file.stat().st_ino != before
        assert reader.read() == f"alice:{HASH}\n"
    assert list(file.parent.iterdir()) == [file]


def test_what_is_missing_is_made_and_locks(paths: Paths) -> None:
    htpasswd.write_users_file(paths, A, "/", f"alice:{HASH}\n")
    assert htpasswd.missing(paths, A, ["/", "/x/"]) == ["/x/"]
    assert htpasswd.make_missing(paths, A, ["/", "/x/"]) == ["/x/"]
    assert htpasswd.make_missing(paths, A, ["/", "/x/"]) == []
    assert htpasswd.read_users_file(paths, A, "/x/") == ""
    assert htpasswd.read_users_file(paths, A, "/") == f"alice:{HASH}\n"
    assert htpasswd.protected_on_disk(paths) == {A: ["/", "/x/"]}


def test_what_goes_is_gone(paths: Paths) -> None:
    for path in ("/", "/x/"):
        htpasswd.write_users_file(paths, A, path, "")
    assert htpasswd.remove_file(paths, A, "/")
    assert not htpasswd.remove_file(paths, A, "/")
    assert htpasswd.remains(paths, A) == [str(paths.htpasswd / A)]
    assert htpasswd.remove_file(paths, A, "/x/")
    assert htpasswd.remains(paths, A) == []
    htpasswd.write_users_file(paths, A, "/", "")
    assert htpasswd.remove_site(paths, A) == [str(paths.htpasswd / A)]
    assert htpasswd.remove_site(paths, A) == []
    assert list(paths.htpasswd.iterdir()) == []


def test_one_run_at_a_time(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(htpasswd, "_LOCK_SECONDS", 0.2)
    seen: list[str] = []
    with htpasswd.locked(paths):

        def second() -> None:
            try:
                with htpasswd.locked(paths):
                    seen.append("in")
            except RefusedError as error:
                seen.append(str(error.field))

        other = threading.Thread(target=second)
        other.start()
        other.join()
    assert seen == ["lock"]
    with htpasswd.locked(paths):
        pass
    assert list(paths.htpasswd.iterdir()) == []
