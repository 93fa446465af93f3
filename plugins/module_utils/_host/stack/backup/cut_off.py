# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore that was cut off after it moved data aside: nothing but the same restore may start the stack.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ...._core.errors import RefusedError
from ...._core.hints import Hint
from ...._core.stack.manifest import Stack
from ...machine.docker import Engine
from ...machine.walk import walk
from ...store.backups import RestoreJournal
from ...store.layout import Paths

__all__ = ("refuse_half_restored",)


def refuse_half_restored(paths: Paths, stack: Stack, engine: Engine) -> None:
    """Raise RefusedError if data of the stack lie aside, where a restore that is not done has moved them."""
    journal = RestoreJournal(paths, stack.tenant, stack.name)
    found = journal.read()
    if found is None:
        return
    suffix = f".before-{found['suffix']}"
    aside = sorted(name for name in engine.volume_projects() if name.endswith(suffix))
    folder = Path(paths.root, stack.folder)
    with suppress(FileNotFoundError), walk(folder.parent) as tenant:
        if tenant.state(f"{folder.name}{suffix}") is not None:
            aside.append(str(folder.with_name(f"{folder.name}{suffix}")))
    if aside:
        saved = found.get("stack", stack.name)
        run = found["run"]
        hint = Hint("stack.restore", {"name": saved, "tenant": stack.tenant, "run": run})
        if saved != stack.name:
            hint = Hint("stack.restore", {"name": saved, "tenant": stack.tenant, "run": run, "new_name": stack.name})
        raise RefusedError(
            f"a restore of {stack.name} was cut off, or is under way: its data are of two times",
            field="stack",
            value=stack.name,
            expected="the same restore once more, which goes on from there",
            details=[
                f"the data of before lie in {', '.join(aside)}",
                f"without the repository: put them back into their places, and remove {journal.path}",
            ],
            hint=hint,
        )
