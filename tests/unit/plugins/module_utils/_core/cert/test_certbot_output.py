"""What certbot says when it fails: read from real transcripts."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.certbot_output import (
    Problem,
    already_revoked,
    not_due,
    read_failure,
    read_renewals,
)

TRANSCRIPTS = Path(__file__).parent / "transcripts" / "certbot-5.5.0"
REFUSED = (
    'Get "http://shop.demo.test:80/.well-known/acme-challenge/…": '
    "dial tcp [fd76:7361:7269:67::c]:80: connect: connection refused"
)

NO_SUFFIX = 'Cannot issue for "shop.invalid": Domain name does not end with a valid public suffix (TLD)'
UNSUPPORTED = (
    "Client with the currently selected authenticator does not support any combination of challenges "
    "that will satisfy the CA."
)


def transcript(name: str) -> str:
    return (TRANSCRIPTS / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("connection-refused", "challenge", f"it could not validate shop.demo.test and says: {REFUSED}"),
        ("ca-unknown-host", "unreachable", "it cannot be asked: Name or service not known"),
        ("ca-unreachable", "unreachable", "it cannot be asked: Network is unreachable"),
        (
            "ca-untrusted",
            "unreachable",
            "it cannot be asked: certificate verify failed: unable to get local issuer certificate",
        ),
        (
            "rejected-identifier",
            "refused",
            f"it refused and says: {NO_SUFFIX}",
        ),
        (
            "wildcard",
            "other",
            f"certbot failed and says: {UNSUPPORTED}",
        ),
    ],
)
def test_read_failure(name: str, kind: str, message: str) -> None:
    found = read_failure(transcript(name), code=1)
    assert (found.kind, found.message) == (kind, message)


def test_several_names_are_all_said() -> None:
    found = read_failure(transcript("two-names"), code=1)
    assert found.name == "alias.demo.test"
    assert [line.split(" ")[4] for line in found.details] == ["alias.demo.test", "shop.demo.test"]


def test_a_rate_limit_says_when_to_come_back() -> None:
    found = read_failure(transcript("rate-limit"), code=1)
    assert found.kind == "rate_limit"
    assert found.retry_after == datetime.datetime(2026, 11, 24, 12, 34, 56, tzinfo=datetime.UTC)
    assert "too many failed authorizations (5)" in found.message


def test_older_certbots_say_domain() -> None:
    text = "  Domain: a.test\n  Type:   unauthorized\n  Detail: 203.0.113.7: Invalid response: 404\n"
    assert read_failure(text, code=1) == Problem(
        "challenge",
        "it could not validate a.test and says: 203.0.113.7: Invalid response: 404",
        name="a.test",
        details=("the CA says of a.test (unauthorized): 203.0.113.7: Invalid response: 404",),
    )


def _challenge(detail: str) -> str:
    return f"  Domain: a.test\n  Type:   unauthorized\n  Detail: Invalid response from http://a.test/: {detail}\n"


def test_words_of_the_ca_do_nothing_to_a_terminal() -> None:
    found = read_failure(_challenge("\x1b[2J\x9b31m\u202egnp." + "x" * 1000), code=1)
    assert found.message.startswith(
        r"it could not validate a.test and says: Invalid response from http://a.test/: \x1b[2J"
    )
    assert r"\x9b31m\u202e" in found.message
    assert len(found.message) < 400
    assert found.message.isprintable()
    assert found.details[0].startswith("the CA says of a.test (unauthorized): Invalid response")


@pytest.mark.parametrize(
    ("output", "code", "kind"),
    [
        ("", 1, "other"),
        ("another certbot has held the lock for 10 minutes", 75, "busy"),
        ("Another instance of Certbot is already running.", 1, "busy"),
        (
            "An unexpected error occurred:\nOSError: [Errno 28] No space left on device: '/etc/letsencrypt/x'",
            1,
            "disk",
        ),
        ("An unexpected error occurred:\nFileNotFoundError: [Errno 2] No such file", 1, "other"),
        ("sh: certbot: not found", 127, "other"),
        ("An unexpected error occurred:\nacme.errors.ClientError: <Response [502]>", 1, "unreachable"),
        ("Account at /etc/letsencrypt/accounts/x/0a does not exist", 1, "account"),
        # What the CA quotes of somebody's server says nothing about this host.
        (_challenge("No space left on device"), 1, "challenge"),
        (_challenge("acme:error:badNonce"), 1, "challenge"),
        (_challenge("Another instance of Certbot is already running"), 1, "challenge"),
        ("An unexpected error occurred:\nJWS has an invalid anti-replay nonce: x", 1, "nonce"),
    ],
)
def test_what_is_not_of_the_ca(output: str, code: int, kind: str) -> None:
    found = read_failure(output, code=code)
    assert found.kind == kind
    assert "\n" not in found.message
    assert len(found.message) > 10


@pytest.mark.parametrize("name", sorted(path.stem for path in TRANSCRIPTS.glob("*.txt")))
def test_no_advice_of_certbot_gets_through(name: str) -> None:
    found = read_failure(transcript(name), code=1)
    for line in (found.message, *found.details):
        assert "community.letsencrypt.org" not in line
        assert "Hint:" not in line


def test_not_due() -> None:
    assert not_due(transcript("not-due"))
    assert not not_due(transcript("connection-refused"))


@pytest.mark.parametrize(
    ("output", "revoked"),
    [
        ("urn:ietf:params:acme:error:alreadyRevoked :: x", True),
        ("Unable to revoke: Certificate already revoked", True),
        ("urn:ietf:params:acme:error:unauthorized :: x", False),
    ],
)
def test_already_revoked(output: str, revoked: bool) -> None:
    assert already_revoked(output) is revoked


def test_what_was_not_renewed_is_said_by_lineage() -> None:
    found = read_renewals(transcript("renew.stdout"), transcript("renew.stderr"))
    assert set(found) == {"broken.vsa.test", "other.vsa.test"}, "the third was renewed"
    assert found["other.vsa.test"].kind == "challenge"
    assert found["other.vsa.test"].message.startswith("it could not validate other.vsa.test and says: Get ")
    assert found["broken.vsa.test"].message.startswith(
        "its renewal configuration is broken, and certbot says: error parsing"
    )
    assert read_renewals("", "Another instance of Certbot is already running.") == {}


def test_a_plugin_that_is_not_there() -> None:
    found = read_failure("certbot: error: unrecognized arguments: --dns-rfc2136-credentials /x", code=2)
    assert (found.kind, found.message) == ("plugin", "certbot's image has no plugin dns-rfc2136")
