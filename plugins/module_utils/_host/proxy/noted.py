# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a transaction does to which sites, noted for the audit trail of this host and of the controller.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from ..._core.errors import NotRolledBackError, RolledBackError
from ..._core.proxy.plan import LIST, MAIN, FileChange, unnumber
from ..._core.run_context import LIVE, NOT_PUT_BACK, PUT_BACK, RunContext
from ..store.generations import Generations, Record

__all__ = ("changed_files", "note_manifests", "noted")

# As in _core/audit/generations.py, which is imported only if something changes.


@contextmanager
def noted(
    run: RunContext | None,
    record: Record | None,
    files: Sequence[FileChange],
    *,
    begun_by: str | None = None,
    put_back: bool = False,
) -> Iterator[None]:
    """Note what the commit in the ``with`` block does to which sites. If the block rolls back, the note says so.

    * ``record``: generation.json of the new generation; ``files``: what is different in the new generation. Both are
      read before the commit, because a rollback removes the generation. Without a record there is nothing to note.
    * ``begun_by``: the id of the run that began the commit, if that run was killed.
    * ``put_back``: the block is the rollback itself.
    """
    ended = PUT_BACK if put_back else LIVE
    try:
        yield
    except RolledBackError:
        ended = PUT_BACK
        raise
    except NotRolledBackError:
        ended = NOT_PUT_BACK
        raise
    except BaseException:
        ended = ""  # the commit has not begun, or nobody knows how it ended
        raise
    finally:
        if run is not None and record is not None and ended:
            _note(run, record.base, record.number, files, joined=_joined(record), outcome=ended, begun_by=begun_by)


def note_manifests(run: RunContext, number: int, files: Sequence[FileChange]) -> None:
    """Note manifests that a verb wrote beside the transaction; the generation ``number`` stays live."""
    if files:
        _note(run, number, number, files)


def _note(
    run: RunContext,
    before: int,
    after: int,
    files: Sequence[FileChange],
    *,
    joined: Sequence[str] = (),
    outcome: str = LIVE,
    begun_by: str | None = None,
) -> None:
    # Imported here: most runs change nothing, and a host compiles what is imported anew in each run.
    from ..._core.audit.generations import describe
    from ..._core.audit.mask import Masker

    other = begun_by if begun_by != run.audit_id else None
    change = describe(before, after, files, masker=Masker(), joined=joined, outcome=outcome, run=other)
    run.generations.append(change)


def _joined(record: Record) -> list[str]:
    """Return the sites of which the commit connects a container to a network."""
    joins = {tuple(pair) for pair in record.joins}
    sites = record.sites.items() if joins else ()
    return [domain for domain, entry in sites if any((entry["network"], name) in joins for name in entry["containers"])]


def changed_files(generations: Generations, record: Record | None) -> list[FileChange]:
    """Return what is different in a generation, compared with its base. Only files whose hash differs are read."""
    if record is None:
        return []
    base = generations.record(record.base)
    # Without its record only what is there now is known of the base.
    there = {} if base else generations.read(record.base).files
    before: Mapping[str, str] = base.files if base else dict.fromkeys(there, "")
    changes = []
    for name in sorted({*before, *record.files} - {LIST}):
        if before.get(name) == record.files.get(name):
            continue
        old = _text(there.get(name) or _read(generations, base, name), record.base, name) if name in before else None
        new = _text(_read(generations, record, name), record.number, name) if name in record.files else None
        if old != new:
            changes.append(FileChange(name, old, new))
    return changes


def _read(generations: Generations, record: Record | None, name: str) -> str:
    """Return the text of a file of a generation, empty if the file is gone."""
    return (generations.text(record, name) if record else None) or ""


def _text(text: str, number: int, name: str) -> str:
    """Return the text of a file without the number of its generation."""
    return unnumber(text, number) if name == MAIN else text
