# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a certificate, and whether to ask a CA for a new one.

Pure functions: another module reads the PEM files and hands over what they say as ``Facts``. There are no fixed
numbers of days here. Lifetimes of certificates get shorter, so each limit is a share of the lifetime.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from ..forms import LETSENCRYPT, SELFSIGNED, STAGING
from ..times import parse_time, rfc3339, time_left
from .attempts import Attempts, renewal_wait

__all__ = (
    "CANNOT_RENEW",
    "DIRECTORIES",
    "DUE",
    "EXPIRED",
    "EXPIRING",
    "ISSUE",
    "KEEP",
    "MISMATCH",
    "MISSING",
    "NEEDS_RENEWAL",
    "STATES",
    "UNUSABLE",
    "VALID",
    "WAIT",
    "CertificateStatus",
    "Decision",
    "Facts",
    "RenewalWindow",
    "authority_label",
    "authority_of",
    "directory_url",
    "judge",
    "past_two_thirds",
    "renewal_server",
    "renewal_time",
    "retry_after",
    "should_issue",
    "uncovered_names",
    "valid_for",
    "window_from",
)

VALID = "ok"
# The normal time for a renewal.
DUE = "due"
# Valid, but certbot cannot renew it as it is on disk now.
CANNOT_RENEW = "cannot renew"
# Renewal should have happened already.
EXPIRING = "expiring"
EXPIRED = "expired"
# Clients see an error now, whatever the dates say.
MISMATCH = "mismatch"
MISSING = "missing"
# Best first.
STATES = (VALID, DUE, CANNOT_RENEW, EXPIRING, EXPIRED, MISMATCH, MISSING)
NEEDS_RENEWAL = (DUE, EXPIRING, EXPIRED)
UNUSABLE = (EXPIRED, MISMATCH, MISSING)

# The actions of a decision.
KEEP, ISSUE, WAIT = "keep", "issue", "wait"

# Source: https://letsencrypt.org/getting-started/ and https://letsencrypt.org/docs/staging-environment/
DIRECTORIES = {
    LETSENCRYPT: "https://acme-v02.api.letsencrypt.org/directory",
    STAGING: "https://acme-staging-v02.api.letsencrypt.org/directory",
}

# certbot renews if a third of the lifetime is left, or half of it for a lifetime below ten days.
# Source: https://eff-certbot.readthedocs.io/en/stable/using.html#renewing-certificates
_DUE_SHARE = 1 / 3
_DUE_SHARE_SHORT = 1 / 2
_SHORT = datetime.timedelta(days=10)
# Renewal is late once a quarter of the time for it has passed: many attempts have failed by then.
_LATE = 3 / 4
# A clock may be this far behind the CA's before a new certificate counts as not valid yet.
_CLOCK_TOLERANCE = datetime.timedelta(minutes=5)


@dataclass(frozen=True)
class Facts:
    """What the files of one lineage say. Times are aware, in UTC.

    * ``pair_problem``: why key and certificate do not belong together; None if they do.
    * ``chain_problem``: why the chain does not lead to a trusted root; None if it does, or if nobody checked.
    * ``server``: the ACME directory that issued it, None if the lineage has no renewal configuration.
    * ``ari_id``: the certificate's identifier in ACME Renewal Information (RFC 9773, section 4.1).
    """

    names: tuple[str, ...]
    not_before: datetime.datetime
    not_after: datetime.datetime
    issuer: str
    fingerprint: str
    key: str = "ECDSA"
    self_signed: bool = False
    server: str | None = None
    pair_problem: str | None = None
    chain_problem: str | None = None
    ari_id: str | None = None

    @property
    def lifetime(self) -> datetime.timedelta:
        """Return the whole validity period, at least a second; its last second counts (RFC 5280, section 4.1.2.5)."""
        return max(self.not_after - self.not_before, datetime.timedelta(0)) + datetime.timedelta(seconds=1)


@dataclass(frozen=True)
class CertificateStatus:
    """The state of a certificate, what is wrong with it, and the share of its lifetime that is left (0 to 1)."""

    state: str
    problem: str | None = None
    fraction_left: float | None = None
    seconds_left: int | None = None


