"""Which CAA records let a CA issue: RFC 8659 and RFC 8657."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.caa import (
    DNS_01,
    HTTP_01,
    CaaRecord,
    caa_identity,
    caa_problem,
)

LE = "letsencrypt.org"


def issue(value: str, *, tag: str = "issue", flags: int = 0) -> CaaRecord:
    return CaaRecord(flags, tag, value)


@pytest.mark.parametrize(
    ("authority", "identity"),
    [("letsencrypt", LE), ("staging", LE), ("https://ca.example.test/dir", None), ("selfsigned", None)],
)
def test_who_a_ca_is(authority: str, identity: str | None) -> None:
    assert caa_identity(authority) == identity


@pytest.mark.parametrize(
    ("records", "identity", "wildcard", "problem"),
    [
        ([], LE, False, None),
        ([issue(LE)], LE, False, None),
        ([issue("LetsEncrypt.org. ; accounturi=https://x")], LE, False, None),
        ([issue("digicert.com")], LE, False, "they allow digicert.com"),
        ([issue("digicert.com"), issue("pki.goog")], LE, False, "they allow digicert.com and pki.goog"),
        ([issue("digicert.com"), issue(LE)], LE, False, None),
        ([issue(";")], LE, False, "they allow no CA"),
        ([issue("")], None, False, "they allow no CA"),
        ([issue("digicert.com")], None, False, None),
        # Records that say nothing about issuing forbid nothing.
        ([issue("mailto:a@example.com", tag="iodef")], LE, False, None),
        ([issue("x", tag="tbs")], LE, False, None),
        ([issue("x", tag="tbs", flags=128), issue(LE)], LE, False,
         "they have the critical tag tbs, which no CA may ignore"),
        # The owner of the zone wrote these words.
        ([issue("x", tag="t\x1b[2J", flags=128)], LE, False,
         "they have the critical tag t\\x1b[2J, which no CA may ignore"),
        ([issue("a\x1b]0;x\x07b.example")], LE, False, "they allow a\\x1b]0"),
        ([issue("d" * 500)], LE, False, f"they allow {'d' * 119}…"),
        ([issue(LE, flags=128)], LE, False, None),
        # A wildcard asks its own records first.
        ([issue(LE), issue(";", tag="issuewild")], LE, True, "they allow no CA"),
        ([issue(LE), issue(";", tag="issuewild")], LE, False, None),
        ([issue("digicert.com"), issue(LE, tag="issuewild")], LE, True, None),
        ([issue("digicert.com")], LE, True, "they allow digicert.com"),
    ],
)  # fmt: skip
def test_who_may_issue(records: list[CaaRecord], identity: str | None, wildcard: bool, problem: str | None) -> None:
    assert caa_problem(records, identity=identity, method=HTTP_01, wildcard=wildcard) == problem


@pytest.mark.parametrize(("method", "problem"), [(DNS_01, None), (HTTP_01, f"they allow {LE} (dns-01 alone)")])
def test_by_which_challenge(method: str, problem: str | None) -> None:
    records = [issue(f"{LE}; validationmethods=dns-01")]
    assert caa_problem(records, identity=LE, method=method, wildcard=False) == problem


MINE, OTHER = "https://acme.example/acct/7", "https://acme.example/acct/8"


@pytest.mark.parametrize(
    ("value", "accounts", "problem"),
    [
        (f"{LE}; accounturi={MINE}", (MINE,), None),
        (f"{LE}; AccountURI = {MINE}; validationmethods=http-01", (OTHER, MINE), None),
        (f"{LE}; accounturi={OTHER}", (MINE,), f"they allow {LE} (the account {OTHER} alone)"),
        # certbot would make a new account, whose address the record cannot name.
        (f"{LE}; accounturi={OTHER}", (), f"they allow {LE} (the account {OTHER} alone)"),
        (f"{LE}; validationmethods=dns-01; accounturi={OTHER}", (),
         f"they allow {LE} (dns-01 alone, the account {OTHER} alone)"),
        (f"{LE}; accounturi={OTHER}", None, None),
        (f"{LE}; accounturi=", (), None),
    ],
)  # fmt: skip
def test_by_which_account(value: str, accounts: tuple[str, ...] | None, problem: str | None) -> None:
    found = caa_problem([issue(value)], identity=LE, method=HTTP_01, wildcard=False, accounts=accounts)
    assert found == problem
    also = [issue(value), issue(LE)]
    assert caa_problem(also, identity=LE, method=HTTP_01, wildcard=False, accounts=accounts) is None
