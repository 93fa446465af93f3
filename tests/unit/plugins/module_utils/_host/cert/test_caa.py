"""CAA records are looked up before a CA is asked: by one function, for new certificates and for renewals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.libraries import MissingLibraryError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert import caa
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.caa import CaaReport, check_caa, resolver_names
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.resolver import Names
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

from dnsserver import SILENT, serving_dns

ONE = "127.0.0.1"
SHOP = "shop.example.test"


@pytest.fixture
def zone() -> dict[str, Any]:
    return {SHOP: ["A 203.0.113.7"], "example.test": ["TXT x"]}


@pytest.fixture
def dns(zone: dict[str, Any]) -> Iterator[Names]:
    with serving_dns({ONE: zone}) as port:
        yield Names([ONE], port=port, seconds=0.3)


def check(dns: Names, *names: str, authority: str = "letsencrypt", by_dns: bool = False) -> CaaReport:
    return check_caa(Paths("/nowhere"), dns, names or (SHOP,), authority=authority, by_dns=by_dns)


def test_without_records_every_ca_may_issue(dns: Names) -> None:
    assert check(dns) == CaaReport()


@pytest.mark.parametrize("place", [SHOP, "example.test", "test"])
def test_the_nearest_records_upwards_count(dns: Names, zone: dict[str, Any], place: str) -> None:
    zone[place] = ['CAA 0 issue "digicert.com"']
    [error] = check(dns).refusals
    assert error.message == (
        f"the CAA records of {place} do not let Let's Encrypt issue for {SHOP}: they allow digicert.com"
    )
    assert error.expected == f'{place}. CAA 0 issue "letsencrypt.org"'
    zone[SHOP] = ['CAA 0 issue "letsencrypt.org"']
    assert check(dns).refusals == []


def test_every_name_and_the_way_of_validation_count(dns: Names, zone: dict[str, Any]) -> None:
    zone["a.test"] = ['CAA 0 issue "letsencrypt.org; validationmethods=dns-01"', 'CAA 0 issuewild ";"']
    names = (SHOP, "a.test", "*.a.test")
    assert [error.value for error in check(dns, *names).refusals] == ["a.test", "*.a.test"]
    assert [error.value for error in check(dns, *names, by_dns=True).refusals] == ["*.a.test"]


def test_a_private_ca_is_forbidden_only_with_all_others(dns: Names, zone: dict[str, Any]) -> None:
    zone[SHOP] = ['CAA 0 issue "digicert.com"']
    assert check(dns, authority="https://ca.test/dir").refusals == []
    zone[SHOP] = ['CAA 0 issue ";"']
    [error] = check(dns, authority="https://ca.test/dir").refusals
    assert error.expected is None


def test_a_resolver_that_fails_is_a_warning_and_one_that_is_silent_ends_the_questions(
    dns: Names, zone: dict[str, Any]
) -> None:
    zone[SHOP] = "SERVFAIL"
    zone["other.test"] = ['CAA 0 issue ";"']
    report = check(dns, SHOP, "other.test")
    assert report.warnings == [f"CAA of {SHOP}: the resolver of this host fails (SERVFAIL); a CA refuses then"]
    assert [error.value for error in report.refusals] == ["other.test"]
    zone[SHOP] = SILENT
    assert check(dns, SHOP, "other.test") == CaaReport(silent=True)


def test_a_host_of_before_has_no_dnspython(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Names:
        raise MissingLibraryError("dns")

    monkeypatch.setattr(caa, "Names", missing)
    assert resolver_names() is None
