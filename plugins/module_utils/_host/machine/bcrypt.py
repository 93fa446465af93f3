# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hashes of passwords by bcrypt, from the host's own libcrypt. Python 3.13 has no module for it any more.

Source: crypt(3), crypt(5) and crypt_gensalt(3) of libxcrypt, which every Debian and Ubuntu has.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import ctypes
import functools
import hmac
import os
from typing import Any

from ..._core.errors import RefusedError
from ..._core.forms import BCRYPT_COST, PASSWORD_MAX_BYTES

__all__ = ("fits", "hash_password")

_PREFIX = b"$2b$"
_SALT_BYTES = 16


def hash_password(password: str, *, field: str) -> str:
    """Return a new bcrypt hash. RefusedError, without the password, if it has more bytes than bcrypt reads."""
    secret = password.encode()
    if len(secret) > PASSWORD_MAX_BYTES:
        raise RefusedError(
            "this is too long to be hashed by bcrypt", field=field, expected=f"at most {PASSWORD_MAX_BYTES} bytes"
        )
    made = _crypt(secret, _library().crypt_gensalt(_PREFIX, BCRYPT_COST, os.urandom(_SALT_BYTES), _SALT_BYTES))
    if not made.startswith("$2b$"):
        raise RefusedError("libcrypt of this host cannot hash by bcrypt", field=field, expected="the package libcrypt1")
    return made


def fits(password: str, hashed: str) -> bool:
    """Say whether a hash is a bcrypt hash of a password."""
    if not hashed.startswith("$2") or not hashed.isascii():
        return False
    return hmac.compare_digest(_crypt(password.encode(), hashed.encode()), hashed)


def _crypt(secret: bytes, setting: bytes | None) -> str:
    # A failure is a text that is no hash, or nothing.
    found: bytes | None = _library().crypt(secret, setting) if setting else None
    return (found or b"*").decode("ascii", "replace")


@functools.cache
def _library() -> Any:
    try:
        library = ctypes.CDLL("libcrypt.so.1")
        library.crypt.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
        library.crypt.restype = ctypes.c_char_p
        library.crypt_gensalt.argtypes = (ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_int)
        library.crypt_gensalt.restype = ctypes.c_char_p
    except (OSError, AttributeError) as error:
        raise RefusedError(
            "this host has no libcrypt that hashes by bcrypt", field="secrets", expected="the package libcrypt1"
        ) from error
    return library
