# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only the verbs of stacks need of the engine: volumes, commands that read, and logs.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import io
import queue
import secrets
import socket
import tarfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..._core.libraries import library
from ..._core.stack.removal import Volume
from ..._core.words import escaped
from .docker import PROJECT_LABEL, Engine

__all__ = ("Done", "StackEngine")

_ANONYMOUS = "com.docker.volume.anonymous"
_CONFLICT = 409
# The engine measures a volume by looking at each of its files.
_MEASURING_SECONDS = 300
# A container may have a long grace period.
_STOPPING_SECONDS = 900
# Where a container that never starts has a volume.
_LOOKED_AT = "/vsa-volume"
# A file of a volume is read if it has at most so many bytes, and an archive with it if it has at most so many.
_MOST_OF_FILE = 4096
_MOST_OF_ARCHIVE = 64 << 10


# A command may work for a long time without a word.
_SILENT_SECONDS = 3600
_STDERR = 2


# After the first new line, a slice of a log waits so long for those that belong to it.
_SETTLE_SECONDS = 0.3


class _Window:
    """The lines of a log from a second on, of which ``seen`` were read before."""

    def __init__(self, seen: int) -> None:
        self.lines: list[bytes] = []
        self._seen = seen
        self._rest = b""
        self.fresh_bytes = 0

    def feed(self, data: bytes) -> None:
        """Take what the engine sent. A line is complete with its line end."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self.lines.append(line)
            if len(self.lines) > self._seen:
                self.fresh_bytes += len(line) + 1

    def end(self) -> None:
        """Take the last line without a line end: its container has stopped."""
        if self._rest:
            self.feed(b"\n")

    def texts(self) -> list[str]:
        """Return the lines, without what would act on a terminal."""
        return [escaped(line.decode(errors="replace").rstrip("\r")) for line in self.lines]


@dataclass(frozen=True)
class Done:
    """How a command in a container ended. ``left_out`` counts the bytes of its output that are not here.

    ``ran`` says whether there was a process at all. If not, code and output are the engine's own.
    """

    code: int
    stdout: str
    stderr: str
    left_out: int = 0
    ran: bool = True


def _volume(entry: Mapping[str, Any]) -> Volume:
    labels = entry.get("Labels") or {}
    size = (entry.get("UsageData") or {}).get("Size")
    return Volume(
        name=entry["Name"],
        project=labels.get(PROJECT_LABEL, ""),
        anonymous=_ANONYMOUS in labels,
        # The engine says -1 if it could not measure.
        size=size if isinstance(size, int) and size >= 0 else None,
        # With options the driver may have mounted something else there, but only while a container runs.
        directory=str(entry.get("Mountpoint") or "")
        if entry.get("Driver") == "local" and not entry.get("Options")
        else "",
    )


class StackEngine(Engine):
    """The engine with the calls that only the verbs of stacks need."""

    def kept_volumes(self, *, measured: bool = False) -> list[Volume]:
        """Return every volume. The sizes are known only if they are ``measured``, which takes time."""
        with self._translated("list volumes"), self._patient(_MEASURING_SECONDS if measured else None):
            if measured:
                # The SDK's own df() names no type, and so measures images and containers too.
                client: Any = self._api
                answer = client._get(client._url("/system/df"), params={"type": "volume"})
                found = client._result(answer, True)["Volumes"]
            else:
                found = self._api.volumes().get("Volumes")
        return [_volume(entry) for entry in found or ()]

    def remove_volume(self, name: str) -> bool:
        """Remove a volume. Returns whether it is gone: the engine keeps a volume that a container mounts."""
        with self._translated(f"remove the volume {name}"), self._patient(_MEASURING_SECONDS):
            try:
                self._api.remove_volume(name)
            except self._errors.NotFound:
                return True
            except self._errors.APIError as error:
                if error.status_code != _CONFLICT:
                    raise
                return False
        return True

    def stop(self, identity: str) -> None:
        """Stop a container: its process has the time that its Compose file gives it. No error if it is gone."""
        with self._translated(f"stop the container {identity[:12]}"), self._patient(_STOPPING_SECONDS):
            try:
                self._api.stop(identity)
            except self._errors.NotFound:
                return

    def mounts(self) -> dict[str, set[str]]:
        """Return the volumes that each container mounts, by its name; stopped containers too."""
        return {container.name: set(container.volumes) for container in self.containers()}

    def files_in_volume(self, volume: str, paths: Iterable[str], *, image: str) -> dict[str, bytes]:
        """Return the content of small files of a volume by path; what is no plain file is left out.

        The engine reads them from inside a container that mounts the volume and never starts, so a link in the volume
        leads nowhere but into that container. ``image`` is any local image.
        """
        with self._translated(f"look into the volume {volume}"):
            made = self._api.create_container(
                image,
                ["never"],
                host_config=self._api.create_host_config(binds=[f"{volume}:{_LOOKED_AT}:ro"], network_mode="none"),
                name=f"vsa-once-{secrets.token_hex(6)}",
                labels={"vsa.once": "1"},
            )
            try:
                found = {path: self._file_in(made["Id"], f"{_LOOKED_AT}/{path}") for path in paths}
            finally:
                self._api.remove_container(made["Id"], force=True, v=True)
        return {path: content for path, content in found.items() if content is not None}

    def _file_in(self, container: str, path: str) -> bytes | None:
        """Return the content of a small plain file in a container; None if there is none."""
        try:
            chunks, _about = self._api.get_archive(container, path)
        except self._errors.NotFound:
            return None
        archive = bytearray()
        for chunk in chunks:
            archive += chunk
            if len(archive) > _MOST_OF_ARCHIVE:
                return None
        with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
            member = opened.next()
            if member is None or not member.isfile() or member.size > _MOST_OF_FILE:
                return None
            file = opened.extractfile(member)
            return file.read() if file else None

    def lines_since(self, container: str, since: int) -> list[str]:
        """Return all lines of a container's log from a second of the epoch on, each after its time."""
        window = _Window(0)
        with self._translated(f"read the log of {container[:12]}"):
            window.feed(bytes(self._api.logs(container, timestamps=True, since=since)))
        window.end()
        return window.texts()

    def followed(self, places: Mapping[str, tuple[int, int]], *, seconds: float, most: int) -> dict[str, list[str]]:
        """Wait for the first new line of several logs, and return the lines of each from its second on.

        ``places`` are, by container, the second of the epoch and the number of known lines from it on. It waits at
        most ``seconds``, and ends when about ``most`` bytes are new.
        """
        parts: queue.Queue[tuple[str, bytes | None]] = queue.Queue()
        windows = {container: _Window(seen) for container, (_since, seen) in places.items()}
        for container, (since, _seen) in places.items():
            threading.Thread(target=self._read_on, args=(container, since, parts), daemon=True).start()
        ends = time.monotonic() + seconds
        settles = None
        while (left := ends - time.monotonic()) > 0:
            try:
                container, data = parts.get(timeout=left)
            except queue.Empty:
                break
            if data is None:
                windows[container].end()
            else:
                windows[container].feed(data)
            fresh = sum(window.fresh_bytes for window in windows.values())
            if fresh > most:
                break
            if fresh and settles is None:
                settles = ends = min(ends, time.monotonic() + _SETTLE_SECONDS)
        return {container: window.texts() for container, window in windows.items()}

    def _read_on(self, container: str, since: int, parts: queue.Queue[tuple[str, bytes | None]]) -> None:
        """Put what a container writes into a queue, and None at its end. A container that is gone writes nothing."""
        with suppress(Exception):
            # Zero means the beginning, and the SDK takes no zero.
            for data in self._api.logs(container, timestamps=True, stream=True, follow=True, since=since or None):
                parts.put((container, data))
        parts.put((container, None))

    def exec_fed(self, container: str, argv: list[str], *, stdin: str | None, most: int) -> Done:
        """Run a command in a running container, hand it its standard input, and wait for its end.

        At most ``most`` bytes of its output are returned, the first ones of both streams together.
        """
        with self._translated(f"run {argv[0]} in {container[:12]}"), self._patient(_SILENT_SECONDS):
            made = self._api.exec_create(container, argv, stdin=stdin is not None)
            opened = self._api.exec_start(made["Id"], socket=True)
            if stdin is not None:
                # Beside the reading: a command may write before it has read everything.
                threading.Thread(target=_feed, args=(opened, stdin.encode()), daemon=True).start()
            streams, left_out = _gathered(self._frames(opened), most=most)
            code, ran = self._end_of(made["Id"])
        stdout, stderr = (bytes(stream).decode(errors="replace") for stream in streams)
        return Done(code, stdout, stderr, left_out, ran)

    def _frames(self, opened: Any) -> Iterator[tuple[int, bytes]]:
        """Yield what a command writes, each part after the number of its stream."""
        with library("docker"):
            from docker.utils.socket import frames_iter

        # A connection that is closed before its input was read ends with a reset, after all that was written to it.
        # Whether the command has ended is asked afterwards in any case.
        with suppress(ConnectionResetError):
            yield from frames_iter(opened, tty=False)  # type: ignore[no-untyped-call]


def _plain(opened: Any) -> socket.socket:
    """Return the socket below what the SDK gives: it differs between versions of Python and of the SDK."""
    return opened if isinstance(opened, socket.socket) else opened._sock


def _feed(opened: Any, content: bytes) -> None:
    """Write the standard input of a command, and close it. A command that ended reads no more."""
    with suppress(OSError):
        _plain(opened).sendall(content)
        _plain(opened).shutdown(socket.SHUT_WR)


def _gathered(frames: Iterable[tuple[int, bytes]], *, most: int) -> tuple[tuple[bytearray, bytearray], int]:
    """Return what a command wrote to both streams, and how many bytes more it wrote."""
    stdout, stderr = bytearray(), bytearray()
    left_out = 0
    for stream, data in frames:
        room = most - len(stdout) - len(stderr)
        (stderr if stream == _STDERR else stdout).extend(data[:room])
        left_out += len(data) - len(data[:room])
    return (stdout, stderr), left_out