@dataclass(frozen=True)
class RenewalWindow:
    """The time in which a CA wants a certificate to be renewed (RFC 9773)."""

    start: datetime.datetime
    end: datetime.datetime

    @property
    def middle(self) -> datetime.datetime:
        """Return the middle of the window, as an estimate: a client renews at a random moment within it."""
        return self.start + (self.end - self.start) / 2

    def as_list(self) -> list[str]:
        """Return start and end as text."""
        return [rfc3339(self.start), rfc3339(self.end)]

    @classmethod
    def from_list(cls, data: object) -> RenewalWindow | None:
        """Return the window that ``as_list`` wrote; None if the data is anything else."""
        if not isinstance(data, list) or len(data) != 2:
            return None
        start, end = parse_time(data[0]), parse_time(data[1])
        return cls(start, end) if start and end and start < end else None


@dataclass(frozen=True)
class Decision:
    """What to do about a certificate: KEEP, ISSUE or WAIT, and the reason.

    * ``fresh``: certbot has to ask for a new certificate even if it takes the old one for good.
    * ``rehearse``: a dry run at the staging CA comes first.
    * ``until``: for WAIT, the time before which the CA must not be asked.
    """

    action: str
    reason: str
    fresh: bool = False
    rehearse: bool = False
    until: datetime.datetime | None = None


def directory_url(authority: str) -> str:
    """Return the ACME directory of a CA; ``selfsigned`` has none."""
    return DIRECTORIES.get(authority, authority)


def authority_of(facts: Facts | None) -> str:
    """Return the CA that issued a certificate: ``letsencrypt``, ``staging`` or the URL of an ACME directory.

    ``letsencrypt`` if the lineage does not say which CA issued it: that CA has the strictest limits.
    """
    server = facts.server if facts else None
    if server is None:
        return LETSENCRYPT
    known = {url: name for name, url in DIRECTORIES.items()}
    return known.get(server, server)


def authority_label(authority: str, issuer: str | None = None) -> str:
    """Return the name of a certificate authority for people."""
    if authority == LETSENCRYPT:
        return "Let's Encrypt"
    if authority == STAGING:
        return "Let's Encrypt staging (not trusted)"
    if authority == SELFSIGNED:
        return "itself (self-signed)"
    return issuer or authority.removeprefix("https://").partition("/")[0]


