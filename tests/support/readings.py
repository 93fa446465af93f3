# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a path of a request may be read: by NGINX, which chooses the location, and by any backend behind the proxy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def decoded(text: str) -> str:
    """Decode %XX once; latin-1, so that every byte is one character."""
    return re.sub(r"%([0-9A-Fa-f]{2})", lambda found: chr(int(found[1], 16)), text)


def resolved(path: str) -> str:
    """Resolve dots and drop empty segments."""
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == "..":
            kept = kept[:-1]
        elif segment not in ("", "."):
            kept.append(segment)
    slash = "/" if segments[-1] in ("", ".", "..") and kept else ""
    return f"/{'/'.join(kept)}{slash}"


def nginx_uri(raw: str) -> str | None:
    """Return $uri of a raw request target; None if NGINX itself answers 400."""
    path = raw.partition("?")[0].partition("#")[0]
    if re.search(r"%(?![0-9A-Fa-f]{2})|%00", path) or _CONTROL.search(path):
        return None
    text = decoded(path)
    kept: list[str] = []
    for segment in text.split("/")[1:]:
        if segment == ".." and not kept:
            return None
        kept = kept[:-1] if segment == ".." else [*kept, *([segment] if segment not in ("", ".") else [])]
    last = text.rpartition("/")[2]
    slash = "/" if last in ("", ".", "..") and kept else ""
    return f"/{'/'.join(kept)}{slash}"


_HABITS: tuple[Callable[[str], str], ...] = (
    lambda path: path.replace("\\", "/"),
    lambda path: re.sub(r";[^/]*", "", path),
    lambda path: _CONTROL.split(path, maxsplit=1)[0],
    lambda path: re.split(r"[?#]", path, maxsplit=1)[0],
)


def _with_habits(paths: set[str]) -> set[str]:
    found = set(paths)
    while more := {habit(path) for path in found for habit in _HABITS} - found:
        found |= more
    return found


def readings(raw: str) -> set[str]:
    """Return every reading of a raw request target: paths with dots resolved and empty segments dropped."""
    path = raw.partition("?")[0].partition("#")[0]
    once = {decoded(text) for text in _with_habits({path})}
    twice = {decoded(text) for text in _with_habits(once)}
    return {resolved(text) for text in _with_habits(once | twice)}


def protecting(prefixes: Iterable[str], path: str) -> str | None:
    """Return the longest protected prefix that holds for a path: /admin/ does for /admin as well."""
    holding = [prefix for prefix in prefixes if path.startswith(prefix) or f"{path}/" == prefix]
    return max(holding, key=len, default=None)


def is_opened(path: str, opened: Iterable[str], protected: str | None) -> bool:
    """Say whether an open prefix lets everybody pass at a path below a protected one, as it is spelled."""
    return any(path.startswith(prefix) and len(prefix) > len(protected or "") for prefix in opened)


def is_refused(raw: str, prefixes: Iterable[str], *, asked: str | None = None, opened: Iterable[str] = ()) -> bool:
    """Say whether some reading of a request target is behind another password than the one that NGINX asks for.

    ``asked`` is the protected prefix of NGINX's location. If it is not given, each prefix has a location of its own.
    """
    lower = [prefix.lower() for prefix in prefixes]
    uri = nginx_uri(raw)
    if asked is None and uri is not None:
        asked = protecting(prefixes, uri)
        asked = None if is_opened(uri, opened, asked) else asked
    found = {read: protecting(lower, read.lower()) for read in readings(raw)}
    wanted = {prefix for read, prefix in found.items() if not is_opened(read, opened, prefix)}
    return bool(wanted - {None, asked.lower() if asked else None})
