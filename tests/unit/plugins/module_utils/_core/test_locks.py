# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds a lock, as Linux 6.1 and 6.12 write /proc/locks."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.locks import holder_of

TEXT = """\
1: FLOCK  ADVISORY  WRITE 1234 fe:01:5678 0 EOF
1: -> FLOCK  ADVISORY  WRITE 777 fe:01:5678 0 EOF
2: POSIX  ADVISORY  READ  42 00:1f:99 128 128
3: FLOCK  ADVISORY  WRITE 0 fe:01:11 0 EOF
4: FLOCK  ADVISORY  WRITE 55 00:32:5678 0 EOF
5: LEASE  ACTIVE    READ  66 fe:01:12 0 EOF
"""


@pytest.mark.parametrize(
    ("device", "inode", "pid"),
    [
        ((0xFE, 1), 5678, 1234),
        ((0, 0x32), 5678, 55),
        ((9, 9), 5678, 1234),
        ((0, 0x1F), 99, 42),
        ((0xFE, 1), 11, None),
        ((0xFE, 1), 12, None),
        ((0xFE, 1), 13, None),
    ],
)
def test_holder_of(device: tuple[int, int], inode: int, pid: int | None) -> None:
    assert holder_of(TEXT, device=device, inode=inode) == pid


def test_other_text_names_nobody() -> None:
    assert holder_of("\n: \x00\nx: FLOCK", device=(1, 1), inode=1) is None
