# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a host as VSA keeps it on disk: settings, manifests and the live generation, read once per run.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..._core.errors import RefusedError
from ..._core.hints import Hint
from ..._core.nearest import there_are
from ..._core.proxy.plan import Generation, manifest_file, site_of
from ..._core.settings import Settings
from ..._core.site.manifest import Site
from .generations import Generations, Record
from .layout import Paths
from .manifests import parse_manifest, read_manifests
from .settings import read_settings

__all__ = ("Host", "no_proxy", "read_host")

# An error names at most this many sites.


@dataclass(frozen=True)
class Host:
    """The state of one host at one moment.

    * ``manifests``: the text of each manifest in /etc/vsa/sites, by domain.
    * ``number``: the generation that ``current`` points to; ``record`` is its generation.json, None if that is missing
      or damaged.
    * ``stamp``: identifies the files that were read, so that ``is_current`` can tell whether one of them changed. None
      for a host that nobody asks that.
    """

    paths: Paths
    settings: Settings
    manifests: Mapping[str, str]
    number: int
    record: Record | None
    generations: Generations
    stamp: tuple[object, ...] | None
    _parsed: dict[tuple[str, str], Site] = field(default_factory=dict, repr=False, compare=False)

    @functools.cached_property
    def live(self) -> Generation:
        """Return the files of the live generation. They are read when a verb first asks for them.

        A verb that asks later than :func:`read_host` still gets the generation of that moment, because nobody changes a
        generation once it is there.
        """
        return self.generations.read_with(self.number, self.record)

    @property
    def index(self) -> Mapping[str, dict[str, Any]]:
        """Return what generation.json says about each live site, by domain; empty without a record."""
        return self.record.sites if self.record else {}

    def site(self, domain: str) -> Site | None:
        """Return the site of a manifest in /etc/vsa/sites, None if there is no such file. RefusedError if invalid."""
        text = self.manifests.get(domain)
        return None if text is None else self.parse(domain, text)

    def require_site(self, domain: str) -> Site:
        """Return the site of a manifest in /etc/vsa/sites. RefusedError if there is no such file or it is invalid."""
        site = self.site(domain)
        if site is None:
            raise self.no_such_site(domain)
        return site

    def no_such_site(self, domain: str) -> RefusedError:
        """Return the error for a domain that has no site on this host.

        If the domain is another name of a site, the error names that site, otherwise the sites that exist.
        """
        owner = next((name for name, entry in self.index.items() if domain in entry.get("names", ())), None)
        if owner is not None:
            return RefusedError(
                f"{domain} is another name of the site {owner}",
                field="domain",
                value=domain,
                expected=owner,
                hint=Hint("site.show", {"domain": owner}),
            )
        return RefusedError(
            "this host has no such site",
            field="domain",
            value=domain,
            there_are=there_are(domain, (*self.manifests, *self.index)),
            hint=Hint("site.list"),
        )

    def live_site(self, domain: str) -> Site | None:
        """Return the site as the live generation has it, None if it is not live. RefusedError if invalid."""
        text = self.live.files.get(manifest_file(domain))
        return None if text is None else self.parse(domain, text)

    def parse(self, domain: str, text: str) -> Site:
        """Return the site of a manifest's text; the same text is parsed once. RefusedError if it is invalid."""
        known = self._parsed.get((domain, text))
        if known is None:
            known = self._parsed[domain, text] = parse_manifest(domain, text)
        return known

    def is_current(self) -> bool:
        """Say whether the host still is as it was read. Looks at file attributes only and reads no file again."""
        return self.stamp is not None and self.stamp == _stamp(self.paths, self.generations)


def no_proxy() -> RefusedError:
    """Return the error for a host on which the reverse proxy was never started."""
    return RefusedError("this host has no reverse proxy yet", hint=Hint("stack.up", {"name": "reverse-proxy"}))


def read_host(paths: Paths, settings: Settings | None = None, *, stamped: bool = True) -> Host:
    """Read the state of a host. RefusedError if /etc/vsa/vsa.yml is invalid, unless ``settings`` replace it.

    Without a stamp a host of 1,000 sites is read without 3,000 calls of stat(2), and never counts as current.
    """
    generations = Generations(paths)
    # Taken first: a file that changes while the others are read makes the stamp differ later.
    stamp = _stamp(paths, generations) if stamped else None
    number = generations.live_number()
    record = generations.record(number)
    return Host(
        paths=paths,
        settings=read_settings(paths) if settings is None else settings,
        manifests=read_manifests(paths),
        number=number,
        record=record,
        generations=generations,
        stamp=stamp,
    )


def _stamp(paths: Paths, generations: Generations) -> tuple[object, ...]:
    """Return what changes if somebody changes the settings, a manifest, the live generation or the journal."""
    number = generations.live_number()
    record = generations.record(number)
    stored = [generations.path(number, name, record.files) for name in record.files if site_of(name)] if record else []
    return (
        number,
        _attributes(paths.vsa_yml),
        _attributes(paths.journal),
        _directory(paths.sites),
        *(_directory(generations.directory(number) / folder) for folder in ("", "sites", "manifests")),
        *map(_attributes, stored),
    )


def _attributes(path: Path | str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size)


def _directory(path: Path) -> tuple[object, ...]:
    try:
        with os.scandir(path) as entries:
            found = [(entry.name, entry.stat()) for entry in entries]
    except FileNotFoundError:
        return ()
    return tuple(sorted((name, stat.st_ino, stat.st_mtime_ns, stat.st_size) for name, stat in found))
