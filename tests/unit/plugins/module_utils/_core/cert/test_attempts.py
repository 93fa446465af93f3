"""The record of failed attempts, and the wait that follows from it."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.attempts import (
    Attempts,
    attempts_from,
    attempts_record,
    renewal_wait,
)

NOW = datetime.datetime(2026, 11, 24, 12, 0, tzinfo=datetime.UTC)
MINUTE = datetime.timedelta(minutes=1)
PEBBLE = "https://pebble:14000/dir"


def test_attempts_survive_the_disk() -> None:
    tries = Attempts(failures=3, last=NOW, retry_after=NOW + MINUTE, error="it refused")
    assert attempts_from(attempts_record(tries)) == tries
    assert attempts_from(attempts_record(Attempts())) == Attempts()


@pytest.mark.parametrize("data", [None, [], "x", {}, {"failures": "3"}, {"failures": None}, {"failures": -2}], ids=str)
def test_a_damaged_record_has_no_failures(data: object) -> None:
    assert attempts_from(data).failures == 0


def test_a_record_without_a_valid_time_keeps_the_rest() -> None:
    found = attempts_from({"failures": 2, "last": "soon", "retry_after": 3, "error": ["x"]})
    assert found == Attempts(failures=2)


@pytest.mark.parametrize(("failures", "minutes"), [(1, 0), (2, 15), (3, 60), (4, 240), (5, 720), (50, 720)])
def test_the_wait_at_lets_encrypt_grows_up_to_half_a_day(failures: int, minutes: int) -> None:
    until = renewal_wait(Attempts(failures=failures, last=NOW), "letsencrypt")
    assert until == NOW + minutes * MINUTE


def test_other_authorities_do_not_wait() -> None:
    assert renewal_wait(Attempts(failures=50, last=NOW), PEBBLE) == NOW
    assert renewal_wait(Attempts(failures=50, last=NOW), "staging") == NOW


@pytest.mark.parametrize("authority", ["letsencrypt", PEBBLE])
def test_the_time_that_a_ca_named_counts_if_it_is_later(authority: str) -> None:
    later = NOW + datetime.timedelta(days=2)
    assert renewal_wait(Attempts(failures=3, last=NOW, retry_after=later), authority) == later
    waits = renewal_wait(Attempts(failures=3, last=NOW, retry_after=NOW - MINUTE), authority)
    assert waits == renewal_wait(Attempts(failures=3, last=NOW), authority)


def test_without_a_failure_nobody_waits() -> None:
    assert renewal_wait(Attempts(), "letsencrypt") is None
    assert renewal_wait(Attempts(failures=3), "letsencrypt") is None
