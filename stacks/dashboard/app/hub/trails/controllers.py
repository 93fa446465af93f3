"""The records of controllers, which are in Loki if the fleet has one: a controller need not be a node.

Nodes send their trails with their beats, the host of the hub too, since it runs an agent as all others: what the index
of that host (SQLite, readable by root alone) has is here with the next beat, and no file of root is mounted into the
container. Loki keeps a month, so it is asked for no more.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.asking import AskError, ask_json
from hub.moments import Clock, now
from hub.sources import Source, source_entry
from hub.trails.entries import Entry, entry_of_line
from hub.trails.wanted import NOT_OK, Wanted

__all__ = ("REACH", "Controllers", "Told")

REACH = timedelta(days=30)
"""How far back Loki is asked."""
_SECONDS = 2.0
# So every second refresh of a page asks nothing. A failure stops questions as long.
_KEPT = 15.0
_MOST_KEPT = 50
_MOST_LINES = 300
_MOST_BYTES = 8 << 20
_MOST_ENTRIES = 3_000
# Loki may have a record some seconds apart from the record's own time.
_APART = timedelta(seconds=5)
_NEWEST = {"direction": "backward"}
_PATH = "/loki/api/v1/query_range"


@dataclass(frozen=True)
class Told:
    """What Loki answered: records, and the time from which on these are all of them. No ``entries``: no answer."""

    entries: Sequence[Entry] | None
    complete_from: datetime | None = None


@dataclass
class Controllers:
    """Asks Loki for records of controllers. Without a ``url`` there is no Loki, and nothing is asked."""

    url: str = ""
    clock: Clock = now
    source: Source = field(default_factory=lambda: Source("Loki"))
    monotonic: Callable[[], float] = time.monotonic
    _kept: dict[tuple[Any, ...], tuple[float, Told]] = field(default_factory=dict)
    _entries: dict[tuple[Any, ...], Entry | None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _failed: float = float("-inf")

    def entry(self) -> dict[str, Any]:
        """Return the entry of a page's list of sources."""
        if not self.url:
            return source_entry(self.source.name, "silent", text="not set up: LOKI_URL is empty")
        return self.source.entry()

    def listed(self, wanted: Wanted, *, since: datetime | None, until: datetime | None) -> Told:
        """Return the newest records between two times that fit the filters."""
        return self._between(_selector(wanted), since, until)

    def of_runs(self, runs: Iterable[str], *, since: datetime | None, until: datetime | None) -> Told:
        """Return the newest records of runs between two times."""
        ids = "|".join(re.escape(run) for run in sorted(set(runs)))
        return self._between(f"{_ALL} |~ {json.dumps(f'"id":"({ids})"')}", since, until)

    def with_hash(self, found: str) -> Told:
        """Return the record of a hash, of the last month."""
        return self._between(f"{_ALL} |= {json.dumps(f'"hash":"{found}"')}", None, None, lines=True)

    def _between(self, query: str, since: datetime | None, until: datetime | None, *, lines: bool = False) -> Told:
        at = self.clock()
        start = max(since - _APART, at - REACH) if since else at - REACH
        end = until + _APART if until else None
        if not self.url or (end is not None and end <= start):
            return Told([])
        # The next refresh asks the same if nodes sent nothing new.
        key = (query, since, end)
        with self._lock:
            made, told = self._kept.get(key, (float("-inf"), Told(None)))
            if self.monotonic() - made < _KEPT:
                return told
            if self.monotonic() - self._failed < _KEPT:
                return Told(None)
        return self._asked(key, query, start, end or at + _APART, lines)

    def _asked(self, key: tuple[Any, ...], query: str, start: datetime, end: datetime, lines: bool) -> Told:
        asked = {
            "query": query,
            "start": _nano(start),
            "end": _nano(end),
            "limit": _MOST_LINES,
            "direction": "backward",
        }
        try:
            answer = ask_json(self.url, _PATH, asked, seconds=_SECONDS, most=_MOST_BYTES)
            told = self._told(answer, lines)
        except (AskError, LookupError, TypeError, ValueError) as error:
            with self._lock:
                self._failed = self.monotonic()
                self.source.failed(self.clock(), str(error) if isinstance(error, AskError) else "an unknown answer")
            return Told(None)
        with self._lock:
            self.source.answered(self.clock())
            self._kept[key] = (self.monotonic(), told)
            while len(self._kept) > _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
        return told

    def _told(self, answer: Any, lines: bool) -> Told:
        entries, stamps = [], []
        seen = set()
        for stream in answer["data"]["result"]:
            writer, late = str(stream["stream"].get("writer", ""))[:64], "late" in stream["stream"]
            for stamp, line in stream["values"]:
                at = datetime.fromtimestamp(int(stamp) / 1e9, UTC)
                stamps.append(at)
                made = entry_of_line(line, writer, at, late) if lines else self._entry(line, writer, at, late)
                # Loki may have a record twice.
                if made is not None and (made.writer, made.hash) not in seen:
                    seen.add((made.writer, made.hash))
                    entries.append(made)
        return Told(entries, min(stamps) if len(stamps) >= _MOST_LINES else None)

    def _entry(self, line: str, writer: str, at: datetime, late: bool) -> Entry | None:
        """Return a record without its line, as it was read before: each refresh brings the same lines."""
        key = (writer, at, late, hashlib.blake2b(line.encode(), digest_size=16).digest())
        if key not in self._entries:
            found = entry_of_line(line, writer, at, late)
            with self._lock:
                self._entries[key] = replace(found, line="") if found is not None else None
                while len(self._entries) > _MOST_ENTRIES:
                    del self._entries[next(iter(self._entries))]
        return self._entries.get(key)


def _nano(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000


_ALL = '{job="vsa-audit"}'


def _selector(wanted: Wanted) -> str:
    """Return the query for filters. A value is compared as the line has it: a quoted text within a quoted text."""
    parts = [_ALL]
    for key, value in (("id", wanted.run), ("user", wanted.actor), ("verb", wanted.verb), ("target", wanted.target)):
        if value is not None:
            parts.append(f"|= {json.dumps(f'"{key}":{json.dumps(value)}')}")
    if wanted.node is not None:
        parts.append(f"|~ {json.dumps(f'"hosts":\\[[^\\]]*{re.escape(json.dumps(wanted.node))}')}")
    if wanted.status == NOT_OK:
        parts.append(f"!~ {json.dumps('"status":"(ok|started)"')}")
    elif wanted.status is not None:
        parts.append(f"|= {json.dumps(f'"status":{json.dumps(wanted.status)}')}")
    return " ".join(parts)