def uncovered_names(facts: Facts, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of ``names`` that a certificate does not cover. A wildcard covers one label (RFC 6125, 6.4.3)."""
    covered = {name.lower() for name in facts.names}
    uncovered = []
    for name in names:
        parent = name.lower().partition(".")[2]
        if name.lower() not in covered and f"*.{parent}" not in covered:
            uncovered.append(name)
    return tuple(uncovered)


def valid_for(status: CertificateStatus) -> str:
    """Return how long a certificate is still valid, for people: ``valid for 71 d (79 %)``."""
    share = round(100 * (status.fraction_left or 0))
    return f"valid for {time_left(status.seconds_left or 0)} ({share} %)"


def judge(
    facts: Facts | None, *, names: tuple[str, ...], now: datetime.datetime, unreadable: str | None = None
) -> CertificateStatus:
    """Return the state of a certificate for a site that needs ``names``.

    ``unreadable`` says why the file could not be read. Three things are a mismatch, because clients see an error now:
    an unreadable file, a key that does not belong to the certificate, and names that the certificate does not cover. A
    chain without a trusted root is only reported as the problem: the staging CA has no trusted root.
    """
    if facts is None and unreadable:
        return CertificateStatus(MISMATCH, unreadable)
    if facts is None:
        return CertificateStatus(MISSING, "there is no certificate")
    left = facts.not_after - now
    fraction = round(max(0.0, left / facts.lifetime), 4)
    state, problem = _state_and_problem(facts, fraction, names=names, now=now)
    seconds = max(0, round(left.total_seconds()))
    return CertificateStatus(state, problem, fraction, seconds)


def _state_and_problem(
    facts: Facts, fraction_left: float, *, names: tuple[str, ...], now: datetime.datetime
) -> tuple[str, str | None]:
    uncovered = uncovered_names(facts, names)
    due = _due_share(facts)
    if facts.pair_problem:
        return MISMATCH, facts.pair_problem
    if uncovered:
        return MISMATCH, f"it does not cover {', '.join(uncovered[:3])}"
    if facts.not_after <= now:
        return EXPIRED, f"it expired on {facts.not_after:%Y-%m-%d}"
    if facts.not_before - now > _CLOCK_TOLERANCE:
        return MISMATCH, f"it is valid only from {facts.not_before:%Y-%m-%d} on"
    if fraction_left < due * _LATE:
        return EXPIRING, "it should have been renewed by now"
    if fraction_left < due:
        return DUE, facts.chain_problem
    return VALID, facts.chain_problem


def _due_share(facts: Facts) -> float:
    """Return the share of the lifetime that is left when certbot renews."""
    return _DUE_SHARE_SHORT if facts.lifetime < _SHORT else _DUE_SHARE


def renewal_time(facts: Facts) -> datetime.datetime:
    """Return when certbot renews a certificate by its lifetime; a CA may ask for an earlier or later time (ARI)."""
    return facts.not_after - facts.lifetime * _due_share(facts)


def past_two_thirds(facts: Facts, *, now: datetime.datetime) -> bool:
    """Return whether two thirds of a certificate's lifetime have passed; it should have been renewed by then."""
    return (facts.not_after - now) / facts.lifetime < _DUE_SHARE


def window_from(answer: object) -> RenewalWindow | None:
    """Return the window that a CA's renewal information suggests; None if it suggests none."""
    if not isinstance(answer, Mapping):
        return None
    window = answer.get("suggestedWindow")
    if not isinstance(window, Mapping):
        return None
    return RenewalWindow.from_list([window.get("start"), window.get("end")])


def retry_after(header: str | None) -> datetime.timedelta:
    """Parse Retry-After: clamp it to 1 minute to 24 hours; 6 hours if it is missing or not a number (RFC 9773, 4.3)."""
    seconds = 6 * 3600
    if header and header.isascii() and header.isdigit():
        seconds = int(header)
    return datetime.timedelta(seconds=min(max(seconds, 60), 86400))


def renewal_server(text: str) -> str | None:
    """Return the ACME directory that certbot's renewal/<lineage>.conf names; None if it names none."""
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and key.strip() == "server":
            return value.strip() or None
    return None


def should_issue(
    facts: Facts | None,
    *,
    names: tuple[str, ...],
    authority: str,
    attempts: Attempts,
    now: datetime.datetime,
    force: bool = False,
    unreadable: str | None = None,
) -> Decision:
    """Decide whether to ask ``authority`` for a certificate over ``names`` now.

    A certificate that is only due is kept: the renewal loop renews it. A self-signed one has no such loop. After a
    failure at Let's Encrypt each further attempt is rehearsed at its staging CA, and repeated failures have to wait. If
    a CA named a time for the next attempt, that time holds for every CA. ``force`` asks for a new certificate without
    need; it neither shortens a wait nor skips a rehearsal.
    """
    status = judge(facts, names=names, now=now, unreadable=unreadable)
    reason = _reason_to_issue(facts, status, names=names, authority=authority, force=force, unreadable=unreadable)
    if reason is None:
        return Decision(KEEP, valid_for(status))
    # certbot itself notices a missing, expiring or expired certificate. It would keep any other one.
    fresh = facts is not None and (force or status.state not in (EXPIRED, EXPIRING))
    if authority == SELFSIGNED:
        return Decision(ISSUE, reason, fresh=fresh)
    until = renewal_wait(attempts, authority)
    if until is not None and until > now:
        return Decision(WAIT, reason, until=until)
    rehearse = authority == LETSENCRYPT and attempts.failures > 0
    return Decision(ISSUE, reason, fresh=fresh, rehearse=rehearse)


def _reason_to_issue(
    facts: Facts | None,
    status: CertificateStatus,
    *,
    names: tuple[str, ...],
    authority: str,
    force: bool,
    unreadable: str | None,
) -> str | None:
    """Return why a new certificate is needed; None if the present one is good."""
    if force:
        return "asked for"
    if facts is None:
        return unreadable or "there is none"
    if status.state in (MISMATCH, EXPIRED, EXPIRING):
        return status.problem or status.state
    if not _is_from(facts, authority):
        return "another certificate authority is wanted"
    if status.state == DUE and authority == SELFSIGNED:
        return "nobody else renews it"
    surplus = sorted(set(facts.names) - set(names))
    if surplus:
        return f"it also covers {', '.join(surplus[:3])}"
    return None


def _is_from(facts: Facts, authority: str) -> bool:
    """Return whether ``authority`` issued a certificate, as far as its files tell."""
    if authority == SELFSIGNED:
        return facts.self_signed
    # A lineage without its renewal file was restored by hand. Its CA is not known, so the certificate is kept.
    return facts.server is None or facts.server == directory_url(authority)
