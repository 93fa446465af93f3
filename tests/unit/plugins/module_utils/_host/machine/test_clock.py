"""The host's clock."""

from __future__ import annotations

import datetime

from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.clock import time_now


def test_the_time_is_aware_and_in_utc() -> None:
    found = time_now()
    assert found.utcoffset() == datetime.timedelta(0)
    assert abs(found - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(seconds=5)
