"""What a reader of the audit page asks for: filters and a place in the list. All of it is in the address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from hub.core import STATUS
from hub.errors import HubError
from hub.moments import precise

__all__ = ("NOT_OK", "STATES", "Key", "Wanted", "wanted_of")

NOT_OK = "not_ok"
"""The filter for everything that ended otherwise than well."""

STATES = (NOT_OK, *STATUS.values())
"""What the filter `status` takes."""

_LONGEST = 300
_HASH = re.compile(r"[0-9a-f]{64}")
_TEXTS = ("actor", "node", "verb", "target", "status", "run")
_TIME = "a date or a time, such as 2026-11-24 or 2026-11-24T10:00:00Z"


@dataclass(frozen=True, order=True)
class Key:
    """A place in the list, which goes by time and then by hash, backwards."""

    at: datetime
    hash: str

    def __str__(self) -> str:
        return f"{precise(self.at)}~{self.hash}"


@dataclass(frozen=True)
class Wanted:
    """Filters, all of which must hold, and ``before``: the list begins after this place.

    ``since`` is the earliest time, ``until`` the first one that is too late.
    """

    actor: str | None = None
    node: str | None = None
    verb: str | None = None
    target: str | None = None
    status: str | None = None
    run: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: Key | None = None

    @property
    def filters(self) -> dict[str, str]:
        """Return the filters as the address has them."""
        found = {name: getattr(self, name) for name in _TEXTS}
        found |= {"from": self.since and precise(self.since), "to": self.until and precise(self.until)}
        return {name: value for name, value in found.items() if value}

    def address(self, path: str, before: Key | None = None) -> str:
        """Return the address of the list from a place on, with the same filters."""
        said = self.filters | ({"before": str(before)} if before else {})
        return f"{path}?{urlencode(said)}" if said else path

    def first(self) -> Wanted:
        """Return the same filters, from the newest record on."""
        return replace(self, before=None)


def wanted_of(query: Mapping[str, Any]) -> Wanted:
    """Return what an address asks for. HubError 400 names the first value that is wrong; an empty one is not said."""
    said = {name: _text(query, name) for name in (*_TEXTS, "from", "to", "before")}
    if said["status"] is not None and said["status"] not in STATES:
        raise _wrong("status", said["status"], " ".join(STATES))
    return Wanted(
        **{name: said[name] for name in _TEXTS},
        since=_moment("from", said["from"]),
        until=_moment("to", said["to"]),
        before=_key(said["before"]),
    )


def _text(query: Mapping[str, Any], name: str) -> str | None:
    value = str(query.get(name) or "").strip()
    if len(value) > _LONGEST or "\0" in value:
        raise _wrong(name, value, f"at most {_LONGEST} characters without NUL")
    return value or None


def _moment(name: str, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError as error:
        raise _wrong(name, value, _TIME) from error
    found = found.astimezone(UTC) if found.tzinfo and 1 < found.year < 9999 else found.replace(tzinfo=UTC)
    if not 1970 <= found.year < 9000:
        raise _wrong(name, value, _TIME)
    return found


def _key(value: str | None) -> Key | None:
    if value is None:
        return None
    at, _tilde, found = value.partition("~")
    moment = _moment("before", at)
    if moment is None or not _HASH.fullmatch(found):
        raise _wrong("before", value, "the value of a link of this page")
    return Key(moment, found)


def _wrong(name: str, value: str, expected: str) -> HubError:
    return HubError(400, "bad_request", f"expected: {expected}", name, value[:100])
