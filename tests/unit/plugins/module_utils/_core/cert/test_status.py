"""What a certificate is worth, and whether a new one is asked for."""

from __future__ import annotations

import dataclasses
import datetime

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.attempts import Attempts, attempts_from
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.status import (
    DIRECTORIES,
    Decision,
    Facts,
    RenewalWindow,
    authority_label,
    authority_of,
    directory_url,
    judge,
    past_two_thirds,
    renewal_server,
    renewal_time,
    retry_after,
    should_issue,
    uncovered_names,
    window_from,
)

NOW = datetime.datetime(2026, 11, 24, 12, 0, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
PEBBLE = "https://pebble:14000/dir"


def facts(*, age: float = 10, left: float = 80, **values: object) -> Facts:
    """Return the facts of a certificate that is ``age`` days old and has ``left`` days to go."""
    base = Facts(
        names=("shop.test",),
        not_before=NOW - age * DAY,
        not_after=NOW + left * DAY,
        issuer="Let's Encrypt",
        fingerprint="aa",
        server=DIRECTORIES["letsencrypt"],
    )
    return dataclasses.replace(base, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (None, "missing"),
        (facts(age=0, left=90), "ok"),
        (facts(age=59, left=31), "ok"),
        (facts(age=61, left=29), "due"),
        (facts(age=67, left=23), "due"),
        (facts(age=68, left=22), "expiring"),
        (facts(age=90, left=0), "expired"),
        (facts(age=100, left=-10), "expired"),
        # Six days: certbot renews at half the time.
        (facts(age=2, left=4), "ok"),
        (facts(age=3.5, left=2.5), "due"),
        (facts(age=4, left=2), "expiring"),
        # 45 days, as they will be in 2028.
        (facts(age=29, left=16), "ok"),
        (facts(age=31, left=14), "due"),
        (facts(age=-1, left=90), "mismatch"),
        (facts(pair_problem="they are not a pair"), "mismatch"),
        (facts(names=("other.test",)), "mismatch"),
        # Staging is not trusted, and so are certificates of a CA that the host does not know: said, not judged.
        (facts(chain_problem="clients will not trust it"), "ok"),
    ],
)
def test_judge(found: Facts | None, state: str) -> None:
    assert judge(found, names=("shop.test",), now=NOW).state == state


def test_a_verdict_counts_in_shares_and_seconds() -> None:
    verdict = judge(facts(age=60, left=30), names=("shop.test",), now=NOW)
    assert verdict.seconds_left == 30 * 86400
    assert verdict.fraction_left == pytest.approx(1 / 3, abs=0.001)
    assert judge(facts(age=91, left=-1), names=("shop.test",), now=NOW).fraction_left == 0


@pytest.mark.parametrize(
    ("has", "needs", "lacks"),
    [
        (("a.test",), ("a.test",), ()),
        (("A.test",), ("a.TEST",), ()),
        (("a.test",), ("a.test", "www.a.test"), ("www.a.test",)),
        (("*.a.test",), ("www.a.test",), ()),
        (("*.a.test",), ("a.test",), ("a.test",)),
        (("*.a.test",), ("x.www.a.test",), ("x.www.a.test",)),
        ((), ("a.test",), ("a.test",)),
    ],
)
def test_uncovered_names(has: tuple[str, ...], needs: tuple[str, ...], lacks: tuple[str, ...]) -> None:
    assert uncovered_names(facts(names=has), needs) == lacks


def failed(count: int, ago: datetime.timedelta = datetime.timedelta(0), **values: object) -> Attempts:
    return Attempts(failures=count, last=NOW - ago, error="it could not validate", **values)  # type: ignore[arg-type]


MINUTE = datetime.timedelta(minutes=1)


