"""The clocks of the agent."""

from __future__ import annotations

import datetime

from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.clock import Clock, stamp


def test_the_time_since_the_boot_goes_on_and_the_boot_has_a_name() -> None:
    clock = Clock()
    first = clock.since_boot()
    assert first > 0
    assert clock.since_boot() >= first
    assert clock.boot() == clock.boot() != ""
    assert 0 <= clock.chance() < 1


def test_a_stamp_is_in_utc_with_milliseconds() -> None:
    berlin = datetime.timezone(datetime.timedelta(hours=1))
    moment = datetime.datetime(2026, 11, 30, 10, 0, 0, 123456, tzinfo=berlin)
    assert stamp(moment) == "2026-11-30T09:00:00.123Z"
