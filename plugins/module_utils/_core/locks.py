# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read /proc/locks: who holds the lock of a file.

Source: proc_locks(5). A line is ``1: FLOCK  ADVISORY  WRITE 1234 fe:01:5678 0 EOF``; one that waits has an arrow.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re

__all__ = ("holder_of",)

_LINE = re.compile(
    r"\d+: +(?:FLOCK|OFDLCK|POSIX) +\S+ +\S+ +(?P<pid>-?\d+) +"
    r"(?P<major>[0-9a-f]+):(?P<minor>[0-9a-f]+):(?P<inode>\d+) .*"
)


def holder_of(text: str, *, device: tuple[int, int], inode: int) -> int | None:
    """Return the pid that holds a lock on a file; ``device`` is its major and minor number.

    None if nobody holds the lock, or somebody outside of this process's namespace. Some file systems show another
    device here than by stat(2), so a file with the right inode alone counts if no file fits in both.
    """
    others = []
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if found is None or int(found["inode"]) != inode or int(found["pid"]) <= 0:
            continue
        if (int(found["major"], 16), int(found["minor"], 16)) == device:
            return int(found["pid"])
        others.append(int(found["pid"]))
    return others[0] if others else None
