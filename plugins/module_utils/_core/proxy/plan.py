# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan a transaction of the proxy: compare the live generation with the desired one, and return a Plan.

A check run prints the plan, and a real run carries out the same value. Nothing here touches the host.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..site.declared import WHERE

__all__ = (
    "AUTH",
    "EDITED",
    "GENERATION",
    "LIST",
    "MAIN",
    "FileChange",
    "Generation",
    "Plan",
    "content_hash",
    "culprit_line",
    "listed_files",
    "make_plan",
    "manifest_file",
    "number_generation",
    "numbered",
    "overwritten_notes",
    "site_file",
    "site_list",
    "site_of",
    "stored_name",
    "text_hash",
    "undone_notes",
    "unnumber",
)

# Stands in rendered texts for the number of the generation, which is not known before the commit.
GENERATION = "@GENERATION@"
MAIN = "nginx.conf"
AUTH = "auth.js"
# Includes the stored file of each site (docs/adr/0015). No domain has an underscore, and NGINX finds the list by the
# pattern sites/*.conf, which operators' own main files have too.
LIST = "sites/_all.conf"

# Ends the name of the copy of a stored file that somebody edited, and that was written again.
EDITED = ".edited"

# So many digits of a hash are in the name of a stored file. The record has the whole hash.
_DIGITS = 16
_STORED_LINE = re.compile(r"/store/([^/\s]+)/[0-9a-f]{16}\.conf:(\d+)$")
_STORED = re.compile(r"/store/([^/\s]+)/([0-9a-f]{16})\.conf; # ([0-9a-f]{16})\.yml$", re.MULTILINE)

# The process and thread that NGINX writes before its message.
_PROCESS = re.compile(r"^\d+#\d+: ")

# The line of a manifest that says that the inventory declares the site.
_DECLARED = re.compile(r"(?m)^origin:[ \t]*declared[ \t]*$")


def content_hash(content: bytes) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def number_generation(text: str, number: int) -> str:
    """Return a rendered text with the generation's number in it."""
    return text.replace(GENERATION, str(number))


@functools.lru_cache(maxsize=1 << 15)
def text_hash(text: str) -> str:
    """Return the SHA-256 of a text as UTF-8, in hexadecimal. A run asks several times for each file of a generation."""
    return content_hash(text.encode())


def site_file(domain: str) -> str:
    """Return the name of a site's NGINX file within a generation."""
    return f"sites/{domain}.conf"


def manifest_file(domain: str) -> str:
    """Return the name of a site's manifest within a generation."""
    return f"manifests/{domain}.yml"


@functools.lru_cache(maxsize=1 << 15)
def site_of(name: str) -> str | None:
    """Return the domain that a file of a generation belongs to, None if the file belongs to no site."""
    if name == LIST:
        return None
    for prefix, suffix in (("sites/", ".conf"), ("manifests/", ".yml")):
        if name.startswith(prefix) and name.endswith(suffix):
            return name[len(prefix) : -len(suffix)]
    return None


def stored_name(name: str, digest: str) -> str:
    """Return the path of a site's file below the directory of the proxy: it has the hash of its content in its name."""
    return f"store/{site_of(name)}/{digest[:_DIGITS]}{name[name.rindex('.') :]}"


def site_list(hashes: Mapping[str, str], *, root: str) -> str:
    """Return the text of the list of a generation: a line for each site, with its NGINX file and its manifest.

    ``hashes`` are the hashes of the generation's files; ``root`` is the directory of the proxy as NGINX sees it.
    """
    lines = ["# Written by vsa: which stored file is each site's in this generation.\n"]
    for domain in sorted(_nginx_sites(hashes)):
        conf = stored_name(site_file(domain), hashes[site_file(domain)])
        manifest = hashes.get(manifest_file(domain), "")
        lines.append(f"include {root}/{conf}; # {manifest[:_DIGITS]}.yml\n")
    return "".join(lines)


def listed_files(text: str) -> dict[str, str]:
    """Return the first digits of the hash of each site's files, by the file's name, as a list of sites says."""
    files = {}
    for domain, conf, manifest in _STORED.findall(text):
        files[site_file(domain)] = conf
        files[manifest_file(domain)] = manifest
    return files


