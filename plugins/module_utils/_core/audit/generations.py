# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one transaction of the proxy did to which sites, as an audit record has it: always, also without ``--diff``.

The diffs are masked before they are compared, and they are bounded. What does not fit is counted.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..proxy.plan import FileChange, site_of
from ..run_context import LIVE
from ..shape import ListOf, MapOf, Maybe, Object, misfit
from .mask import Masker

__all__ = (
    "DIFF_BYTES",
    "PROXY",
    "GenerationChange",
    "describe",
    "from_result",
    "with_fewer_sites",
    "without_diffs",
)

PROXY = "proxy"
"""The name of the diff of the files that belong to no site."""

DIFF_BYTES = 8 * 1024
_ALL_DIFFS_BYTES = 192 * 1024
_LONGEST_DOMAIN = 253
_MOST_SITES = 50_000

_TEXTS = ListOf(str)
_SHAPE = Object(
    {"before": int, "after": int, "outcome": str},
    {
        **dict.fromkeys(("added", "changed", "removed"), _TEXTS),
        **dict.fromkeys(("cut_bytes", "cut_diffs", "cut_sites"), int),
        "host": str,
        "diffs": MapOf(str),
        "run": Maybe(str),
    },
)


@dataclass(frozen=True)
class GenerationChange:
    """The sites that a transaction changed, between the generations ``before`` and ``after``.

    * ``added``, ``changed``, ``removed``: domains.
    * ``diffs``: the masked diff of each site's manifest and NGINX file, by domain; :data:`PROXY` names the files that
      belong to no site.
    * ``outcome``: how the transaction ended, as run_context.py names it.
    * ``run``: the id of the run that began the transaction, if that run was killed and this one ended it.
    * ``cut_bytes``: the bytes that were cut off the diffs that are there. ``cut_diffs``, ``cut_sites``: the number of
      diffs, and of names of sites, that are not there.
    """

    before: int
    after: int
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    host: str = ""
    outcome: str = LIVE
    run: str | None = None
    diffs: Mapping[str, str] = field(default_factory=dict)
    cut_bytes: int = 0
    cut_diffs: int = 0
    cut_sites: int = 0

    @property
    def sites(self) -> tuple[str, ...]:
        """Return all domains, sorted."""
        return tuple(sorted({*self.added, *self.changed, *self.removed}))

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            **vars(self),
            **{name: list(getattr(self, name)) for name in ("added", "changed", "removed")},
            "diffs": dict(self.diffs),
        }

    @classmethod
    def from_dict(cls, data: Any) -> GenerationChange:
        """Return the value of :meth:`as_dict`. ValueError if the data has another form."""
        wrong = misfit(data, _SHAPE)
        if wrong:
            raise ValueError(f"not a change of a generation: {wrong}")
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        known |= {name: tuple(known.get(name, ())) for name in ("added", "changed", "removed")}
        return cls(**known)


def describe(
    before: int,
    after: int,
    files: Iterable[FileChange],
    *,
    masker: Masker,
    joined: Iterable[str] = (),
    outcome: str = LIVE,
    run: str | None = None,
) -> GenerationChange:
    """Return what a transaction changed, by the files that differ between the two generations.

    ``joined`` are sites of which only the networks of a container changed.
    """
    by_site: dict[str, list[FileChange]] = {}
    for change in files:
        by_site.setdefault(site_of(change.name) or PROXY, []).append(change)
    kinds: dict[str, list[str]] = {"add": [], "change": [], "remove": []}
    for domain, changes in by_site.items():
        if domain != PROXY:
            kinds[_kind(changes)].append(domain)
    kinds["change"] += [domain for domain in joined if domain not in by_site]
    diffs, cut_bytes, cut_diffs = _bounded_diffs(by_site, masker)
    return GenerationChange(
        before=before,
        after=after,
        added=tuple(sorted(kinds["add"])),
        changed=tuple(sorted(set(kinds["change"]))),
        removed=tuple(sorted(kinds["remove"])),
        outcome=outcome,
        run=run,
        diffs=diffs,
        cut_bytes=cut_bytes,
        cut_diffs=cut_diffs,
    )


