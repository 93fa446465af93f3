# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The generations of the proxy's configuration on disk, and the journal of a commit.

A generation is a directory of plain files with mode 0444: those that belong to no site, and a list that names the
stored file of each site (objects.py, docs/adr/0015). Its generation.json is written at the end, after NGINX has
accepted the other files. A directory without a generation.json was never finished, and the next run removes it.
Generations of earlier versions have no list: their sites' files are plain files of the directory too.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..._core.errors import RefusedError
from ..._core.proxy.plan import (
    LIST,
    MAIN,
    Generation,
    content_hash,
    listed_files,
    manifest_file,
    numbered,
    site_list,
    site_of,
    text_hash,
)
from ..._core.shape import ListOf, MapOf, Maybe, Object, misfit
from ..machine.files import (
    fsync_directory,
    fsync_files,
    make_directory,
    point_link,
    read_bytes,
    read_text,
    remove_tree,
    write_atomically,
    write_new,
)
from .documents import damaged, read_document, repairing
from .layout import CONTAINER_NGINX, Paths
from .objects import Objects

__all__ = ("SECRET_MODE", "Generations", "Heading", "Journal", "Record")

SECRET_MODE = 0o400
"""The mode of what has the marker's key. NGINX's master is root; its workers read the pages only."""

_OPEN_MODE = 0o444

_RECORD = "generation.json"
# So many stored files are looked for in the text of a list. For more, the list is parsed.
_FEW = 32

_TEXTS = ListOf(str)
# What the transaction and the lists of sites need of each site; earlier versions wrote fewer of the optional fields.
_SITE = Object(
    {"names": _TEXTS, "network": str, "ca": str, "containers": _TEXTS},
    {"served": str, "http3": bool, "auth": _TEXTS, "closed": _TEXTS, "path": str, "last_change": Maybe(dict)},
)
_RECORD_SHAPE = Object(
    {
        **dict.fromkeys(("number", "base", "schema"), int),
        **dict.fromkeys(("time", "audit_id", "actor", "verb", "plan", "inputs", "marker"), str),
        "files": MapOf(str),
        "sites": MapOf(_SITE),
    },
    {
        **dict.fromkeys(("changed", "removed", "networks", "answering", "logs"), _TEXTS),
        "joins": ListOf(_TEXTS),
        "summary": str,
        "whole": bool,
    },
)
_JOURNAL_SHAPE = Object({"base": int, "to": int}, {"networks": _TEXTS, "attached": _TEXTS, "joined": ListOf(_TEXTS)})


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
        if misfit(data, _RECORD_SHAPE) or data["schema"] != 1:
            return None
        known = {entry.name for entry in dataclasses.fields(cls)}
        try:
            return cls(**{key: value for key, value in data.items() if key in known})
        except TypeError:
            return None


@dataclass(frozen=True)
class Heading:
    """What a list of generations shows of a record: who made the generation and when, and which sites changed."""

    number: int
    base: int
    time: str
    audit_id: str
    actor: str
    verb: str
    summary: str = ""
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


_HEADING_SHAPE = Object(
    {**dict.fromkeys(("number", "base"), int), **dict.fromkeys(("time", "audit_id", "actor", "verb"), str)},
    {**dict.fromkeys(("changed", "removed"), _TEXTS), "summary": str},
)
# The hashes and the index of 1,000 sites are 600 kB of a record. They stand between these fields.
_HEAVY, _AFTER_HEAVY = b', "files": {', b', "changed": ['


def _heading(content: bytes | None) -> Heading | None:
    """Return the heading in the text of a record as ``Record.dump`` wrote it; None if the text is another one."""
    if content is None or content.count(_HEAVY) != 1 or content.count(_AFTER_HEAVY) != 1:
        return None
    before, _heavy, rest = content.partition(_HEAVY)
    _heavy, after, end = rest.partition(_AFTER_HEAVY)
    try:
        data = json.loads(before + after + end)
    except ValueError:
        return None
    if misfit(data, _HEADING_SHAPE):
        return None
    return Heading(**{entry.name: data[entry.name] for entry in dataclasses.fields(Heading) if entry.name in data})


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