def _nginx_sites(names: Iterable[str]) -> tuple[str, ...]:
    """Return the domains whose NGINX file is among the names of files."""
    sites = (site_of(name) for name in names if name.startswith("sites/"))
    return tuple(site for site in sites if site)


def numbered(name: str, text: str, number: int) -> str:
    """Return the text of a file with the number of its generation filled in.

    Only the main file has a number. In a site's file the placeholder may be the path of a route, and stays.
    """
    return number_generation(text, number) if name == MAIN else text


def unnumber(text: str, number: int) -> str:
    """Return the main file of a generation without its number, so that a rollback can use it in a new generation."""
    for before, after in (("generation ", "."), ("/generations/", "/"), ("$vsa_generation { default ", ";")):
        text = text.replace(f"{before}{number}{after}", f"{before}{GENERATION}{after}")
    return text


@dataclass(frozen=True)
class Generation:
    """A generation as it is on the host.

    * ``files``: the text of each file by name, without generation.json.
    * ``hashes``: the hash of each file from generation.json. A file with another hash has drifted.
    * ``inputs``: the hash of the templates and settings that the generation was rendered with.
    * ``marker``: the key that a probe sends to prove which server block answers.
    * ``stored``: the sites' files are in the store. In a generation of an earlier version they are its own.
    """

    number: int = 0
    files: Mapping[str, str] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    inputs: str = ""
    marker: str = ""
    stored: bool = False

    @property
    def domains(self) -> tuple[str, ...]:
        """Return the domains of the generation's sites."""
        return tuple(sorted(_nginx_sites(self.files)))

    @property
    def drifted(self) -> tuple[str, ...]:
        """Return the names of files that somebody changed, added or removed."""
        changed = {name for name, text in self.files.items() if text_hash(text) != self.hashes.get(name)}
        return tuple(sorted(changed | (set(self.hashes) - set(self.files))))


@dataclass(frozen=True)
class FileChange:
    """The change of one file. ``before`` is None for a new file, ``after`` for a removed one."""

    name: str
    before: str | None
    after: str | None

    @property
    def kind(self) -> str:
        """Return add, change or remove."""
        if self.before is None:
            return "add"
        return "remove" if self.after is None else "change"

    def diff(self) -> str:
        """Return the unified diff of the file."""
        import difflib  # imported here: a verb that reads needs no diff

        old, new = (self.before or "").splitlines(keepends=True), (self.after or "").splitlines(keepends=True)
        old_name = "/dev/null" if self.before is None else f"before/{self.name}"
        new_name = "/dev/null" if self.after is None else f"after/{self.name}"
        return "".join(difflib.unified_diff(old, new, old_name, new_name))


@dataclass(frozen=True)
class Plan:
    """Everything that a transaction will do. ``files`` is the complete new generation, without its number."""

    base: int
    files: Mapping[str, str]
    changes: tuple[FileChange, ...]
    inputs: str
    marker: str
    networks: tuple[str, ...]
    joins: tuple[tuple[str, str], ...]

    @property
    def changed(self) -> bool:
        """Say whether the transaction has anything to do."""
        return bool(self.changes or self.joins)

    @property
    def sites_changed(self) -> tuple[str, ...]:
        """Return the domains whose NGINX file is new or changes."""
        return _nginx_sites(change.name for change in self.changes if change.after is not None)

    @property
    def sites_removed(self) -> tuple[str, ...]:
        """Return the domains that the new generation no longer has."""
        return _nginx_sites(change.name for change in self.changes if change.after is None)

    @functools.cached_property
    def hash(self) -> str:
        """The name of this plan: a hash over the base, every file, the networks and the joins."""
        hashes = sorted((name, text_hash(text)) for name, text in self.files.items())
        content = [self.base, hashes, self.networks, self.joins]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def diff(self) -> str:
        """Return the unified diff of every file."""
        return "".join(change.diff() for change in self.changes)

    def summary(self) -> str:
        """Return in words how many files are added, changed and removed. A site and its manifest count as one."""
        words = {"add": "added", "change": "changed", "remove": "removed"}
        counted = [change for change in self.changes if not change.name.startswith("manifests/")] or list(self.changes)
        parts = []
        for kind, word in words.items():
            number = sum(change.kind == kind for change in counted)
            if number:
                parts.append(f"{number} file{'s' if number > 1 else ''} {word}")
        return ", ".join(parts) or "no file changed"


