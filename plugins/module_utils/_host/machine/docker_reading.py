# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the Docker engine with the standard library alone: for the agent's collector, which starts every 30 seconds.

The Docker SDK is the way to the engine for everything else (``docker``). Its import alone takes 0.4 s of processor
time, which is half of what a whole beat may take. This engine answers the same questions by the same functions. It asks
each question once, and can change nothing: it knows only GET.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from ..._core.errors import RefusedError
from ..._core.hints import Hint
from ..._core.words import Words, error_words, shortened
from .docker import Engine

__all__ = ("SOCKET", "ReadingEngine")

SOCKET = "/var/run/docker.sock"
_SECONDS = 5.0
_ANSWER_MOST = 64 * 1024 * 1024
_NOT_FOUND = 404
_NEVER_NEEDED = {"Config": ("Env", "Cmd", "Entrypoint"), "": ("Args", "Path", "GraphDriver")}


class _NotFoundError(Exception):
    """The engine has no such container."""


class _EngineError(Exception):
    """The engine answered with an error, or with something else than JSON."""


class _Errors:
    """The names by which ``Engine`` knows the errors of the SDK."""

    NotFound = _NotFoundError
    APIError = _EngineError
    DockerException = _EngineError


class _Connection(http.client.HTTPConnection):
    """HTTP over the engine's socket."""

    def __init__(self, path: str, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Api:
    """The calls of the SDK's low-level client that ``Engine`` reads with. Each answer is kept."""

    def __init__(self, path: str, seconds: float) -> None:
        self._connection = _Connection(path, seconds)
        self._kept: dict[str, Any] = {}
        self._ids: dict[str, str] = {}
        found = self._get("/version")
        self._prefix = f"/v{found['ApiVersion']}"

    def containers(self, *, all: bool = False, filters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:  # noqa: A002  the SDK's name
        """Return the entries of the engine's list."""
        entries = self._entries()
        labels = [label.partition("=") for label in (filters or {}).get("label", ())]
        return [
            entry
            for entry in entries
            if (all or entry["State"] == "running") and _all_of(entry.get("Labels") or {}, labels)
        ]

    def inspect_container(self, name: str) -> Any:
        """Return all that the engine says of a container."""
        if not self._ids:
            for entry in self._entries():
                self._ids |= dict.fromkeys((entry["Id"], *(each.lstrip("/") for each in entry["Names"])), entry["Id"])
        if name not in self._ids:
            raise _NotFoundError(name)
        found = self._get(f"{self._prefix}/containers/{quote(self._ids[name], safe='')}/json")
        # What nobody here needs goes at once, secrets first.
        for part, names in _NEVER_NEEDED.items():
            inner = found.get(part) if part else found
            for each in names if isinstance(inner, dict) else ():
                inner.pop(each, None)
        return found

    def version(self) -> Any:
        """Return the version of the engine."""
        return self._get("/version")

    def info(self) -> Any:
        """Return what the engine says of itself. This takes the engine some milliseconds."""
        return self._get(f"{self._prefix}/info")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _entries(self) -> list[dict[str, Any]]:
        entries = self._get(f"{self._prefix}/containers/json?all=1")
        if not isinstance(entries, list) or not _all_objects(entries):
            raise _EngineError("its list of containers is none")
        return entries

    def _get(self, path: str) -> Any:
        if path not in self._kept:
            self._kept[path] = self._asked(path)
        return self._kept[path]

    def _asked(self, path: str) -> Any:
        try:
            self._connection.request("GET", path)
            answer = self._connection.getresponse()
            content = answer.read(_ANSWER_MOST)
        except http.client.HTTPException as error:
            self._connection.close()
            raise _EngineError(Words("Docker", str(error)).shown) from error
        except OSError:
            self._connection.close()
            raise
        if answer.status == _NOT_FOUND:
            raise _NotFoundError(path)
        try:
            found = json.loads(content)
        except ValueError:
            raise _EngineError(f"HTTP {answer.status}, and no JSON") from None
        if answer.status != 200:
            raise _EngineError(str(found.get("message") if isinstance(found, dict) else answer.status))
        return found


def _all_objects(entries: list[Any]) -> bool:
    """Say whether each entry of a list is an object."""
    return set(map(type, entries)) <= {dict}


def _all_of(labels: Mapping[str, str], wanted: list[tuple[str, str, str]]) -> bool:
    """Say whether a container has all of the wanted labels, each as (name, "=", value)."""
    return all(labels.get(name) == value for name, _equals, value in wanted)


class ReadingEngine(Engine):
    """The Docker engine of this host, for reading alone. RefusedError if it does not answer."""

    def __init__(self, *, path: str = SOCKET, seconds: float = _SECONDS) -> None:
        self._errors = _Errors  # type: ignore[assignment]
        with self._translated("connect to the Docker engine"):
            self._api = _Api(path, seconds)  # type: ignore[assignment]

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except (_EngineError, OSError, KeyError, TypeError) as error:
            raise RefusedError(
                "the Docker engine of this host does not answer",
                details=[f"to {shortened(what)}: {Words('Docker', error_words(error)).shown}"],
                hint=Hint("bootstrap"),
            ) from error

    def version(self) -> str:
        """Return the version of the engine."""
        with self._translated("say its version"):
            return str(self._api.version()["Version"])

    def swarm(self) -> dict[str, Any]:
        """Return what the engine says of its swarm; an empty mapping if it says nothing."""
        with self._translated("say whether it is in a swarm"):
            return dict(self._api.info().get("Swarm") or {})

    def close(self) -> None:
        """Close the connection to the engine."""
        self._api.close()
