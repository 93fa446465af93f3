"""Calls at the same time: what is done in time is returned, and what hangs is left behind."""

from __future__ import annotations

import threading
import time

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.together import done_in_time


def test_every_result_is_returned() -> None:
    assert done_in_time(str, range(50), at_once=8, seconds=5) == {number: str(number) for number in range(50)}
    assert done_in_time(str, [], at_once=8, seconds=5) == {}


def test_a_call_that_hangs_is_left_behind() -> None:
    release = threading.Event()
    began = time.monotonic()
    found = done_in_time(lambda value: release.wait(10) if value else value, [0, 1], at_once=2, seconds=0.3)
    release.set()
    assert found == {0: 0}
    assert time.monotonic() - began < 3


def test_an_error_of_a_call_is_raised() -> None:
    with pytest.raises(KeyError):
        done_in_time({}.__getitem__, ["x"], at_once=2, seconds=5)