def make_plan(
    live: Generation,
    desired: Mapping[str, str],
    *,
    inputs: str,
    marker: str,
    networks: tuple[str, ...] = (),
    joins: tuple[tuple[str, str], ...] = (),
) -> Plan:
    """Compare the live generation with the files of the desired one (without its number) and return the plan.

    ``networks`` are the edge networks that the proxy must be connected to, ``joins`` the (network, container) pairs to
    connect. If a live file has drifted, the plan writes it again.
    """
    changes = []
    # The list of sites is written with each generation. It is among the live files only if somebody changed it.
    lost = {LIST} & (live.hashes.keys() - live.files.keys())
    for name in sorted({*live.files, *desired, *lost}):
        after = desired.get(name)
        before = live.files.get(name)
        compared = None if after is None else numbered(name, after, live.number)
        if before != compared or name in lost:
            changes.append(FileChange(name=name, before=before, after=compared))
    return Plan(
        base=live.number,
        files=dict(desired),
        changes=tuple(changes),
        inputs=inputs,
        marker=marker,
        networks=tuple(sorted(networks)),
        joins=tuple(sorted(joins)),
    )


def culprit_line(output: str, number: int) -> tuple[str | None, int | None, str]:
    """Return the domain, the line and the message of what ``nginx -t`` refuses in a generation.

    The message is NGINX's first [emerg] line without its prefix. Domain and line are None if it names no site's file.
    """
    lines = output.strip().splitlines() or [""]
    refusal = next((line for line in lines if "[emerg]" in line), lines[-1])
    message = _PROCESS.sub("", refusal.split("[emerg]")[-1].strip())
    stored = _STORED_LINE.search(message)
    if stored:
        head, domain, rest = message[: stored.start()], stored[1], stored[2]
    else:
        head, folder, tail = message.rpartition(f"/generations/{number}/sites/")
        if not folder:
            return None, None, message
        domain, _colon, rest = tail.rpartition(".conf:")
    line = int(rest) if rest.isdigit() else None
    return domain or None, line, (head.rpartition(" in ")[0] or message).strip()


def overwritten_notes(live: Generation, changes: Iterable[FileChange]) -> list[str]:
    """Return a note for each file that somebody edited by hand and a run writes over, with what keeps the edit."""
    edited = set(live.drifted)
    notes = []
    for change in changes:
        if change.name in edited:
            keeper = _edit_keeper(live, change)
            notes.append(f"{change.name} was edited by hand, and this run writes over it: only {keeper} keeps the edit")
    return notes


def _edit_keeper(live: Generation, change: FileChange) -> str:
    """Return what keeps an edit: the old generation, or for a stored file the file itself or a copy beside it."""
    digest = live.hashes.get(change.name)
    if not live.stored or digest is None or site_of(change.name) is None or change.before is None:
        return f"generation {live.number}"
    written_again = change.after is not None and text_hash(change.after) == digest
    return f"{stored_name(change.name, digest)}{EDITED if written_again else ''}"


def undone_notes(changes: Iterable[FileChange], *, verb: str = "") -> list[str]:
    """Return a note for each site that the inventory declares and a run changes: the next apply undoes the change.

    The verbs of ``auth`` change what a declaration may leave out. Then the next apply does not undo it.
    """
    domains = [
        site_of(change.name)
        for change in changes
        if change.name.startswith("manifests/") and change.before and _DECLARED.search(change.before)
    ]
    undone = "undoes this, if it is declared there" if verb.startswith("auth.") else "undoes this"
    return [f"{domain} is declared in the inventory ({WHERE}): the next site apply {undone}" for domain in domains]
