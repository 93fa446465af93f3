# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan a transaction of the proxy: compare the live generation with the desired one, and return a Plan.

A check run prints the plan, and a real run carries out the same value. Nothing here touches the host.
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
    """Return the domain that a file of a generation belongs to, None if the file belongs to no site."""
    for prefix, suffix in (("sites/", ".conf"), ("manifests/", ".yml")):
        if name.startswith(prefix) and name.endswith(suffix):
            return name[len(prefix) : -len(suffix)]
    return None


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
    """

    number: int = 0
    files: Mapping[str, str] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    inputs: str = ""
    marker: str = ""

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
    """Return the domain, the line and the message of what ``nginx -t`` refuses in a generation.

    The message is NGINX's first [emerg] line without its prefix. Domain and line are None if it names no site's file.
    """
    lines = output.strip().splitlines() or [""]
    refusal = next((line for line in lines if "[emerg]" in line), lines[-1])
    message = _PROCESS.sub("", refusal.split("[emerg]")[-1].strip())
    head, folder, tail = message.rpartition(f"/generations/{number}/sites/")
    if not folder:
        return None, None, message
    domain, _colon, rest = tail.rpartition(".conf:")
    line = int(rest) if rest.isdigit() else None
    return domain or None, line, (head.rpartition(" in ")[0] or message).strip()


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
