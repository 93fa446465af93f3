"""The containers of the hub's own host as Docker says them now, by the read-only API of the stack `docker-api`.

The list of Docker has the command and all labels of each container. Nothing of that is kept: a row has the fields that
are named here. Restarts and the memory limit are not in the list, they come with the beat of the host's agent.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hub.asking import AskError, ask_json
from hub.core import escaped
from hub.moments import Clock, now, rfc3339
from hub.sources import no_answer, source_entry

__all__ = ("DockerList", "LiveContainers", "live_row")

_NAME = "Docker"
_PATH, _QUERY = "/containers/json", {"all": "1"}
_SECONDS = 2.0
_KEPT = 1.0
_MOST_BYTES, _MOST_ROWS, _LONGEST = 16 << 20, 20_000, 300
_ID = re.compile(r"[0-9a-f]{64}")
_HEALTH = re.compile(r"\((healthy|unhealthy|health: starting)\)\Z")
_EXIT = re.compile(r"(?:Exited|Restarting) \((-?[0-9]{1,5})\) ")
_LABELS = {"project": "com.docker.compose.project", "service": "com.docker.compose.service"}


@dataclass(frozen=True)
class LiveContainers:
    """What Docker said: when it answered last, and its rows; None if it does not answer, since when, and why.

    A hub without Docker's address has neither rows nor an error.
    """

    at: datetime | None
    rows: Sequence[Mapping[str, Any]] | None
    error: str | None
    since: datetime | None

    def entry(self) -> dict[str, Any]:
        """Return the entry of a page's list of sources."""
        if self.error is not None:
            return source_entry(_NAME, "bad", at=self.at, text=no_answer(self.since, self.error))
        if self.rows is None:
            return source_entry(_NAME, "silent", text="not set up: DOCKER_URL is empty")
        return source_entry(_NAME, "ok")


@dataclass
class DockerList:
    """Asks for the list at ``url``; an answer is kept for a second."""

    url: str = ""
    clock: Clock = now
    monotonic: Callable[[], float] = time.monotonic
    _told: LiveContainers = field(default_factory=lambda: LiveContainers(None, None, None, None))
    _asked: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def live_containers(self) -> LiveContainers:
        """Return the containers of this moment, or why they are not known."""
        if not self.url:
            return self._told
        # Whoever comes while one asks waits for the same answer.
        with self._lock:
            if self.monotonic() - self._asked >= _KEPT:
                self._told = self._ask()
                self._asked = self.monotonic()
            return self._told

    def _ask(self) -> LiveContainers:
        try:
            answer = ask_json(self.url, _PATH, _QUERY, seconds=_SECONDS, most=_MOST_BYTES)
            rows = [live_row(entry) for entry in _list(answer)]
        except AskError as error:
            return LiveContainers(self._told.at, None, str(error), self._told.since or self.clock())
        return LiveContainers(self.clock(), sorted(rows, key=lambda row: str(row["name"])), None, None)


def _list(answer: Any) -> list[Any]:
    if not isinstance(answer, list) or len(answer) > _MOST_ROWS:
        raise AskError("the answer is no list of containers")
    return answer


def live_row(entry: Any) -> dict[str, Any]:
    """Return the row of an entry of Docker's list. AskError if it is none.

    ``health`` and ``exit_code`` are in Docker's words for people, such as ``Up 2 hours (healthy)``; without these words
    they are None. The words themselves change every second, so they are not kept.
    """
    if not isinstance(entry, Mapping) or not _ID.fullmatch(str(entry.get("Id"))):
        raise AskError("the answer is no list of containers")
    status = str(entry.get("Status") or "")
    health, code = _HEALTH.search(status), _EXIT.match(status)
    labels = entry.get("Labels")
    found = labels if isinstance(labels, Mapping) else {}
    return {
        "id": entry["Id"],
        "name": _name(entry),
        "image": _text(entry.get("Image")),
        "state": _text(entry.get("State")),
        "health": health[1].removeprefix("health: ") if health else None,
        "exit_code": int(code[1]) if code else None,
        "created_at": _moment(entry.get("Created")),
        **{name: _text(found.get(label)) for name, label in _LABELS.items()},
    }


def _name(entry: Mapping[str, Any]) -> str:
    """Return the container's own name; a name with a second slash is one that a link gave it."""
    names = entry.get("Names")
    own = [str(name).removeprefix("/") for name in (names if isinstance(names, list) else ())]
    return _text(next((name for name in own if "/" not in name), None)) or str(entry["Id"])[:12]


def _text(value: object) -> str | None:
    return escaped(value)[:_LONGEST] if isinstance(value, str) and value else None


def _moment(value: object) -> str | None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 1 << 36:
        return None
    return rfc3339(datetime.fromtimestamp(value, UTC))