class _Records:
    """The last records that this process read or wrote. A run asks often; 1,000 sites take 15 ms."""

    _MOST = 4

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, int, int], Record | None]] = {}

    def read(self, path: Path) -> Record | None:
        """Return the record in a file, None if there is none. It is read again only if the file changed."""
        try:
            attributes = self._attributes(path)
        except FileNotFoundError:
            return None
        known = self._known.get(path)
        if known is None or known[0] != attributes:
            known = self._keep(path, attributes, Record.load(read_document(path, _RECORD_SHAPE)))
        return known[1]

    def wrote(self, path: Path, record: Record) -> None:
        """Take note of a record that was just written."""
        self._keep(path, self._attributes(path), record)

    def clear(self) -> None:
        """Forget all records."""
        self._known.clear()

    def _keep(
        self, path: Path, attributes: tuple[int, int, int], record: Record | None
    ) -> tuple[tuple[int, int, int], Record | None]:
        while len(self._known) >= self._MOST:
            del self._known[next(iter(self._known))]
        self._known[path] = (attributes, record)
        return self._known[path]

    @staticmethod
    def _attributes(path: Path) -> tuple[int, int, int]:
        found = path.stat()
        return (found.st_ino, found.st_mtime_ns, found.st_size)


_records = _Records()


class Generations:
    """The directory of generations of one host."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._objects = Objects(paths)

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
        return _records.read(self.directory(number) / _RECORD)

    def live_sites(self) -> Mapping[str, dict[str, Any]]:
        """Return what the record of the live generation says of each site, by its domain; empty if nothing is live."""
        record = self.record(self.live_number())
        return record.sites if record else {}

    def heading(self, number: int) -> Heading | None:
        """Return the heading of a generation's record, None if the generation was never finished.

        A list of 50 generations of 1,000 sites would need a second to read all of their records.
        """
        found = _heading(read_bytes(self.directory(number) / _RECORD))
        if found is not None:
            return found
        record = self.record(number)
        if record is None:
            return None
        return Heading(**{entry.name: getattr(record, entry.name) for entry in dataclasses.fields(Heading)})

    def read(self, number: int) -> Generation:
        """Return a generation with the texts that are on disk now; number 0 is the empty generation.

        Without its record a generation has no hashes, and so all of its files count as drift.
        """
        return self.read_with(number, self.record(number))

    def read_with(self, number: int, record: Record | None) -> Generation:
        """Return a generation whose record was read before."""
        if number == 0:
            return Generation()
        files = self._plain_files(number)
        hashes = dict(record.files) if record else {}
        site_list = files.pop(LIST, None)
        listed = hashes if record else listed_files(site_list or "")
        if record is None or LIST in hashes:
            for name, digest in listed.items():
                # A plain file of this name is somebody's own, and NGINX would read it too.
                if site_of(name) and name not in files:
                    text = read_text(self._objects.path(name, digest))
                    if text is not None:
                        files[name] = text
        if record is None:
            return Generation(number=number, files=files)
        if LIST in hashes and site_list is not None and text_hash(site_list) == hashes[LIST]:
            del hashes[LIST]
        elif site_list is not None:
            files[LIST] = site_list
        return Generation(
            number=number,
            files=files,
            hashes=hashes,
            inputs=record.inputs,
            marker=record.marker,
            stored=LIST in record.files,
        )

    def _plain_files(self, number: int) -> dict[str, str]:
        """Return the texts of the files in the directory of a generation, without generation.json."""
        files = {}
        directory = str(self.directory(number))
        for folder in ("", "sites/", "manifests/"):
            try:
                with os.scandir(f"{directory}/{folder}") as entries:
                    names = sorted(entry.name for entry in entries if entry.is_file())
            except FileNotFoundError:
                continue
            for name in names:
                # A damaged record that was moved aside is not one of the generation's files either.
                if name.startswith((_RECORD, "probe.")):
                    continue
                text = read_text(f"{directory}/{folder}{name}")
                if text is not None:
                    files[f"{folder}{name}"] = text
        return files

    def path(self, number: int, name: str, hashes: Mapping[str, str]) -> str:
        """Return the path of a file of a generation; ``hashes`` are those of the generation's record."""
        if site_of(name) and LIST in hashes:
            return self._objects.path(name, hashes[name])
        return f"{self.directory(number)}/{name}"

    def text(self, record: Record, name: str) -> str | None:
        """Return the text of a file of a generation as it is on disk now, None if there is none."""
        return read_text(self.path(record.number, name, record.files)) if name in record.files else None

    def versions(self, domain: str) -> dict[int, str | None]:
        """Return the first digits of the hash of a site's manifest in each finished generation, None if it has none."""
        name = manifest_file(domain)
        found: dict[int, str | None] = {}
        for number in self.numbers():
            digest = self._listed(number).get(name)
            if digest is None:
                # A generation of an earlier version has plain files.
                content = read_bytes(f"{self.directory(number)}/{name}")
                digest = None if content is None else content_hash(content)[:16]
            found[number] = digest
        return found

    def _listed(self, number: int) -> dict[str, str]:
        """Return the stored files of a generation: the first digits of each file's hash, by its name."""
        return listed_files(read_text(f"{self.directory(number)}/{LIST}") or "")

    def next_number(self) -> int:
        """Return a number that no generation of this host had, not even one that was rolled back."""
        tried = read_document(self._paths.nginx / "last.json", int) or 0
        return max([self.live_number(), tried, *self.numbers()]) + 1

    def open(self, number: int) -> None:
        """Make the empty directory of a new generation. RefusedError if the disk is full."""
        directory = self.directory(number)
        remove_tree(directory)
        with _full_disk_refused():
            write_atomically(self._paths.nginx / "last.json", f"{number}\n", mode=0o644)
            make_directory(directory / "sites", mode=0o755)

    def write(
        self, number: int, files: Mapping[str, str], *, base: int = 0, changed: Collection[str] = ()
    ) -> dict[str, str]:
        """Write the files of a plan into their new generation, and return their hashes.

        RefusedError if the disk is full.
        A site's file is stored only if the generation ``base`` does not have it, or if it is among ``changed``. A power
        cut may lose what is written until fsync_generation() was called. Nothing live depends on it before that.
        """
        directory = self.directory(number)
        known = self._stored_by(base)
        texts = {name: numbered(name, text, number) for name, text in files.items()}
        hashes = {name: text_hash(text) for name, text in texts.items()}
        # The list comes first: whoever removes an unfinished generation finds in it what to remove from the store.
        texts = {LIST: site_list(hashes, root=CONTAINER_NGINX), **texts}
        hashes[LIST] = text_hash(texts[LIST])
        with _full_disk_refused():
            for name, text in texts.items():
                if not site_of(name):
                    mode = SECRET_MODE if name == MAIN else _OPEN_MODE
                    write_new(f"{directory}/{name}", text.encode(), mode=mode)
                elif name in changed or known.get(name) != hashes[name]:
                    self._objects.put(name, hashes[name], text.encode())
        return hashes

    def _stored_by(self, number: int) -> Mapping[str, str]:
        """Return the hashes of the files that a generation has in the store, by name."""
        record = self.record(number)
        return record.files if record is not None and LIST in record.files else {}

    def fsync_generation(self, record: Record) -> None:
        """fsync all that a generation has and its base has not. Must run before ``current`` points to it.

        RefusedError if the disk is full.
        """
        directory = self.directory(record.number)
        known = self._stored_by(record.base)
        names = [name for name in record.files if not site_of(name) or known.get(name) != record.files[name]]
        files = [self.path(record.number, name, record.files) for name in names]
        stores = {os.path.dirname(path) for path in files} | {str(self._paths.nginx / "store")}
        own = (directory / "sites", directory, directory.parent, self._paths.nginx)
        folders = [folder for folder in (*map(Path, sorted(stores)), *own) if folder.is_dir()]
        with _full_disk_refused():
            fsync_files(directory, [*files, f"{directory}/{_RECORD}"], folders=folders)

    def finish(self, record: Record) -> None:
        """Write the record. From then on the generation may be committed."""
        directory = self.directory(record.number)
        with _full_disk_refused():
            write_new(directory / _RECORD, record.dump().encode(), mode=SECRET_MODE)
        _records.wrote(directory / _RECORD, record)

    def verify(self, number: int, hashes: Mapping[str, str], *, names: Collection[str] | None = None) -> list[str]:
        """Return the names of files that differ from their hash. An empty file would pass NGINX's test.

        ``names`` are the files to look at, by default all.
        """
        wrong = []
        for name in hashes if names is None else names:
            content = read_bytes(self.path(number, name, hashes))
            if content is None or content_hash(content) != hashes[name]:
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
        """Remove a generation that is not live, and the stored files that no other generation has."""
        if number and number != self.live_number():
            self._remove(str(number))

    def _remove(self, name: str) -> None:
        """Remove a directory of a generation, and the stored files that no other generation has.

        A generation without its record is removed again by the next run, if this one is killed in between.
        """
        directory = self._paths.generations / name
        try:
            (directory / _RECORD).unlink(missing_ok=True)
        except OSError:
            # A disk that cannot be written. The next run tries again; what is live needs none of this.
            return
        unneeded = set(listed_files(read_text(f"{directory}/{LIST}") or "").items())
        for other in self._all_names():
            if not unneeded:
                break
            if other != name:
                unneeded = self._not_needed(unneeded, other)
        self._objects.remove(unneeded)
        remove_tree(directory)

    def _all_names(self) -> list[str]:
        try:
            return [entry.name for entry in os.scandir(self._paths.generations)]
        except FileNotFoundError:
            return []

    def _not_needed(self, files: set[tuple[str, str]], name: str) -> set[tuple[str, str]]:
        """Return which stored files (name and short hash) a generation does not have.

        Of the live generation the record counts as well as the list: NGINX must find all of its files.
        """
        text = read_text(f"{self._paths.generations}/{name}/{LIST}") or ""
        if name == str(self.live_number()):
            files -= {(file, digest[:16]) for file, digest in self._stored_by(int(name)).items() if site_of(file)}
        if len(files) > _FEW:
            return files - set(listed_files(text).items())
        return {(file, digest) for file, digest in files if f"{digest}." not in text}

    def sweep(self) -> None:
        """Remove generations that were prepared and never committed, or never finished."""
        live = self.live_number()
        for name in self._all_names():
            kept = name.isdigit() and int(name) <= live and (self.directory(int(name)) / _RECORD).exists()
            if not kept and name != str(live):
                self._remove(name)
            elif name != str(live):
                # The next change sees at the live one that its key was open, and makes another key.
                self._close(name)

    def key_is_open(self) -> bool:
        """Say whether others can read the marker's key of the live generation. An earlier release let them."""
        place = self.directory(self.live_number())
        return any(_is_open(f"{place}/{file}") for file in (MAIN, _RECORD))

    def close_keys(self) -> None:
        """Keep the marker's key of every generation for root alone."""
        for name in self._all_names():
            self._close(name)

    def _close(self, name: str) -> None:
        """Keep the marker's key of a generation for root alone. An earlier release let all users of a host read it."""
        for file in (MAIN, _RECORD):
            path = f"{self._paths.generations}/{name}/{file}"
            if _is_open(path):
                with suppress(FileNotFoundError):
                    os.chmod(path, SECRET_MODE)

    def prune(self, keep: int) -> None:
        """Remove the oldest generations, so that ``keep`` of them stay. The live one always stays."""
        live = self.live_number()
        for number in [number for number in self.numbers() if number != live][: -(keep - 1)]:
            self.discard(number)

    def journal(self) -> Journal | None:
        """Return the journal of a commit that was under way when its run died, or None."""
        data = read_document(self._paths.journal, _JOURNAL_SHAPE)
        if data is None:
            return None
        known = {entry.name for entry in dataclasses.fields(Journal)}
        return Journal(**{key: value for key, value in data.items() if key in known})

    def journal_for_repair(self) -> tuple[Journal | None, bool]:
        """Return the journal, and whether it was damaged. Moves it and the record of the live generation aside then.

        A damaged journal tells of a commit that did not end, and so the caller must find out what is half done.
        """
        live = self.live_number()
        with repairing():
            journal = self.journal()
            if live and self.record(live) is None:
                # Not by record(), which does not read again what was damaged before.
                read_document(self.directory(live) / _RECORD, _RECORD_SHAPE)
        return journal, journal is None and self._paths.journal in damaged()

    def write_journal(self, journal: Journal) -> None:
        """Write the journal. Must happen before the commit changes anything."""
        with _full_disk_refused():
            write_atomically(self._paths.journal, json.dumps(dataclasses.asdict(journal)) + "\n", mode=0o600)

    def close_journal(self) -> None:
        """Remove the journal: the commit is finished or rolled back."""
        self._paths.journal.unlink(missing_ok=True)
        fsync_directory(self._paths.nginx)


def _is_open(path: str) -> bool:
    """Say whether a file has more rights than one for root alone. A file that is not there is not open."""
    try:
        return bool(os.stat(path).st_mode & ~SECRET_MODE & 0o777)
    except FileNotFoundError:
        return False
