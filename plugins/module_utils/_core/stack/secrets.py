# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets of a stack.yml: variables of env/.env that the host makes, and the form of each.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import forms
from ..errors import RefusedError
from .entries import entries

__all__ = ("ALNUM", "BASE64URL", "BCRYPT_OF", "FORMATS", "HEX", "Secret", "secrets")

ALNUM, HEX, BASE64URL, BCRYPT_OF = "alnum", "hex", "base64url", "bcrypt-of"
FORMATS = (ALNUM, HEX, BASE64URL, BCRYPT_OF)

_KEYS = ("name", "length", "rotatable", "format", "prefix", "of")
_PREFIX = re.compile(r"[A-Za-z0-9._-]{0,32}")


@dataclass(frozen=True)
class Secret:
    """A variable of env/.env that the host makes if env/.env lacks it.

    * ``format``: ALNUM: ``length`` random letters and digits; HEX or BASE64URL (RFC 4648, without padding): as many
      random bytes. BCRYPT_OF: the bcrypt hash of the variable ``of``, made again whenever that variable changes.
    * ``prefix`` stands before the random part. A hash has none.
    * ``rotatable`` says that the stack goes on with another value: nothing is encrypted by it, and no database keeps
      it.
    """

    name: str
    length: int = 32
    rotatable: bool = False
    format: str = ALNUM
    prefix: str = ""
    of: str | None = None

    @property
    def letters(self) -> int:
        """Return how many letters the value has."""
        random = {HEX: 2 * self.length, BASE64URL: (4 * self.length + 2) // 3}.get(self.format, self.length)
        return len(self.prefix) + random


def secrets(value: object, field: str) -> tuple[Secret, ...]:
    """Return the secrets of a stack. RefusedError if one has not its form, or if a hash is one of a hash."""
    found = tuple(_secret(entry, place) for entry, place in entries(value, field, _KEYS))
    known = {secret.name: secret for secret in found}
    for number, secret in enumerate(found):
        source = known.get(secret.of or "")
        if source is None:
            continue
        place = f"{field}/{number}/of"
        if source.format == BCRYPT_OF:
            raise RefusedError("this is a hash itself", field=place, value=secret.of, expected="what is to be hashed")
        if source.letters > forms.PASSWORD_MAX_BYTES:
            raise RefusedError(
                f"bcrypt hashes {forms.PASSWORD_MAX_BYTES} letters, and {source.name} has {source.letters}",
                field=place,
                value=secret.of,
                expected="a shorter secret",
            )
    return found


def _secret(entry: Mapping[str, Any], place: str) -> Secret:
    form = entry.get("format", ALNUM)
    if form not in FORMATS:
        raise RefusedError(
            "this is not the format of a secret", field=f"{place}/format", value=form, expected=", ".join(FORMATS)
        )
    name = forms.variable(entry.get("name"), field=f"{place}/name")
    if form == BCRYPT_OF:
        return _hash(entry, place, name)
    if "of" in entry:
        raise RefusedError(
            "only a hash is of another variable",
            field=f"{place}/of",
            value=entry["of"],
            expected=f"format: {BCRYPT_OF}",
        )
    return Secret(
        name=name,
        length=forms.whole_number(entry.get("length", 32), field=f"{place}/length", least=16, most=128),
        rotatable=forms.boolean(entry.get("rotatable", False), field=f"{place}/rotatable"),
        format=str(form),
        prefix=_prefix(entry.get("prefix", ""), f"{place}/prefix"),
    )


def _hash(entry: Mapping[str, Any], place: str, name: str) -> Secret:
    for key in ("length", "prefix", "rotatable"):
        if key in entry:
            raise RefusedError(
                "a hash follows its variable",
                field=f"{place}/{key}",
                value=entry[key],
                expected=f"{key} at the variable",
            )
    source = forms.variable(entry.get("of"), field=f"{place}/of")
    if source == name:
        raise RefusedError("this is a hash itself", field=f"{place}/of", value=source, expected="another variable")
    return Secret(name=name, format=BCRYPT_OF, of=source)


def _prefix(value: object, field: str) -> str:
    if not isinstance(value, str) or not _PREFIX.fullmatch(value):
        raise RefusedError(
            "this is not a prefix", field=field, value=value, expected="at most 32 letters, digits, '.', '_' and '-'"
        )
    return value
