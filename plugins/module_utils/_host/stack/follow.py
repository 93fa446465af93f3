# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`stack logs --follow`: one slice of the logs of a stack, and the place where the next slice begins.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..._core.errors import RefusedError
from ..._core.result import Result
from ..._core.stack.cursor import Cursor, advance, begin, dump_cursors, load_cursors
from ..._core.stack.secrecy import Secrets
from ..machine.clock import time_now
from ..machine.docker import Container
from ..machine.docker_stack import StackEngine
from ..store.layout import Paths
from .folder import find_stack
from .health import own_containers, service_of
from .listing import MOST_LINES, since_moment
from .secrecy import learn_folder

__all__ = ("StackFollowRequest", "follow_logs")

_MOST_SECONDS = 60
# The second from which on the first slice looks for lines that come while it reads.
_RECENT_SECONDS = 2
_MOST_BYTES = 256 << 10


@dataclass(frozen=True)
class StackFollowRequest:
    """Which logs to follow.

    * ``seconds``: how long a slice waits for the first new line.
    * ``cursor``: where the slice before this one ended, "" for the first slice. That one has the last ``tail`` lines of
      each container, or those of them that are newer than ``since``, and waits for nothing.
    """

    name: str
    seconds: int
    cursor: str = ""
    tenant: str | None = None
    service: str | None = None
    tail: int = 100
    since: str | None = None


def follow_logs(
    request: StackFollowRequest, *, paths: Paths | None = None, engine: StackEngine | None = None
) -> Result:
    """Return the next lines of each container without the stack's secrets, and the ``cursor`` of the next slice.

    RefusedError if the stack has no container of the service.
    """
    if not 0 < request.seconds <= _MOST_SECONDS or not 0 <= request.tail <= MOST_LINES:
        raise RefusedError(
            "this is not a number of seconds or lines here",
            field="follow",
            value=f"{request.seconds}, {request.tail}",
            expected=f"1 to {_MOST_SECONDS} seconds, and at most {MOST_LINES} lines",
        )
    engine = engine or StackEngine()
    paths = paths or Paths()
    folder, stack = find_stack(paths, request.name, tenant=request.tenant)
    containers = own_containers(engine, stack, paths)
    chosen = [found for found in containers if request.service in (None, service_of(found))]
    if request.service is not None and not chosen and not request.cursor:
        services = sorted({service_of(found) for found in containers})
        raise RefusedError(
            "the stack has no such container", field="service", value=request.service, there_are=services
        )
    known = load_cursors(request.cursor)
    lines, cursors = _first(request, chosen, engine) if not request.cursor else _next(request, chosen, known, engine)
    secrets = Secrets()
    learn_folder(secrets, folder, stack)
    logs = [
        {
            "container": found.name,
            "service": service_of(found),
            "lines": [secrets.text(line) for line in lines[found.id]],
        }
        for found in chosen
        if lines[found.id]
    ]
    return Result(data={"logs": logs, "cursor": dump_cursors(cursors)})


Slice = tuple[dict[str, list[str]], dict[str, Cursor]]


def _first(request: StackFollowRequest, chosen: list[Container], engine: StackEngine) -> Slice:
    lines, cursors = {}, {}
    since = int(time_now().timestamp()) - _RECENT_SECONDS
    moment = since_moment(request.since)
    for found in chosen:
        last = engine.logs(found.id, tail=request.tail, since=moment).split("\n") if request.tail else []
        recent = engine.lines_since(found.id, since)
        lines[found.id], cursors[found.id] = begin([line for line in last if line], recent, since=since)
    return lines, cursors


def _next(
    request: StackFollowRequest, chosen: list[Container], known: Mapping[str, Cursor], engine: StackEngine
) -> Slice:
    # A container that is not known was made after the last slice: all of its lines are new.
    before = {found.id: known.get(found.id, Cursor()) for found in chosen}
    places = {identity: (cursor.since, cursor.seen) for identity, cursor in before.items()}
    windows = engine.followed(places, seconds=request.seconds, most=_MOST_BYTES)
    lines = {identity: windows[identity][cursor.seen :] for identity, cursor in before.items()}
    # Without a new line the place stays: the slice may have ended before it came to the known ones.
    cursors = {
        identity: advance(cursor, windows[identity]) if lines[identity] else cursor
        for identity, cursor in before.items()
    }
    return lines, cursors
