# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The generations of the proxy's configuration on disk, and the journal of a commit.

A generation is a directory of plain files with mode 0444. Its generation.json is written at the end, after NGINX has
accepted the other files. A directory without a generation.json was never finished, and the next run removes it.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import errno
import functools
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..._core.errors import RefusedError
from ..._core.proxy.plan import Generation, content_hash, numbered
from ..machine.files import (
    fsync_directory,
    fsync_files,
    point_link,
    read_bytes,
    read_json,
    read_text,
    remove_tree,
    write_atomically,
    write_new,
)
from .layout import Paths

__all__ = ("KEPT", "Generations", "Journal", "Record")

KEPT = 5
_RECORD = "generation.json"


@dataclass(frozen=True)
class Record:
    """generation.json: who made a generation, when and by which verb, and the hash of every file.

    * ``time``: RFC 3339 in UTC.
    * ``sites``: the index, what the transaction has to know about each site (see desired.py), by domain.
    * ``whole``: NGINX's test has read all files. Otherwise it has read the main file and the changed sites only.
    * ``logs``: the log files that NGINX made when it tested this generation.
    """

    number: int
    base: int
    time: str
    audit_id: str
    actor: str
    verb: str
    plan: str
    inputs: str
    marker: str
    files: dict[str, str]
    sites: dict[str, dict[str, Any]]
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    networks: list[str] = field(default_factory=list)
    joins: list[list[str]] = field(default_factory=list)
    answering: list[str] = field(default_factory=list)
    summary: str = ""
    whole: bool = True
    logs: list[str] = field(default_factory=list)
    schema: int = 1

    def dump(self) -> str:
        """Return the JSON text."""
        return json.dumps({entry.name: getattr(self, entry.name) for entry in dataclasses.fields(self)}) + "\n"

    @classmethod
    def load(cls, data: Any) -> Record | None:
        """Return the record in JSON data, None if the data is not a record of schema 1."""
        if not isinstance(data, dict) or data.get("schema") != 1:
            return None
        known = {entry.name for entry in dataclasses.fields(cls)}
        try:
            return cls(**{key: value for key, value in data.items() if key in known})
        except TypeError:
            return None


@dataclass(frozen=True)
class Journal:
    """A commit that is under way. A later run needs this to finish the commit or to roll it back.

    ``networks`` are the networks that the commit creates, ``attached`` those that it connects the proxy to, and
    ``joined`` the (network, container) pairs that it connects.
    """

    base: int
    to: int
    networks: list[str] = field(default_factory=list)
    attached: list[str] = field(default_factory=list)
    joined: list[list[str]] = field(default_factory=list)


