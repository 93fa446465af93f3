"""A certificate in results: the step, the view and the notes for the operator."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.attempts import Attempts
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.status import Facts
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import CHANGED, OK, WARNING, WOULD_CHANGE
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.wanted import WantedCertificate
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.words import (
    certificate_result,
    certificate_view,
    issued_text,
    state_after_failure,
    trust_notes,
    wait_error,
)

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
SECOND = datetime.timedelta(seconds=1)
FACTS = Facts(("shop.test",), NOW - 10 * DAY, NOW + 80 * DAY - SECOND, issuer="R11", fingerprint="aa")
UNTRUSTED = Facts(("shop.test",), NOW, NOW + DAY, issuer="R11", fingerprint="aa", chain_problem="nobody trusts it")


def wanted(authority: str = "letsencrypt") -> WantedCertificate:
    return WantedCertificate(("shop.test", "www.shop.test"), authority)


def test_the_view_shows_the_certificate_and_what_is_wrong_with_it() -> None:
    view = certificate_view(wanted(), FACTS)
    assert (view["domain"], view["names"], view["fingerprint"]) == ("shop.test", ["shop.test"], "aa")
    assert (view["state"], view["problem"]) == ("mismatch", "it does not cover www.shop.test")
    nothing = certificate_view(wanted(), None)
    assert (nothing["state"], nothing["names"], nothing["not_after"]) == ("missing", [], None)
    assert view.keys() == nothing.keys()


@pytest.mark.parametrize(("state", "changed"), [(OK, False), (WARNING, False), (CHANGED, True), (WOULD_CHANGE, True)])
def test_changed_follows_from_the_state_of_the_step(state: str, changed: bool) -> None:
    result = certificate_result(wanted(), FACTS, state, "a text", ["a note"])
    assert result.changed is changed
    assert [(step.name, step.state, step.text, step.notes) for step in result.steps] == [
        ("certificate", state, "a text", ("a note",))
    ]
    assert certificate_result(wanted(), FACTS, state, "", [], changed=True).changed


@pytest.mark.parametrize(
    ("authority", "text"),
    [
        ("letsencrypt", "issued by Let's Encrypt, ECDSA, 90 days"),
        ("https://pebble:14000/dir", "issued by R11, ECDSA, 90 days"),
    ],
)
def test_issued_text(authority: str, text: str) -> None:
    assert issued_text(wanted(authority), FACTS) == text


@pytest.mark.parametrize(
    ("authority", "facts", "notes"),
    [
        ("letsencrypt", FACTS, []),
        ("letsencrypt", UNTRUSTED, ["nobody trusts it"]),
        ("staging", FACTS, []),
        ("staging", UNTRUSTED, ["a staging certificate: browsers will not trust it"]),
        ("selfsigned", FACTS, ["self-signed: browsers will not trust it"]),
    ],
)
def test_trust_notes(authority: str, facts: Facts, notes: list[str]) -> None:
    assert trust_notes(wanted(authority), facts) == notes


def test_a_failure_leaves_the_previous_certificate_or_nothing() -> None:
    assert state_after_failure(FACTS) == "the previous certificate is still served"
    assert state_after_failure(None) == "nothing was changed"


def test_a_wait_names_the_time_and_the_last_failure() -> None:
    until = datetime.datetime(2026, 11, 24, 12, 0, tzinfo=datetime.UTC)
    error = wait_error("shop.test", "letsencrypt", Attempts(failures=3, error="no DNS"), until=until, state="a state")
    assert error.message == "Let's Encrypt is not asked again before 2026-11-24T12:00:00Z, after 3 failures in a row"
    assert (error.value, error.state, error.details) == ("shop.test", "a state", ["last failure: no DNS"])
    assert wait_error("shop.test", "staging", Attempts(failures=1), until=until, state="").details == []