@pytest.mark.parametrize(
    ("found", "authority", "attempts", "force", "expected"),
    [
        # What is good is kept, and what is only due is the renewal loop's.
        (facts(age=10, left=80), "letsencrypt", Attempts(), False, ("keep", False, False)),
        (facts(age=65, left=25), "letsencrypt", Attempts(), False, ("keep", False, False)),
        (facts(age=65, left=25), "letsencrypt", failed(3), False, ("keep", False, False)),
        # What is missing or late is certbot's own idea of due; the rest has to be forced.
        (None, "letsencrypt", Attempts(), False, ("issue", False, False)),
        (facts(age=80, left=10), "letsencrypt", Attempts(), False, ("issue", False, False)),
        (facts(age=91, left=-1), "letsencrypt", Attempts(), False, ("issue", False, False)),
        (facts(pair_problem="no pair"), "letsencrypt", Attempts(), False, ("issue", True, False)),
        (facts(names=("other.test",)), "letsencrypt", Attempts(), False, ("issue", True, False)),
        (facts(names=("shop.test", "old.test")), "letsencrypt", Attempts(), False, ("issue", True, False)),
        (facts(), "letsencrypt", Attempts(), True, ("issue", True, False)),
        # Another CA.
        (facts(), "staging", Attempts(), False, ("issue", True, False)),
        (facts(server=DIRECTORIES["staging"]), "letsencrypt", Attempts(), False, ("issue", True, False)),
        (facts(server=PEBBLE), PEBBLE, Attempts(), False, ("keep", False, False)),
        (facts(server=None), "letsencrypt", Attempts(), False, ("keep", False, False)),
        # After a failure at Let's Encrypt: rehearse, then wait longer and longer. Force does neither away.
        (None, "letsencrypt", failed(1), False, ("issue", False, True)),
        (None, "letsencrypt", failed(2, 14 * MINUTE), False, ("wait", False, False)),
        (None, "letsencrypt", failed(2, 16 * MINUTE), False, ("issue", False, True)),
        (None, "letsencrypt", failed(2, 14 * MINUTE), True, ("wait", False, False)),
        (None, "letsencrypt", failed(5, 11 * 60 * MINUTE), False, ("wait", False, False)),
        (None, "letsencrypt", failed(99, 13 * 60 * MINUTE), False, ("issue", False, True)),
        # Elsewhere no rehearsal and no waiting, unless the CA said so.
        (None, "staging", failed(9), False, ("issue", False, False)),
        (None, PEBBLE, failed(9), False, ("issue", False, False)),
        (None, PEBBLE, failed(1, retry_after=NOW + MINUTE), False, ("wait", False, False)),
        (None, PEBBLE, failed(1, retry_after=NOW - MINUTE), False, ("issue", False, False)),
        # Nobody but us renews a self-signed one.
        (None, "selfsigned", Attempts(), False, ("issue", False, False)),
        (facts(self_signed=True, server=None), "selfsigned", Attempts(), False, ("keep", False, False)),
        (
            facts(age=65, left=25, self_signed=True, server=None),
            "selfsigned",
            Attempts(),
            False,
            ("issue", True, False),
        ),
        (facts(), "selfsigned", Attempts(), False, ("issue", True, False)),
    ],
)
def test_should_issue(
    found: Facts | None, authority: str, attempts: Attempts, force: bool, expected: tuple[str, bool, bool]
) -> None:
    made = should_issue(found, names=("shop.test",), authority=authority, attempts=attempts, now=NOW, force=force)
    assert (made.action, made.fresh, made.rehearse) == expected
    assert made.reason


def test_a_wait_says_until_when() -> None:
    made = should_issue(None, names=("a.test",), authority="letsencrypt", attempts=failed(3), now=NOW)
    assert made == Decision("wait", "there is none", until=NOW + datetime.timedelta(hours=1))


def test_keeping_says_how_long() -> None:
    made = should_issue(
        facts(age=19, left=71), names=("shop.test",), authority="letsencrypt", attempts=Attempts(), now=NOW
    )
    assert made.reason == "valid for 71 d (79 %)"


def test_a_lifetime_counts_its_last_second() -> None:
    # Let's Encrypt's 90 days are 89 d 23:59:59 between the two fields.
    found = facts(not_before=NOW, not_after=NOW + 90 * DAY - datetime.timedelta(seconds=1))
    assert found.lifetime == 90 * DAY