@contextmanager
def _full_disk_refused() -> Iterator[None]:
    """Turn the error of a full disk into a RefusedError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RefusedError(
                "the disk is full, so the new generation could not be written",
                field="path",
                value=error.filename or "data/nginx/generations",
                hint="free space below /srv, then run the same verb again",
            ) from error
        raise


@functools.lru_cache(maxsize=64)
def _read_record(path: Path, attributes: tuple[int, int, int]) -> Record | None:
    """Return the record in a file. The file is read again only if its ``attributes`` (inode, mtime, size) changed.

    A run asks often, and the record of 1,000 sites takes 3 ms to parse.
    """
    del attributes  # only part of the cache's key
    return Record.load(read_json(path))


class Generations:
    """The directory of generations of one host."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    def directory(self, number: int) -> Path:
        """Return the directory of a generation."""
        return self._paths.generations / str(number)

    def live_number(self) -> int:
        """Return the number that ``current`` points to, 0 if there is no live generation."""
        try:
            name = os.readlink(self._paths.current).rpartition("/")[2]
        except (FileNotFoundError, OSError):
            return 0
        return int(name) if name.isdigit() else 0

    def numbers(self) -> list[int]:
        """Return the numbers of all finished generations, ascending."""
        try:
            names = [entry.name for entry in self._paths.generations.iterdir()]
        except FileNotFoundError:
            return []
        return sorted(int(name) for name in names if name.isdigit() and (self.directory(int(name)) / _RECORD).exists())

    def record(self, number: int) -> Record | None:
        """Return a generation's record, None if the generation was never finished."""
        path = self.directory(number) / _RECORD
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
        return _read_record(path, (found.st_ino, found.st_mtime_ns, found.st_size))

    def read(self, number: int) -> Generation:
        """Return a generation with the texts that are on disk now; number 0 is the empty generation.

        Without its record a generation has no hashes, and so all of its files count as drift.
        """
        return self.read_with(number, self.record(number))

    def read_with(self, number: int, record: Record | None) -> Generation:
        """Return a generation whose record was read before."""
        if number == 0:
            return Generation()
        files = {}
        directory = str(self.directory(number))
        for folder in ("", "sites/", "manifests/"):
            try:
                with os.scandir(f"{directory}/{folder}") as entries:
                    names = sorted(entry.name for entry in entries if entry.is_file())
            except FileNotFoundError:
                continue
            for name in names:
                if name == _RECORD or name.startswith("probe."):
                    continue
                text = read_text(f"{directory}/{folder}{name}")
                if text is not None:
                    files[f"{folder}{name}"] = text
        if record is None:
            return Generation(number=number, files=files)
        return Generation(number=number, files=files, hashes=record.files, inputs=record.inputs, marker=record.marker)

    def next_number(self) -> int:
        """Return a number that no generation of this host had, not even one that was rolled back."""
        last = read_json(self._paths.nginx / "last.json")
        tried = last if isinstance(last, int) else 0
        return max([self.live_number(), tried, *self.numbers()]) + 1

    def open(self, number: int) -> None:
        """Make the empty directory of a new generation. RefusedError if the disk is full."""
        directory = self.directory(number)
        remove_tree(directory)
        with _full_disk_refused():
            write_atomically(self._paths.nginx / "last.json", f"{number}\n", mode=0o644)
            for folder in (directory / "sites", directory / "manifests"):
                folder.mkdir(parents=True)

    def write(self, number: int, files: Mapping[str, str]) -> dict[str, str]:
        """Write files of a plan into their new generation and return their hashes. RefusedError if the disk is full.

        A power cut may lose them until fsync_generation() was called. Nothing live depends on them before that.
        """
        directory = self.directory(number)
        hashes = {}
        with _full_disk_refused():
            for name, text in files.items():
                content = numbered(name, text, number).encode()
                write_new(f"{directory}/{name}", content)
                hashes[name] = content_hash(content)
        return hashes

    def fsync_generation(self, record: Record) -> None:
        """fsync all files and directories of a generation. Must run before ``current`` points to it.

        RefusedError if the disk is full.
        """
        directory = self.directory(record.number)
        with _full_disk_refused():
            fsync_files(directory, [f"{directory}/{name}" for name in (*record.files, _RECORD)])
            for folder in (directory / "sites", directory / "manifests", directory, directory.parent):
                fsync_directory(folder)

    def finish(self, record: Record) -> None:
        """Write the record. From then on the generation may be committed."""
        directory = self.directory(record.number)
        with _full_disk_refused():
            write_new(directory / _RECORD, record.dump().encode())

    def verify(self, number: int, hashes: dict[str, str]) -> list[str]:
        """Return the names of files that differ from their hash. An empty file would pass NGINX's test."""
        directory = self.directory(number)
        wrong = []
        for name, expected in hashes.items():
            content = read_bytes(f"{directory}/{name}")
            if content is None or content_hash(content) != expected:
                wrong.append(name)
        return wrong

    def switch(self, number: int) -> None:
        """Point ``current`` to a generation, in one rename; number 0 removes the link."""
        if number == 0:
            self._paths.current.unlink(missing_ok=True)
            fsync_directory(self._paths.nginx)
        else:
            point_link(self._paths.current, f"generations/{number}")

    def discard(self, number: int) -> None:
        """Remove a generation that is not live."""
        if number and number != self.live_number():
            remove_tree(self.directory(number))

    def sweep(self) -> None:
        """Remove generations that were prepared and never committed, or never finished."""
        live = self.live_number()
        try:
            names = [entry.name for entry in self._paths.generations.iterdir()]
        except FileNotFoundError:
            return
        for name in names:
            kept = name.isdigit() and int(name) <= live and (self.directory(int(name)) / _RECORD).exists()
            if not kept and name != str(live):
                remove_tree(self._paths.generations / name)

    def prune(self) -> None:
        """Remove old generations. The live one and a few before it stay."""
        live = self.live_number()
        for number in [number for number in self.numbers() if number != live][: -(KEPT - 1)]:
            self.discard(number)

    def journal(self) -> Journal | None:
        """Return the journal of a commit that was under way when its run died, or None."""
        data = read_json(self._paths.journal)
        try:
            return Journal(**data) if isinstance(data, dict) else None
        except TypeError:
            return None

    def write_journal(self, journal: Journal) -> None:
        """Write the journal. Must happen before the commit changes anything."""
        with _full_disk_refused():
            write_atomically(self._paths.journal, json.dumps(dataclasses.asdict(journal)) + "\n", mode=0o600)

    def close_journal(self) -> None:
        """Remove the journal: the commit is finished or rolled back."""
        self._paths.journal.unlink(missing_ok=True)
        fsync_directory(self._paths.nginx)
