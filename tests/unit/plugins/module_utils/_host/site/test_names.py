"""Where names lead and what DNS says of them: real name servers on loopback addresses, and fakes of the challenge."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.libraries import MissingLibraryError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.manifest import Route, Site
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.resolver import Names
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site import names
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.names import Report, Validation, check_names
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

from dnsserver import SILENT, Zone, serving_dns

SHOP = "shop.example.test"
SITE = Site(domain=SHOP, routes=(Route("/", "web-1", 3000),))
HERE, AWAY, FAR = "203.0.113.7", "203.0.113.9", "203.0.113.11"
ONE, TWO, OWN = "127.0.0.1", "127.0.0.2", "127.0.0.53"
AWAY_AND_FAR = f"A {AWAY} does not lead to this host; A {FAR} could not be reached from this host, and was not checked"
BY_HTTP = Validation("letsencrypt", (SHOP,))


class Dns:
    """The zones of two resolvers and of the authoritative servers; ``resolvers`` are those that the host has."""

    def __init__(self) -> None:
        self.zones: dict[str, Zone] = {ONE: {}, TWO: {}, OWN: {}}
        self.resolvers = [ONE]

    def both(self, name: str, said: object) -> None:
        """Let the first resolver and the authoritative servers say the same."""
        self.zones[ONE][name] = self.zones[OWN][name] = said


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> Iterator[Dns]:
    known = Dns()
    for zone in (known.zones[ONE], known.zones[TWO]):
        zone.update({"example.test": ["NS ns.example.test."], "ns.example.test": [f"A {OWN}"]})
    answers = {HERE: True, AWAY: False, FAR: None}
    monkeypatch.setattr(names, "_leads_here", lambda address, _name, _token: answers[address])
    with serving_dns(known.zones, final=(OWN,)) as port:
        monkeypatch.setattr(names, "Names", lambda: Names(known.resolvers, port=port, seconds=0.3))
        yield known


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(str(tmp_path))


def check(paths: Paths, site: Site = SITE, validation: Validation | None = BY_HTTP, **more: Any) -> Report:
    return check_names(paths, site, validation=validation, **more)


def refusal(paths: Paths, site: Site = SITE, validation: Validation | None = BY_HTTP) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        check(paths, site, validation)
    return caught.value


@pytest.mark.parametrize(
    ("said", "facts", "warnings"),
    [
        ([f"A {HERE}"], [f"A {HERE} leads here"], []),
        # Nobody answers: a host behind address translation may be unable to reach its own public address.
        ([f"A {FAR}"], [], [f"{SHOP}: A {FAR} could not be reached from this host, and was not checked"]),
        # One of two leads here: a CA may still ask that one.
        ([f"A {HERE}", f"A {AWAY}"], [], [f"{SHOP}: A {AWAY} does not lead to this host"]),
        ([f"A {FAR}", f"A {AWAY}"], [],
         [f"{SHOP}: {AWAY_AND_FAR}"]),
        ("SERVFAIL", [],
         [f"{SHOP}: the resolver of this host fails (SERVFAIL), so nobody knows where it leads",
          f"CAA of {SHOP}: the resolver of this host fails (SERVFAIL); a CA refuses then"]),
        (SILENT, [], [f"{SHOP}: no resolver of this host answers, so nobody knows where it leads"]),
    ],
)  # fmt: skip
def test_what_is_in_order_and_what_is_a_warning(
    paths: Paths, dns: Dns, said: object, facts: list[str], warnings: list[str]
) -> None:
    dns.both(SHOP, said)
    report = check(paths)
    assert (report.facts, report.warnings) == (facts, warnings)
    assert not list(paths.acme.rglob("vsa-*")), "the challenge is gone again"


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("NXDOMAIN", f"{SHOP} does not exist in DNS (NXDOMAIN)"),
        (["TXT x"], f"{SHOP} has no address in DNS"),
        ([f"A {AWAY}"], f"{SHOP}: A {AWAY} does not lead to this host"),
    ],
)
def test_what_must_fail_is_refused_if_a_ca_is_asked_by_http(paths: Paths, dns: Dns, said: object, message: str) -> None:
    dns.both(SHOP, said)
    assert refusal(paths).message == message
    assert check(paths, strict=False).warnings == [message]
    by_dns = dataclasses.replace(BY_HTTP, by_dns=True)
    assert check(paths, validation=by_dns).warnings == [message]


def test_an_address_of_a_trusted_proxy_leads_here(paths: Paths, dns: Dns) -> None:
    dns.both(SHOP, [f"A {AWAY}"])
    site = dataclasses.replace(SITE, trusted_proxies=(f"{AWAY}/32",))
    assert check(paths, site).facts == [f"A {AWAY} leads here, by a trusted proxy"]


def test_without_writing_no_address_is_asked(paths: Paths, dns: Dns) -> None:
    dns.both(SHOP, [f"A {AWAY}"])
    assert check(paths, write=False).facts == [f"A {AWAY} leads here"]


# -- resolvers and authoritative servers -------------------------------------------------------------------------------


def test_an_old_answer_of_the_resolver_refuses_nothing(paths: Paths, dns: Dns) -> None:
    """The record is new: the resolver still knows that there was none. A CA asks the authoritative servers."""
    dns.zones[OWN][SHOP] = [f"A {HERE}"]
    report = check(paths)
    assert report.facts == [f"A {HERE} leads here"]
    assert report.warnings == [f"{SHOP}: the resolvers of this host say NXDOMAIN, its own name servers say A {HERE}"]


def test_an_old_answer_of_the_resolver_lets_nothing_pass_either(paths: Paths, dns: Dns) -> None:
    dns.zones[ONE][SHOP] = "NXDOMAIN"
    dns.zones[OWN][SHOP] = [f"A {AWAY}"]
    error = refusal(paths)
    assert error.message == f"{SHOP}: A {AWAY} does not lead to this host"


def test_resolvers_that_disagree(paths: Paths, dns: Dns) -> None:
    dns.resolvers = [ONE, TWO]
    dns.zones[ONE][SHOP], dns.zones[TWO][SHOP] = [f"A {AWAY}"], [f"A {HERE}"]
    note = f"the resolvers of this host disagree about {SHOP}: {ONE} say A {AWAY}, {TWO} say A {HERE}"
    dns.zones[OWN][SHOP] = [f"A {HERE}"]
    report = check(paths)
    assert (report.facts, report.warnings) == ([f"A {HERE} leads here"], [note])
    # Nobody can ask the authoritative servers: all addresses that any resolver knows are asked.
    dns.zones[OWN][SHOP] = SILENT
    report = check(paths)
    assert report.warnings == [f"{SHOP}: A {AWAY} does not lead to this host", note]


def test_one_resolver_that_fails_does_not_count(paths: Paths, dns: Dns) -> None:
    dns.resolvers = [TWO, ONE]
    dns.zones[TWO][SHOP] = SILENT
    dns.zones[ONE][SHOP] = [f"A {HERE}"]
    report = check(paths)
    assert (report.facts, report.warnings) == ([f"A {HERE} leads here"], [])


# -- no CA -------------------------------------------------------------------------------------------------------------


def test_without_a_ca_the_host_looks_up_as_its_programs_do(
    paths: Paths, dns: Dns, monkeypatch: pytest.MonkeyPatch
) -> None:
    def getaddrinfo(_name: str, _port: int, family: int, _kind: int) -> list[Any]:
        if family == socket.AF_INET6:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(family, 0, 0, "", (HERE, 80))] * 2

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    report = check(paths, validation=None)
    assert (report.facts, report.warnings) == ([f"A {HERE} leads here"], [])


@pytest.mark.parametrize(
    ("error", "said", "with_library", "without"),
    [
        (socket.EAI_NONAME, "NXDOMAIN", f"{SHOP} does not exist in DNS (NXDOMAIN)", f"{SHOP} has no address in DNS"),
        (
            socket.EAI_AGAIN,
            "SERVFAIL",
            f"{SHOP}: the resolver of this host fails (SERVFAIL), so nobody knows where it leads",
            f"{SHOP} could not be looked up: the resolver of this host fails",
        ),
    ],
)
def test_without_a_ca_the_reason_is_told_and_a_host_of_before_needs_no_library(
    paths: Paths,
    dns: Dns,
    monkeypatch: pytest.MonkeyPatch,
    error: int,
    said: str,
    with_library: str,
    without: str,
) -> None:
    def getaddrinfo(*_arguments: object) -> list[Any]:
        raise socket.gaierror(error, "no")

    def missing() -> Names:
        raise MissingLibraryError("dns")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    dns.both(SHOP, said)
    assert check(paths, validation=None).warnings == [with_library]
    monkeypatch.setattr(names, "Names", missing)
    assert check(paths, validation=None).warnings == [without]
    with pytest.raises(MissingLibraryError):
        check(paths)


# -- CAA ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [SHOP, "example.test", "test"])
def test_caa_records_of_the_name_or_of_one_above_it_count(paths: Paths, dns: Dns, place: str) -> None:
    dns.both(SHOP, [f"A {HERE}"])
    dns.zones[ONE][place] = [*dns.zones[ONE].get(place, []), 'CAA 0 issue "digicert.com"']  # type: ignore[misc]
    error = refusal(paths)
    assert error.message == (
        f"the CAA records of {place} do not let Let's Encrypt issue for {SHOP}: they allow digicert.com"
    )
    assert (error.expected, error.hint) == (f'{place}. CAA 0 issue "letsencrypt.org"', "correct the CAA records")
    assert check(paths, strict=False).warnings == [error.message]


def test_the_nearest_caa_records_count(paths: Paths, dns: Dns) -> None:
    dns.both(SHOP, [f"A {HERE}", 'CAA 0 issue "letsencrypt.org; validationmethods=http-01"'])
    dns.zones[ONE]["test"] = ['CAA 0 issue ";"']
    assert check(paths).warnings == []


def test_caa_records_of_every_name_of_the_certificate_count(paths: Paths, dns: Dns) -> None:
    dns.both(SHOP, [f"A {HERE}"])
    dns.zones[ONE]["other.test"] = ['CAA 0 issuewild ";"']
    wanted = Validation("letsencrypt", (SHOP, "*.other.test"), by_dns=True)
    assert refusal(paths, validation=wanted).value == "*.other.test"


def test_a_private_ca_has_no_known_name(paths: Paths, dns: Dns) -> None:
    dns.both(SHOP, [f"A {HERE}", 'CAA 0 issue "digicert.com"'])
    private = Validation("https://ca.example.test/dir", (SHOP,))
    assert check(paths, validation=private).warnings == []
    dns.both(SHOP, [f"A {HERE}", 'CAA 0 issue ";"'])
    assert refusal(paths, validation=private).expected is None
