# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text format of a password file (htpasswd): read users, set a user, remove a user.

All other lines stay as they are: comments, and hashes of other kinds that crypt(3) knows.
Sources: https://nginx.org/en/docs/http/ngx_http_auth_basic_module.html, crypt(5).
Note that this module is **private** to the collection.
"""

from __future__ import annotations

__all__ = ("file_name", "path_of", "users", "with_user", "without_user")


def file_name(path: str) -> str:
    """Return the name of the password file of a protected path. No path contains a comma."""
    return path.replace("/", ",")


def path_of(name: str) -> str:
    """Return the protected path that a password file belongs to."""
    return name.replace(",", "/")


def users(text: str) -> dict[str, str]:
    """Return the hash of each user, in the order of the file. Only the first line of a user counts, as in NGINX."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name = _user_of(line)
        if name is not None:
            # NGINX reads what follows a second colon as a comment.
            found.setdefault(name, line.split(":")[1])
    return found


def with_user(text: str, name: str, hashed: str) -> str:
    """Return the text with the hash of a user: in the user's first line, or in a new line at the end."""
    own = f"{name}:{hashed}"
    lines = [own if _user_of(line) == name else line for line in text.splitlines()]
    if own not in lines:
        return _text([*lines, own])
    first = lines.index(own)
    return _text(lines[: first + 1] + [line for line in lines[first + 1 :] if line != own])


def without_user(text: str, name: str) -> str:
    """Return the text without the lines of a user."""
    return _text([line for line in text.splitlines() if _user_of(line) != name])


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _user_of(line: str) -> str | None:
    name, colon, _hash = line.partition(":")
    return name if colon and not line.startswith("#") else None
