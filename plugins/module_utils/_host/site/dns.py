# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does DNS lead to this host: the addresses of many names, looked up at the same time and kept for ten minutes.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..._core.networks import within
from ..._core.shape import ListOf, MapOf, Object
from ..._core.site.visitor import Lookup
from ..._core.times import parse_time, rfc3339
from ..machine.files import write_atomically
from ..machine.together import done_in_time
from ..store.documents import read_document
from ..store.layout import Paths
from .challenge import answers_challenge, placed_challenge

__all__ = ("look_up",)

_KEPT = datetime.timedelta(minutes=10)
_AT_ONCE = 16
_CONNECT_SECONDS = 2.0
# The answers of a resolver that mean that a name has no address, not that the resolver failed.
_NO_ADDRESS = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))

_ADDRESSES = ListOf(str)
_SHAPE = Object(
    {
        "schema": int,
        "names": MapOf(
            Object({"time": str, "here": _ADDRESSES, "elsewhere": _ADDRESSES, "unknown": _ADDRESSES}, {}),
        ),
    },
    {},
)

_Names = Mapping[str, Sequence[str]]


def look_up(
    names: _Names, paths: Paths, *, now: datetime.datetime, fresh: bool = False, seconds: float = 5.0
) -> dict[str, Lookup]:
    """Return what DNS says of names; each has the networks of trusted proxies that may stand before this host.

    An answer is kept for ten minutes, unless ``fresh``. A name whose answer does not come in time has failed.
    """
    place = paths.state / "dns.json"
    kept = {} if fresh else _read(place, now)
    found = {name: kept[name][1] for name in names if name in kept}
    missing = [name for name in names if name not in found]
    if missing:
        with _challenge(paths) as token:
            answers = done_in_time(
                lambda name: _look_up(name, names[name], token), missing, at_once=_AT_ONCE, seconds=seconds
            )
        late = Lookup(failed=f"not within {seconds:.0f} s")
        found |= {name: answers.get(name, late) for name in missing}
        kept |= {name: (now, answer) for name, answer in answers.items() if answer.failed is None}
        # A host whose disk is full is still looked at.
        with contextlib.suppress(OSError):
            write_atomically(place, _text(kept), mode=0o600)
    return found


def _look_up(name: str, trusted: Sequence[str], token: str | None) -> Lookup:
    try:
        answers = socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return Lookup() if error.errno in _NO_ADDRESS else Lookup(failed=error.strerror or str(error))
    except (OSError, UnicodeError) as error:
        return Lookup(failed=str(error))
    places: dict[str, list[str]] = {"here": [], "elsewhere": [], "unknown": []}
    for address in dict.fromkeys(str(answer[4][0]) for answer in answers):
        places[_where(address, name, tuple(trusted), token)].append(address)
    return Lookup(tuple(places["here"]), tuple(places["elsewhere"]), tuple(places["unknown"]))


def _where(address: str, name: str, trusted: tuple[str, ...], token: str | None) -> str:
    """Say whether an address leads to this host: here, elsewhere or unknown."""
    if _is_own(address) or within(address, trusted):
        return "here"
    answered = _asked(address, name, token) if token else None
    if answered is not None:
        return "here" if answered else "elsewhere"
    # Behind address translation a host may be unable to reach its own public address.
    translated = ipaddress.ip_address(address).is_global and not _has_public_address()
    return "unknown" if translated else "elsewhere"


def _is_own(address: str) -> bool:
    """Say whether an address is one of this host: only then the kernel binds a socket to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _has_public_address() -> bool:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            # Sends nothing: it makes the kernel choose the source address (RFC 5737 reserves the target).
            probe.connect(("192.0.2.1", 9))
            return ipaddress.ip_address(probe.getsockname()[0]).is_global
    except OSError:
        return False


def _asked(address: str, name: str, token: str) -> bool | None:
    return answers_challenge(address, name, token, seconds=_CONNECT_SECONDS)


@contextmanager
def _challenge(paths: Paths) -> Iterator[str | None]:
    """Place a challenge and yield its token; None if it cannot be placed."""
    with contextlib.ExitStack() as stack:
        token = None
        with contextlib.suppress(OSError):
            token = stack.enter_context(placed_challenge(paths))
        yield token


# What is kept


def _text(kept: Mapping[str, tuple[datetime.datetime, Lookup]]) -> str:
    names = {
        name: {"time": rfc3339(time), "here": found.here, "elsewhere": found.elsewhere, "unknown": found.unknown}
        for name, (time, found) in kept.items()
    }
    return json.dumps({"schema": 1, "names": names}) + "\n"


def _read(place: Path, now: datetime.datetime) -> dict[str, tuple[datetime.datetime, Lookup]]:
    """Return the answers that still count; nothing if the file is missing or damaged."""
    document = read_document(place, _SHAPE)
    kept = {}
    for name, entry in (document["names"] if document else {}).items():
        time = parse_time(entry["time"])
        if time is not None and time <= now < time + _KEPT:
            here, elsewhere, unknown = (tuple(entry[where]) for where in ("here", "elsewhere", "unknown"))
            kept[name] = (time, Lookup(here, elsewhere, unknown))
    return kept
