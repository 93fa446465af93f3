# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what certificates say with the standard library alone: the issuer and the last moment of a DER certificate.

For the agent's sender, which looks at what the proxy serves. Everything else uses the library ``cryptography``.
Source: RFC 5280, section 4.1; X.690 for DER.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

__all__ = ("issuer_and_end",)

_SEQUENCE, _CONTEXT_0 = 0x30, 0xA0
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_OBJECT = 0x06
_ORGANIZATION, _COMMON_NAME = b"\x55\x04\x0a", b"\x55\x04\x03"
_TEXTS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1E: "utf-16-be"}

_Part = tuple[int, bytes]


def issuer_and_end(certificate: bytes) -> tuple[str, datetime.datetime]:
    """Return the organization (or else the common name) of a certificate's issuer, and its last moment in UTC.

    ValueError if the bytes are no certificate.
    """
    try:
        _tag, outer = next(_parts(certificate))
        _tag, signed = next(_parts(outer))
        fields = [part for part in _parts(signed) if part[0] != _CONTEXT_0]
        # Serial number, algorithm of the signature, issuer, validity.
        issuer, validity = fields[2][1], fields[3][1]
        _start, end = list(_parts(validity))[:2]
    except (StopIteration, IndexError) as error:
        raise ValueError("this is no certificate") from error
    return _name(issuer), _time(end)


def _parts(data: bytes) -> Iterator[_Part]:
    """Yield tag and content of each element of DER data. ValueError if an element is longer than the data."""
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            raise ValueError("an element is cut short")
        tag, length, start = data[at], data[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[start : start + size], "big")
            start += size
        if start + length > len(data):
            raise ValueError("an element is cut short")
        yield tag, data[start : start + length]
        at = start + length


def _name(issuer: bytes) -> str:
    found: dict[bytes, str] = {}
    for _tag, several in _parts(issuer):
        for _tag_of_pair, pair in _parts(several):
            kind, text = list(_parts(pair))[:2]
            if kind[0] == _OBJECT and text[0] in _TEXTS:
                found.setdefault(kind[1], text[1].decode(_TEXTS[text[0]], "replace"))
    return found.get(_ORGANIZATION) or found.get(_COMMON_NAME) or "unknown"


def _time(part: _Part) -> datetime.datetime:
    tag, content = part
    text = content.decode("ascii", "replace")
    if tag == _UTC_TIME:
        # RFC 5280, section 4.1.2.5.1: 50 to 99 are of the last century.
        text = f"{'19' if text[:2] >= '50' else '20'}{text}"
    elif tag != _GENERALIZED_TIME:
        raise ValueError("this is no time")
    return datetime.datetime.strptime(text, "%Y%m%d%H%M%S%z").astimezone(datetime.timezone.utc)
