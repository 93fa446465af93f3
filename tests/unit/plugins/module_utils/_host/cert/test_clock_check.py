"""Whether the host's clock agrees with a CA's, asked of a real HTTPS server."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Iterator

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.clock_check import clock_skew, refuse_wrong_clock
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.tls import client_context, unverified_context

from acmeserver import AcmeServer, acme_server

MINUTE = datetime.timedelta(minutes=1)
DAY = datetime.timedelta(days=1)
NOBODY = "https://127.0.0.1:1/dir"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AcmeServer]:
    with acme_server(tmp_path_factory.mktemp("ca")) as made:
        yield made


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@pytest.mark.parametrize("context", [unverified_context(), client_context()], ids=["trusted", "not trusted"])
def test_the_date_counts_even_if_the_certificate_looks_wrong(authority: AcmeServer, context: ssl.SSLContext) -> None:
    skew = clock_skew(authority.directory, context, now=now() + DAY)
    assert skew is not None
    assert abs(skew - DAY) < datetime.timedelta(seconds=10)


def test_a_ca_that_does_not_answer_says_nothing_about_the_clock() -> None:
    assert clock_skew(NOBODY, unverified_context(), now=now()) is None
    refuse_wrong_clock(NOBODY, unverified_context(), now=now() + 9 * DAY, domain="shop.test", state="a state")


@pytest.mark.parametrize("ahead", [-9 * MINUTE, 0 * MINUTE, 9 * MINUTE], ids=str)
def test_clocks_may_differ_a_little(authority: AcmeServer, ahead: datetime.timedelta) -> None:
    refuse_wrong_clock(authority.directory, unverified_context(), now=now() + ahead, domain="shop.test", state="")


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (11.5 * MINUTE, "0 h 11 min ahead of"),
        (-11.5 * MINUTE, "0 h 11 min behind"),
        (25.5 * 60 * MINUTE, "25 h 30 min ahead of"),
        (-3.5 * DAY, "3 d behind"),
    ],
    ids=str,
)
def test_a_wrong_clock_is_refused(authority: AcmeServer, ahead: datetime.timedelta, words: str) -> None:
    shifted = now() + ahead
    with pytest.raises(RefusedError, match=f"this host's clock is {words} the CA's") as refused:
        refuse_wrong_clock(authority.directory, unverified_context(), now=shifted, domain="shop.test", state="a state")
    assert (refused.value.value, refused.value.state) == ("shop.test", "a state")
