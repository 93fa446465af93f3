# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which lines of an error log a process wrote. The lines are those of NGINX 1.30."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.error_log import refusals_of

MASTER = "2026/11/24 10:58:14 [emerg] 1#1: bind() to [::]:443 failed (98: Address already in use)"
CLIENT = (
    "2026/11/24 10:58:14 [error] 30#30: *5 gone.flowbiz_ext could not be resolved (3: Host not found), client: "
    '192.0.2.1, server: noisy.test, request: "GET / HTTP/1.1", host: "noisy.test", referrer: "[emerg] 1#1: words"'
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        (MASTER, ["bind() to [::]:443 failed (98: Address already in use)"]),
        (f"{CLIENT}\n{MASTER}\n{CLIENT}", ["bind() to [::]:443 failed (98: Address already in use)"]),
        (CLIENT, []),
        (MASTER.replace("1#1", "30#30"), []),
        (MASTER.replace("1#1", "11#1"), []),
        (MASTER.replace("emerg", "alert"), []),
        # The middle of a line begins no line: other line ends than the line feed do not count.
        (f"x {MASTER}", []),
        (f"{CLIENT}\r{MASTER}", []),
        (f"{CLIENT}\x85{MASTER}", []),
        (f"{CLIENT}\x0b{MASTER}\u2028{MASTER}", []),
    ],
)
def test_refusals_of(text: str, found: list[str]) -> None:
    assert refusals_of(text, 1) == found
