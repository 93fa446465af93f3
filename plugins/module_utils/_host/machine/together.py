# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Call a function for many values at the same time, and take what is done in time.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

__all__ = ("done_in_time",)

_Value = TypeVar("_Value")
_Result = TypeVar("_Result")


def done_in_time(
    call: Callable[[_Value], _Result], values: Iterable[_Value], *, at_once: int, seconds: float
) -> dict[_Value, _Result]:
    """Return the result of each call that ended within so many seconds; an error of a call is raised here.

    A thread cannot be ended from outside. So the threads do not keep the process: a call that hangs is left behind.
    """
    waiting: queue.SimpleQueue[_Value] = queue.SimpleQueue()
    ended: queue.SimpleQueue[tuple[_Value, _Result | Exception]] = queue.SimpleQueue()
    count = 0
    for value in values:
        waiting.put(value)
        count += 1
    deadline = time.monotonic() + seconds

    def work() -> None:
        while time.monotonic() < deadline:
            try:
                value = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                ended.put((value, call(value)))
            except Exception as error:
                ended.put((value, error))

    for _number in range(min(at_once, count)):
        threading.Thread(target=work, daemon=True).start()
    results: dict[_Value, _Result] = {}
    while len(results) < count:
        try:
            value, result = ended.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        if isinstance(result, Exception):
            raise result
        results[value] = result
    return results
