# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.auth import htpasswd

HASH = "$2y$10$" + "a" * 53
OTHER = "$2b$12$" + "b" * 53


@pytest.mark.parametrize("path", ["/", "/admin/", "/admin", "/a/b.c/", "/~x@y:z+-_/"])
def test_a_path_and_its_file_name_it_each_other(path: str) -> None:
    name = htpasswd.file_name(path)
    assert "/" not in name
    assert name.startswith(",")
    assert htpasswd.path_of(name) == path


TEXT = f"# kept\nalice:{HASH}\nbob:$apr1$x$y:a comment\n\nalice:{OTHER}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("# alice:x\n", {}),
        ("no colon\n", {}),
        (TEXT, {"alice": HASH, "bob": "$apr1$x$y"}),
        (f"alice:{HASH}", {"alice": HASH}),
    ],
)
def test_the_first_line_of_a_user_counts(text: str, expected: dict[str, str]) -> None:
    assert htpasswd.users(text) == expected


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("", "alice", f"alice:{OTHER}\n"),
        ("bob:x", "alice", f"bob:x\nalice:{OTHER}\n"),
        (TEXT, "alice", f"# kept\nalice:{OTHER}\nbob:$apr1$x$y:a comment\n\n"),
        (TEXT, "bob", f"# kept\nalice:{HASH}\nbob:{OTHER}\n\nalice:{OTHER}\n"),
        ("#alice:x\n", "alice", f"#alice:x\nalice:{OTHER}\n"),
    ],
)
def test_with_user(text: str, name: str, expected: str) -> None:
    assert htpasswd.with_user(text, name, OTHER) == expected
    assert htpasswd.users(expected)[name] == OTHER
    assert name not in htpasswd.users(htpasswd.without_user(expected, name))


def test_without_user_leaves_the_others() -> None:
    assert htpasswd.without_user(TEXT, "alice") == "# kept\nbob:$apr1$x$y:a comment\n\n"
    assert htpasswd.without_user(TEXT, "carol") == TEXT
