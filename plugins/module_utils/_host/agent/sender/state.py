# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sender remembers from one run to the next: epoch, sequence, cursor, waits, and what the hub said.

Nothing in it is secret: the collector reads the cursor, and `vsa agent status` shows the rest. If the state is lost, a
new epoch begins. While the disk is full, the state waits on a tmpfs.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...._core.errors import RefusedError
from ...machine.files import write_atomically
from ...machine.walk import walk
from ..places import AgentPlaces

__all__ = ("STATE_MODE", "State", "new_epoch", "read_plain_file", "read_state", "write_state")

STATE_MODE = 0o644
"""The mode of the state: the collector reads it, and nothing in it is secret."""

_HEX32 = re.compile(r"[0-9a-f]{32}")
_HEX64 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class State:
    """The state of a sender.

    * ``after``: the hash of the hub's last audit record. ``sure``: the hub said so in answer to the last beat.
    * ``failures``: beats in a row that were not taken.
    * ``boot`` and ``not_before``: nothing is sent before so many seconds after the start of this boot.
    * ``last``: what became of the last beat; ``taken``: of the last beat that the hub took.
    """

    epoch: str
    sequence: int = 0
    after: str | None = None
    sure: bool = False
    failures: int = 0
    boot: str = ""
    not_before: float = 0.0
    last: Mapping[str, Any] = field(default_factory=dict)
    taken: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> str:
        """Return the text of the file."""
        return json.dumps({"schema": 1, **dataclasses.asdict(self)}) + "\n"


def new_epoch() -> str:
    """Return the name of a new epoch."""
    return secrets.token_hex(16)


def read_plain_file(path: Path) -> bytes | None:
    """Return the content of a file; None if there is none, or if it is no plain file, or a very large one.

    Root reads files of the sender: it follows no link in the sender's directory, and waits for no pipe.
    """
    try:
        with walk(path.parent) as folder:
            return folder.read(path.name)
    except (OSError, RefusedError):
        return None


def read_state(places: AgentPlaces) -> State | None:
    """Return the state; None if there is none, or if it is damaged. What waits on the tmpfs is newer."""
    for path in (places.state_in_memory, places.state):
        content = read_plain_file(path)
        try:
            data = None if content is None else json.loads(content)
        except (ValueError, RecursionError):
            continue
        state = _state_of(data)
        if state is not None:
            return state
    return None


def write_state(places: AgentPlaces, state: State) -> None:
    """Write the state; to the tmpfs if the disk has no room. OSError if there is none either."""
    text = state.as_json()
    try:
        write_atomically(places.state, text, mode=STATE_MODE)
    except OSError:
        draft = places.state_in_memory.with_name(".state.json.new")
        draft.write_text(text, encoding="utf-8")
        draft.chmod(STATE_MODE)
        os.replace(draft, places.state_in_memory)
    else:
        with suppress(FileNotFoundError, NotADirectoryError):
            places.state_in_memory.unlink()


def _state_of(data: object) -> State | None:
    if not isinstance(data, dict) or data.get("schema") != 1:
        return None
    known = {entry.name: data[entry.name] for entry in dataclasses.fields(State) if entry.name in data}
    try:
        state = State(**known)
    except TypeError:
        return None
    whole = (
        isinstance(state.epoch, str)
        and _HEX32.fullmatch(state.epoch)
        and _is_count(state.sequence)
        and _is_count(state.failures)
        and (state.after is None or (isinstance(state.after, str) and _HEX64.fullmatch(state.after)))
        and isinstance(state.sure, bool)
        and isinstance(state.boot, str)
        and isinstance(state.not_before, (int, float))
        and isinstance(state.last, dict)
        and isinstance(state.taken, dict)
    )
    return state if whole else None


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