@pytest.mark.parametrize(("age", "left", "day"), [(10, 80, 50), (0, 6, 3)])
def test_renewal_time(age: float, left: float, day: float) -> None:
    assert abs(renewal_time(facts(age=age, left=left)) - (NOW + day * DAY)) < 2 * MINUTE


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("", None),
        ("version = 5.5.0\n[renewalparams]\nserver = https://pebble:14000/dir\n", "https://pebble:14000/dir"),
        ("server_x = y\n", None),
        ("server =\n", None),
    ],
)
def test_renewal_server(text: str, server: str | None) -> None:
    assert renewal_server(text) == server


@pytest.mark.parametrize(
    ("authority", "issuer", "label"),
    [
        ("letsencrypt", "Let's Encrypt", "Let's Encrypt"),
        ("staging", None, "Let's Encrypt staging (not trusted)"),
        ("selfsigned", None, "itself (self-signed)"),
        (PEBBLE, None, "pebble:14000"),
        (PEBBLE, "Pebble Intermediate CA", "Pebble Intermediate CA"),
    ],
)
def test_authority_label(authority: str, issuer: str | None, label: str) -> None:
    assert authority_label(authority, issuer) == label


@pytest.mark.parametrize(
    ("server", "authority"),
    [
        (None, "letsencrypt"),
        (DIRECTORIES["letsencrypt"], "letsencrypt"),
        (DIRECTORIES["staging"], "staging"),
        (PEBBLE, PEBBLE),
    ],
)
def test_authority_of(server: str | None, authority: str) -> None:
    assert authority_of(facts(server=server)) == authority


def test_directory_url() -> None:
    assert directory_url("letsencrypt").startswith("https://acme-v02.")
    assert directory_url("staging").startswith("https://acme-staging-v02.")
    assert directory_url(PEBBLE) == PEBBLE


@pytest.mark.parametrize("data", [None, [], "x", {}, {"failures": "3"}, {"failures": 1, "last": "soon"}])
def test_a_spoilt_record_tells_of_no_wait(data: object) -> None:
    made = should_issue(None, names=("a.test",), authority="letsencrypt", attempts=attempts_from(data), now=NOW)
    assert made.action == "issue"


@pytest.mark.parametrize(
    ("found", "past"),
    [
        (facts(age=59, left=31), False),
        (facts(age=61, left=29), True),
        # No fixed day counts: six days, and 45 as they will be in 2028.
        (facts(age=3.9, left=2.1), False),
        (facts(age=4.1, left=1.9), True),
        (facts(age=29, left=16), False),
        (facts(age=31, left=14), True),
    ],
)
def test_past_two_thirds(found: Facts, past: bool) -> None:
    assert past_two_thirds(found, now=NOW) is past


def test_a_file_that_cannot_be_read_is_a_mismatch() -> None:
    verdict = judge(None, names=("shop.test",), now=NOW, unreadable="it is cut off")
    assert (verdict.state, verdict.problem) == ("mismatch", "it is cut off")


def test_a_window() -> None:
    # As Pebble and Boulder, both written in Go, send it.
    answer = {"suggestedWindow": {"start": "2027-01-22T13:48:43.123456789Z", "end": "2027-01-24T13:48:43Z"}}
    window = window_from(answer)
    assert window is not None
    assert window.as_list() == ["2027-01-22T13:48:43Z", "2027-01-24T13:48:43Z"]
    assert RenewalWindow.from_list(window.as_list()) == window
    assert window.middle.day == 23


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {"suggestedWindow": None},
        {"suggestedWindow": {"start": "x", "end": "y"}},
        {"suggestedWindow": {"start": "2027-01-24T00:00:00Z", "end": "2027-01-22T00:00:00Z"}},
        {"suggestedWindow": {"start": 1, "end": 2}},
    ],
)
def test_what_is_no_window(answer: object) -> None:
    assert window_from(answer) is None


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("3600", 3600),
        ("1", 60),
        ("99999999", 86400),
        (None, 21600),
        ("Tue, 24 Nov 2026 10:00:00 GMT", 21600),
        ("-5", 21600),
    ],
)
def test_retry_after(said: str | None, seconds: int) -> None:
    assert retry_after(said).total_seconds() == seconds
