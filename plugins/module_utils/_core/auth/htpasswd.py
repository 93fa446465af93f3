# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users and passwords of basic auth: what may be one, and the text of a password file.

Lines that somebody else wrote (a comment, another kind of hash that crypt(3) knows) are kept as they are.
Sources: https://nginx.org/en/docs/http/ngx_http_auth_basic_module.html, crypt(5), RFC 7617.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re

from ..errors import RefusedError

__all__ = (
    "COST",
    "MOST_BYTES",
    "file_name",
    "password",
    "password_hash",
    "path_of",
    "user",
    "users",
    "with_user",
    "without_user",
)

# bcrypt hashes the first 72 bytes and forgets the rest.
MOST_BYTES = 72
# What a password that people chose needs at least; the proxy remembers who passed, so it costs once, not per request.
COST = 10

_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+-]{0,63}")
_HASH = re.compile(r"\$2[aby]\$(?:1[0-5])\$[./A-Za-z0-9]{53}")


def user(value: object, *, field: str = "user") -> str:
    """Return a user's name. RFC 7617 forbids a colon in it, and a line that begins with # is a comment."""
    if not isinstance(value, str) or not _USER.fullmatch(value):
        raise RefusedError(
            "this is not a user's name",
            field=field,
            value=value,
            expected="1 to 64 letters, digits and . _ @ + -, the first a letter, digit or _",
        )
    return value


def password(value: str, *, field: str = "password") -> str:
    """Return a password that bcrypt and a client can hold; the error never has the value."""
    try:
        length = len(value.encode())
    except UnicodeEncodeError:
        raise RefusedError("the password is not text", field=field, expected="UTF-8") from None
    if not value:
        raise RefusedError("the password is empty", field=field, expected=f"1 to {MOST_BYTES} bytes of UTF-8")
    if length > MOST_BYTES:
        raise RefusedError(
            f"the password has {length} bytes, and bcrypt would ignore all after the first {MOST_BYTES}",
            field=field,
            expected=f"at most {MOST_BYTES} bytes of UTF-8",
        )
    if any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in value):
        raise RefusedError(
            "the password has a control character in it, which no browser can send",
            field=field,
            expected="a single line of printable characters",
        )
    return value


def password_hash(value: object, *, field: str = "hash") -> str:
    """Return a bcrypt hash as crypt(3) reads it, of cost 10 to 15; the error does not have the value."""
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise RefusedError("this is not a bcrypt hash", field=field, expected=f"$2y$… with a cost of {COST} to 15")
    return value


def file_name(path: str) -> str:
    """Return what the password file of a protected path is called; no path has a comma in it."""
    return path.replace("/", ",")


def path_of(name: str) -> str:
    """Return the protected path of a password file."""
    return name.replace(",", "/")


def _user_of(line: str) -> str | None:
    name, colon, _rest = line.partition(":")
    return name if colon and not line.startswith("#") else None


def users(text: str) -> dict[str, str]:
    """Return each user with the hash that counts, which is that of the first line, in the order of the file."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name = _user_of(line)
        if name is not None:
            # NGINX takes what follows a second colon as a comment.
            found.setdefault(name, line.partition(":")[2].partition(":")[0])
    return found


def with_user(text: str, name: str, hashed: str) -> str:
    """Return the text with a user's hash: in the user's place, or at the end."""
    lines, done = [], False
    for line in text.splitlines():
        if _user_of(line) != name:
            lines.append(line)
        elif not done:
            lines.append(f"{name}:{hashed}")
            done = True
    if not done:
        lines.append(f"{name}:{hashed}")
    return "".join(f"{line}\n" for line in lines)


def without_user(text: str, name: str) -> str:
    """Return the text without a user."""
    return "".join(f"{line}\n" for line in text.splitlines() if _user_of(line) != name)
