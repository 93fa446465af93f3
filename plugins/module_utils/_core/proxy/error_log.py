# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of NGINX's error log that one process wrote: they explain a verdict, and are never one.

A line of a worker may hold any words of a client (``referrer: "[emerg] …"``), so only the head of a line says who wrote
the line. NGINX refuses a line feed in a header, so no client begins a line.
Source: https://nginx.org/en/docs/ngx_core_module.html#error_log
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re

__all__ = ("refusals_of",)

_LINE = re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[emerg\] (?P<pid>\d+)#\d+: (?P<message>.*)")


def refusals_of(text: str, pid: int) -> list[str]:
    """Return the messages of level emerg that the process ``pid`` wrote, as its container counts processes."""
    found = (_LINE.fullmatch(line) for line in text.split("\n"))
    return [match["message"].strip() for match in found if match and int(match["pid"]) == pid]
