# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.auth import htpasswd
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError

HASH = "$2y$10$" + "a" * 53
OTHER = "$2b$12$" + "b" * 53


@pytest.mark.parametrize("name", ["alice", "a", "_x", "ops@example.com", "a.b-c+d", "A" * 64, "0"])
def test_users(name: str) -> None:
    assert htpasswd.user(name) == name


@pytest.mark.parametrize(
    "name", ["", "a:b", "#a", "-a", ".a", "a b", "a\n", "a\0", "\x7f", "é", "A" * 65, "a/b", "a;b", None, 7, ["a"]]
)
def test_no_users(name: object) -> None:
    with pytest.raises(RefusedError) as caught:
        htpasswd.user(name)
    assert caught.value.field == "user"


@pytest.mark.parametrize("text", ["x", " ", "a:b", "x" * 72, "é" * 36, "{{ 7 * 7 }}", "#", "pässwörd 5"])
def test_passwords(text: str) -> None:
    assert htpasswd.password(text) == text


@pytest.mark.parametrize(
    "text", ["", "x" * 73, "é" * 37, "a\0b", "a\nb", "a\r", "a\tb", "\x7f", "\x85", "\x9f", "\ud800"]
)
def test_no_passwords_and_no_word_of_them(text: str) -> None:
    with pytest.raises(RefusedError) as caught:
        htpasswd.password(text)
    assert caught.value.value is None
    assert len(text) < 2 or text not in str(caught.value.as_result())


@pytest.mark.parametrize("text", [HASH, OTHER, "$2a$15$" + "./AZ9" * 10 + "abc"])
def test_hashes(text: str) -> None:
    assert htpasswd.password_hash(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "x", "$apr1$ab$cd", "$2y$09$" + "a" * 53, "$2y$16$" + "a" * 53, HASH + "a", HASH[:-1], f"{HASH}\n", None],
)
def test_no_hashes(text: object) -> None:
    with pytest.raises(RefusedError):
        htpasswd.password_hash(text)


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
