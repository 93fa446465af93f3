# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a transaction of the proxy would change: manifests, the live generation and rendered texts in, a Plan out.

A check run prints the plan; a real run carries out the very same value. Nothing here touches the host.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..site.declared import WHERE

__all__ = (
    "AUTH",
    "GENERATION",
    "MAIN",
    "FileChange",
    "Generation",
    "Plan",
    "content_hash",
    "culprit_line",
    "make_plan",
    "manifest_file",
    "number_generation",
    "numbered",
    "site_file",
    "site_of",
    "text_hash",
    "undone_notes",
    "unnumber",
)

# Stands in rendered texts for the number of the generation, which is not known before the commit.
GENERATION = "@GENERATION@"
MAIN = "nginx.conf"
AUTH = "auth.js"

# The process and thread that NGINX puts before its words.
_PROCESS = re.compile(r"^\d+#\d+: ")

# The line of a manifest that says that the inventory declares the site.
_DECLARED = re.compile(r"(?m)^origin:[ \t]*declared[ \t]*$")


def content_hash(content: bytes) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def number_generation(text: str, number: int) -> str:
    """Return a rendered text with the generation's number in it."""
    return text.replace(GENERATION, str(number))


def text_hash(text: str) -> str:
    """Return the SHA-256 of a text as UTF-8, in hexadecimal."""
    return content_hash(text.encode())


def site_file(domain: str) -> str:
    """Return the name of a site's NGINX file within a generation."""
    return f"sites/{domain}.conf"


def manifest_file(domain: str) -> str:
    """Return the name of a site's manifest within a generation."""
    return f"manifests/{domain}.yml"


def site_of(name: str) -> str | None:
    """Return the domain that a file of a generation belongs to, or None for the main file."""
    for prefix, suffix in (("sites/", ".conf"), ("manifests/", ".yml")):
        if name.startswith(prefix) and name.endswith(suffix):
            return name[len(prefix) : -len(suffix)]
    return None


def numbered(name: str, text: str, number: int) -> str:
    """Return a file of a generation with its number filled in: the main file alone has one.

    A site's words are its own: the path of a route may be spelled like the place that the number takes.
    """
    return number_generation(text, number) if name == MAIN else text


def unnumber(text: str, number: int) -> str:
    """Return a generation's main file with the number taken out again: a rollback makes it the file of another one."""
    for before, after in (("generation ", "."), ("/generations/", "/"), ("$vsa_generation { default ", ";")):
        text = text.replace(f"{before}{number}{after}", f"{before}{GENERATION}{after}")
    return text


@dataclass(frozen=True)
class Generation:
    """A generation as it lies on the host: ``files`` maps names to texts, as read, without generation.json.

    ``hashes`` are those that generation.json recorded; where they differ from the texts there is drift.
    ``inputs`` is the hash of the templates and settings that it was rendered with.
    """

    number: int = 0
    files: Mapping[str, str] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    inputs: str = ""
    marker: str = ""

    @property
    def domains(self) -> tuple[str, ...]:
        """Return the domains of its sites."""
        return tuple(sorted(site for name in self.files if name.startswith("sites/") and (site := site_of(name))))

    @property
    def drifted(self) -> tuple[str, ...]:
        """Return the names of files that are not what the transaction wrote."""
        changed = {name for name, text in self.files.items() if text_hash(text) != self.hashes.get(name)}
        return tuple(sorted(changed | (set(self.hashes) - set(self.files))))


@dataclass(frozen=True)
class FileChange:
    """One file of a plan; ``before`` or ``after`` is None where it does not exist."""

    name: str
    before: str | None
    after: str | None

    @property
    def kind(self) -> str:
        """Return add, change or remove."""
        return "add" if self.before is None else "remove" if self.after is None else "change"

    def diff(self) -> str:
        """Return the unified diff of the file."""
        old, new = ((text or "").splitlines(keepends=True) for text in (self.before, self.after))
        return "".join(
            difflib.unified_diff(
                old,
                new,
                "/dev/null" if self.before is None else f"before/{self.name}",
                "/dev/null" if self.after is None else f"after/{self.name}",
            )
        )


@dataclass(frozen=True)
class Plan:
    """All that a transaction will do. ``files`` is the whole new generation, its number not yet filled in."""

    base: int
    files: Mapping[str, str]
    changes: tuple[FileChange, ...]
    inputs: str
    marker: str
    networks: tuple[str, ...]
    joins: tuple[tuple[str, str], ...]

    @property
    def changed(self) -> bool:
        """Say whether there is anything to do."""
        return bool(self.changes or self.joins)

    @property
    def sites_changed(self) -> tuple[str, ...]:
        """Return the domains whose NGINX file is new or another."""
        return tuple(
            site
            for change in self.changes
            if change.after is not None and change.name.startswith("sites/") and (site := site_of(change.name))
        )

    @property
    def sites_removed(self) -> tuple[str, ...]:
        """Return the domains that the new generation no longer has."""
        return tuple(
            site
            for change in self.changes
            if change.after is None and change.name.startswith("sites/") and (site := site_of(change.name))
        )

    @functools.cached_property
    def hash(self) -> str:
        """What names this plan: the base, every file and every other effect."""
        content = [self.base, sorted((n, text_hash(t)) for n, t in self.files.items()), self.networks, self.joins]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def diff(self) -> str:
        """Return the unified diff of every file."""
        return "".join(change.diff() for change in self.changes)

    def summary(self) -> str:
        """Return how many files are added, changed and removed, in words; manifests count with their site."""
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
    """Compare a live generation with the texts of a desired one (its number not filled in) and return the plan.

    ``networks`` are the edge networks that the proxy must be on, ``joins`` the (network, container) pairs to be made.
    A live generation that drifted from its record is written anew, also where the texts wanted are the recorded ones.
    """
    changes = []
    for name in sorted({*live.files, *desired}):
        after = desired.get(name)
        before = live.files.get(name)
        compared = None if after is None else numbered(name, after, live.number)
        if before != compared:
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
    """Return the domain, the line and the words of what ``nginx -t`` refused in a generation.

    The words are NGINX's first [emerg] line without its prefix; domain and line are None where it names no site's file.
    """
    line = next((text for text in output.splitlines() if "[emerg]" in text), output.strip().splitlines()[-1:] or "")
    words = line if isinstance(line, str) else line[0]
    words = _PROCESS.sub("", words.split("[emerg]")[-1].strip())
    head, marker, tail = words.rpartition(f"/generations/{number}/sites/")
    if not marker:
        return None, None, words
    name, _colon, rest = tail.rpartition(".conf:")
    message = head.rpartition(" in ")[0] or words
    return (name or None), (int(rest) if rest.isdigit() else None), message.strip()


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
    return [f"{domain} is declared in the inventory ({WHERE}): the next vsa site apply {undone}" for domain in domains]
