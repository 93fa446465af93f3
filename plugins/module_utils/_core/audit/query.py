# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of an audit trail, the same on the workstation and for a host's own trail.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from ..errors import (
    EXIT_INTERNAL,
    EXIT_INTERRUPTED,
    EXIT_NOT_ROLLED_BACK,
    EXIT_OK,
    EXIT_ROLLED_BACK,
    EXIT_UNREACHABLE,
    STATUS,
    UsageError,
)

__all__ = (
    "CHANGED",
    "DOUBTFUL",
    "READ_VERBS",
    "STATES",
    "TRAIL_VERBS",
    "UNCHANGED",
    "WOULD_CHANGE",
    "Query",
    "clocks_apart",
    "moment",
    "state_word",
)

# As in record.py, which is not imported here: the wrapper needs these words for its help.
_STARTED = "started"

CHANGED = "changed"
UNCHANGED = "unchanged"
WOULD_CHANGE = "would_change"
_ENDS = tuple(STATUS.values())

STATES = (_STARTED, CHANGED, UNCHANGED, WOULD_CHANGE, *_ENDS)
"""The words that ``--status`` takes: those of a list's column, and ``ok`` for the three kinds of a good end."""

DOUBTFUL = (
    _STARTED,
    *(
        STATUS[code]
        for code in (EXIT_ROLLED_BACK, EXIT_NOT_ROLLED_BACK, EXIT_UNREACHABLE, EXIT_INTERNAL, EXIT_INTERRUPTED)
    ),
)
"""The ends of runs that may have changed something although no change is recorded."""

READ_VERBS = (
    "agent.status",
    "audit.list",
    "audit.show",
    "auth.list",
    "cert.status",
    "host.ping",
    "host.status",
    "site.export",
    "site.list",
    "site.show",
    "stack.backups",
    "stack.list",
    "stack.logs",
    "stack.ps",
    "vhost.history",
    "vhost.list",
    "vhost.show",
)
"""The verbs that change nothing on a host. A contract test compares them with the playbooks."""

TRAIL_VERBS = ("audit.list", "audit.show")
"""The verbs that read a trail. They leave no record: a reader must not make the trail grow that it reads."""

_AGO = re.compile(r"([1-9][0-9]{0,5})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
# Two processes may write their records in another order than they read the clock. Nobody waits longer than this.
_CLOCK_SECONDS = 300.0
# A host writes its record at the end of a change. The id of the run was made at the run's start.
_LONGEST_RUN_SECONDS = 6 * 3600.0


@dataclass(frozen=True)
class Query:
    """Which runs of a trail are wanted. All conditions must hold.

    * ``since``: the earliest start, as records have it. ``last``: so many runs at most, the last ones; 0 is no limit.
    * ``host``: a host that the run acted on. ``hosts``: one of these; None means any.
    * ``verb``: a verb, or a noun for all of its verbs. ``target``: what the run acted on, or a site that it changed.
    * ``status``: some of STATES. ``changes``: no verbs that read, no checks, and nothing that ended well unchanged.
    """

    since: str | None = None
    host: str | None = None
    hosts: tuple[str, ...] | None = None
    verb: str | None = None
    target: str | None = None
    status: tuple[str, ...] = ()
    changes: bool = False
    last: int = 0


def moment(text: str, *, now: datetime, field: str = "since") -> str:
    """Return the time that ``since`` means, in the form of records. Text is ``2h``, a date, or an RFC 3339 time.

    A time without a zone is UTC. UsageError if the text is none of these.
    """
    ago = _AGO.fullmatch(text)
    try:
        if ago:
            found = now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        else:
            # Python 3.10 cannot parse the "Z".
            found = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text))
    except (ValueError, OverflowError):
        expected = "2h, 3d, 2026-11-24, or a time as in 2026-11-24T10:00:00Z"
        raise UsageError("this is not a time", field=field, value=text, expected=expected) from None
    utc = found.astimezone(timezone.utc) if found.tzinfo else found.replace(tzinfo=timezone.utc)
    return utc.isoformat(timespec="microseconds").replace("+00:00", "Z")


def state_word(status: str, *, changed: bool, check: bool) -> str:
    """Return the word of a list's column for the end of a run: the status, but three words for ``ok``."""
    if status != STATUS[EXIT_OK]:
        return status
    if not changed:
        return UNCHANGED
    return WOULD_CHANGE if check else CHANGED


def clocks_apart(runs: Iterable[tuple[str, str]], *, now: str) -> list[bool]:
    """Say of each run, given as its id and time in the order of the trail, whether its time cannot be right.

    A time is wrong if it is in the future, or before that of an earlier run, or far from the time in the run's id. The
    id of a run is made on the controller, and a host's record has the time of the host.
    """
    latest = 0.0
    current = _seconds(now)
    wrong = []
    for run_id, time in runs:
        at, began = _seconds(time), _began(run_id)
        late = at - began if began is not None else 0.0
        apart = at > current + _CLOCK_SECONDS or at < latest - _CLOCK_SECONDS
        apart = apart or not -_CLOCK_SECONDS <= late <= _LONGEST_RUN_SECONDS
        wrong.append(apart)
        if not apart:
            latest = max(latest, at)
    return wrong


def _seconds(time: str) -> float:
    try:
        return datetime.fromisoformat(re.sub("[zZ]$", "+00:00", time)).timestamp()
    except ValueError:
        return 0.0


def _began(run_id: str) -> float | None:
    """Return the time in a UUID of version 7, in seconds: its first 48 bits are milliseconds."""
    try:
        return int(run_id.replace("-", "")[:12], 16) / 1000
    except ValueError:
        return None
