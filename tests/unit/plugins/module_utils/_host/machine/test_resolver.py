"""What DNS says of a name, asked of real servers: SERVFAIL, a time-out and NXDOMAIN are three things."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.libraries import MissingLibraryError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.resolver import (
    EMPTY,
    FAILED,
    FOUND,
    MISSING,
    SILENT,
    Names,
    Reply,
)

from dnsserver import SILENT as NO_ANSWER
from dnsserver import Zone, serving_dns

A, ONE, TWO, OWN = "shop.example.test", "127.0.0.1", "127.0.0.2", "127.0.0.53"


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ({A: ["A 203.0.113.7"]}, Reply(FOUND, (("A", "203.0.113.7"),))),
        ({A: ["A 203.0.113.7", "AAAA 2001:db8::7"]}, Reply(FOUND, (("A", "203.0.113.7"), ("AAAA", "2001:db8::7")))),
        ({A: ["TXT hello"]}, Reply(EMPTY)),
        ({}, Reply(MISSING, code="NXDOMAIN")),
        ({A: "SERVFAIL"}, Reply(FAILED, code="SERVFAIL")),
        ({A: "REFUSED"}, Reply(FAILED, code="REFUSED")),
        ({A: NO_ANSWER}, Reply(SILENT)),
    ],
)
def test_what_a_resolver_says(zone: Zone, expected: Reply) -> None:
    with serving_dns({ONE: zone}) as port:
        assert Names([ONE], port=port, seconds=0.3).resolvers(A) == {ONE: expected}


def test_each_resolver_is_asked_by_itself() -> None:
    with serving_dns({ONE: {A: ["A 203.0.113.7"]}, TWO: {}}) as port:
        found = Names([ONE, TWO], port=port, seconds=0.3).resolvers(A)
    assert {server: reply.outcome for server, reply in found.items()} == {ONE: FOUND, TWO: MISSING}


def test_records_come_from_the_first_resolver_that_knows() -> None:
    zone = {A: ['CAA 0 issue "letsencrypt.org"']}
    with serving_dns({ONE: {A: "SERVFAIL"}, TWO: zone}) as port:
        names = Names([ONE, TWO], port=port, seconds=0.3)
        assert names.records(A, "CAA") == Reply(FOUND, (("CAA", '0 issue "letsencrypt.org"'),))
        assert Names([ONE], port=port, seconds=0.3).records(A, "CAA") == Reply(FAILED, code="SERVFAIL")
    assert Names([], seconds=0.3).records(A, "CAA") == Reply(SILENT)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({A: ["A 203.0.113.9"]}, Reply(FOUND, (("A", "203.0.113.9"),), final=True)),
        ({}, Reply(MISSING, code="NXDOMAIN", final=True)),
        ({A: ["TXT x"]}, Reply(EMPTY, final=True)),
        ({A: NO_ANSWER}, Reply(SILENT)),
        # An alias leads to another name of the same servers.
        ({A: ["CNAME www.example.test."], "www.example.test": ["A 203.0.113.8"]},
         Reply(FOUND, (("A", "203.0.113.8"),), final=True)),
        ({A: [f"CNAME {A}."]}, Reply(SILENT)),
    ],
)  # fmt: skip
def test_the_authoritative_servers_are_found_and_asked(own: Zone, expected: Reply) -> None:
    stale: Zone = {
        A: ["A 198.51.100.1"], "example.test": ["NS ns.example.test."], "ns.example.test": [f"A {OWN}"],
        "www.example.test": ["TXT x"],
    }  # fmt: skip
    with serving_dns({ONE: stale, OWN: own}, final=(OWN,)) as port:
        assert Names([ONE], port=port, seconds=0.3).authoritative(A) == expected


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="this machine has no IPv6")
def test_authoritative_servers_that_have_ipv6_alone_are_asked() -> None:
    stale: Zone = {A: [], "example.test": ["NS ns.example.test."], "ns.example.test": ["AAAA ::1"]}
    with serving_dns({ONE: stale, "::1": {A: ["A 203.0.113.9"]}}, final=("::1",)) as port:
        found = Names([ONE], port=port, seconds=0.3).authoritative(A)
    assert found == Reply(FOUND, (("A", "203.0.113.9"),), final=True)


def test_a_server_without_authority_is_not_believed() -> None:
    stale: Zone = {A: [], "example.test": ["NS ns.example.test."], "ns.example.test": [f"A {OWN}"]}
    with serving_dns({ONE: stale, OWN: {A: ["A 203.0.113.9"]}}) as port:
        assert Names([ONE], port=port, seconds=0.3).authoritative(A) == Reply(SILENT)


def test_nobody_knows_the_authoritative_servers() -> None:
    with serving_dns({ONE: {}}) as port:
        assert Names([ONE], port=port, seconds=0.3).authoritative(A) == Reply(SILENT)


def test_a_host_of_before_has_no_dnspython(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "dns"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "dns", None)
    with pytest.raises(MissingLibraryError, match="the library dns is missing on this host"):
        Names([ONE])