def _kind(changes: Sequence[FileChange]) -> str:
    """Return add, change or remove for a site. Its NGINX file decides; a manifest alone is only changed."""
    served = [change.kind for change in changes if change.name.startswith("sites/")]
    return served[0] if served else "change"


def _bounded_diffs(by_site: Mapping[str, Sequence[FileChange]], masker: Masker) -> tuple[dict[str, str], int, int]:
    """Return the masked diffs, the bytes that were cut off, and the number of diffs that were left out."""
    diffs: dict[str, str] = {}
    room, cut_bytes, cut_diffs = _ALL_DIFFS_BYTES, 0, 0
    # The proxy's own files come last: the sites matter more.
    for domain in sorted(by_site, key=lambda name: (name == PROXY, name)):
        if room <= 0:
            cut_diffs += 1
            continue
        text, cut = _cut("".join(_masked(change, masker).diff() for change in by_site[domain]))
        size = _line_bytes(text)
        if size > room:
            room = 0
            cut_diffs += 1
            continue
        diffs[domain] = text
        room -= size
        cut_bytes += cut
    return diffs, cut_bytes, cut_diffs


def _masked(change: FileChange, masker: Masker) -> FileChange:
    """Return a change without secrets. The texts are masked before they are compared: a diff cuts a key into pieces."""
    before, after = (None if text is None else masker.text(text) for text in (change.before, change.after))
    return FileChange(change.name, before, after)


def _cut(text: str) -> tuple[str, int]:
    """Return a diff of at most 8 KiB, and the number of bytes that were cut off."""
    data = text.rstrip("\n").encode("utf-8", "replace")
    if len(data) <= DIFF_BYTES:
        return data.decode("utf-8"), 0
    return data[:DIFF_BYTES].decode("utf-8", "ignore"), len(data) - DIFF_BYTES


def _line_bytes(text: str) -> int:
    """Return the bytes that a text takes in the line of a record."""
    return len(json.dumps(text))


def from_result(result: Any, *, host: str, masker: Masker) -> list[GenerationChange]:
    """Return the changes that a module's result names, masked again with what the controller knows.

    What has another form, or is longer than our own modules make it, is left out.
    """
    entries = result if isinstance(result, (list, tuple)) else ()
    return [change for entry in entries for change in _from_entry(entry, host=host, masker=masker)]


def _from_entry(entry: Any, *, host: str, masker: Masker) -> Iterator[GenerationChange]:
    try:
        found = GenerationChange.from_dict(entry)
    except ValueError:
        return
    if len(found.sites) > _MOST_SITES or any(len(domain) > _LONGEST_DOMAIN for domain in found.sites):
        return
    diffs = {}
    for domain, text in found.diffs.items():
        if domain in (*found.sites, PROXY):
            diffs[domain] = _cut(masker.text(text))[0]
    yield replace(found, host=host, diffs=diffs)


def without_diffs(changes: Sequence[GenerationChange], excess: int) -> tuple[GenerationChange, ...]:
    """Return changes without so many of their diffs, the last ones, that a line is shorter by ``excess`` bytes.

    All diffs go if that is not enough.
    """
    kept = list(changes)
    for number in reversed(range(len(kept))):
        change = kept[number]
        diffs = dict(change.diffs)
        left_out = 0
        while diffs and excess > 0:
            domain, text = diffs.popitem()
            excess -= _line_bytes(domain) + _line_bytes(text)
            left_out += 1
        kept[number] = replace(change, diffs=diffs, cut_diffs=change.cut_diffs + left_out)
    return tuple(kept)


def with_fewer_sites(changes: Sequence[GenerationChange]) -> tuple[GenerationChange, ...]:
    """Return changes with half of the names of their sites; ``cut_sites`` counts the other half."""
    return tuple(map(_halved, changes))


def _halved(change: GenerationChange) -> GenerationChange:
    kinds = {name: getattr(change, name) for name in ("added", "changed", "removed")}
    halves = {name: domains[: len(domains) // 2] for name, domains in kinds.items()}
    gone = sum(len(domains) - len(halves[name]) for name, domains in kinds.items())
    return replace(change, **halves, cut_sites=change.cut_sites + gone)
