"""Certificates as rows and in full."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.shown import (
    CERTIFICATES,
    certificate,
    certificate_pairs,
    renewal_problem,
    served,
)

FAILED = {"last_failure": {"error": "DNS problem: NXDOMAIN", "time": "2026-11-24T03:00:00Z"}}


@pytest.mark.parametrize(
    ("entry", "cell"),
    [
        ({"renews": "2027-01-24", "renews_by": "ari"}, "2027-01-24 (ARI)"),
        ({"renews": "2027-01-24"}, "2027-01-24"),
        # Finding 17: a failed try for another name left the good certificate without the day of its renewal.
        ({"renews": "2027-01-24", **FAILED}, "2027-01-24; last try failed: DNS problem: NXDOMAIN"),
        (FAILED, "last try failed: DNS problem: NXDOMAIN"),
        ({"problem": "there is no certificate", **FAILED}, "there is no certificate"),
        ({}, None),
    ],
)
def test_finding_17_a_failed_try_does_not_hide_the_renewal(entry: dict[str, Any], cell: str | None) -> None:
    assert CERTIFICATES.cells(entry)[-1] == cell


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (None, "—"),
        ({"state": "ok", "seconds_left": 6_134_400}, "ok 71 d"),
        ({"state": "expiring", "seconds_left": 777_600, "served": "older"}, "expiring 9 d, served OLDER"),
        ({"state": "missing", "served": "same"}, "missing"),
    ],
)
def test_a_certificate_in_a_few_words(entry: dict[str, Any] | None, words: str) -> None:
    assert certificate(entry) == words


def test_what_the_proxy_serves() -> None:
    assert [served({"served": value}) for value in (None, "same", "older")] == [None, "same", "OLDER"]


def test_one_certificate_in_full() -> None:
    found = dict(certificate_pairs({"state": "ok", "key": "ECDSA", "key_matches": True, **FAILED}))
    assert found["key"] == "ECDSA, belongs to the certificate"
    assert found["last failure"] == "2026-11-24T03:00:00Z: DNS problem: NXDOMAIN"
    assert found["valid"] is None


def test_a_renewal_loop_that_failed() -> None:
    assert renewal_problem({"renewal": {"time": "t", "exit": 1}}) == "the renewal loop failed at t"
    assert renewal_problem({"renewal": {"time": "t", "exit": 0}}) is None
    assert renewal_problem({}) is None
