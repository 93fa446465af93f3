# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a certificate is worth to a site, and whether a new one should be asked for.

The facts of a PEM file go in as values; reading them is done elsewhere. No fixed day counts: lifetimes get shorter, so
everything is a share of the lifetime.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = (
    "DIRECTORIES",
    "STATES",
    "Attempts",
    "Decision",
    "Facts",
    "Verdict",
    "Window",
    "attempts_from",
    "attempts_record",
    "authority_label",
    "covers",
    "directory_url",
    "judge",
    "past_two_thirds",
    "renewal_server",
    "renewal_time",
    "renewal_wait",
    "retry_after",
    "rfc3339",
    "should_issue",
    "time_left",
    "window_from",
)

# Best first. "due" is the normal time of renewal; "expiring" says that renewal should have happened already.
STATES = ("ok", "due", "expiring", "expired", "mismatch", "missing")

# Source: https://letsencrypt.org/getting-started/ and https://letsencrypt.org/docs/staging-environment/
DIRECTORIES = {
    "letsencrypt": "https://acme-v02.api.letsencrypt.org/directory",
    "staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
}

# certbot renews at a third of the lifetime, at half of it where that is shorter than ten days.
# Source: https://eff-certbot.readthedocs.io/en/stable/using.html#renewing-certificates
_DUE = 1 / 3
_DUE_SHORT = 1 / 2
_SHORT = datetime.timedelta(days=10)
# The last quarter of the time for renewal: many tries have failed by then.
_LATE = 3 / 4

# How long to wait after so many failures in a row at a CA with rate limits that hurt.
# Source: https://letsencrypt.org/docs/rate-limits/ (5 failed validations per name and hour)
_WAITS = (
    datetime.timedelta(0),
    datetime.timedelta(0),
    datetime.timedelta(minutes=15),
    datetime.timedelta(hours=1),
    datetime.timedelta(hours=4),
    datetime.timedelta(hours=12),
)


@dataclass(frozen=True)
class Facts:
    """What lies on disk for one lineage. Times are aware, in UTC.

    ``pair_problem`` says why key and certificate do not belong together, ``chain_problem`` why the chain does not lead
    to a trusted root; None where all is right. ``ari_id`` names the certificate to its CA (RFC 9773, section 4.1).
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
        """Return how long it is valid in all, at least a second; its last second counts (RFC 5280, section 4.1.2.5)."""
        return max(self.not_after - self.not_before, datetime.timedelta(0)) + datetime.timedelta(seconds=1)


@dataclass(frozen=True)
class Verdict:
    """The state of a lineage, what is wrong with it, and the share of its lifetime that is left (0 to 1)."""

    state: str
    problem: str | None = None
    fraction_left: float | None = None
    seconds_left: int | None = None


@dataclass(frozen=True)
class Window:
    """The time in which a CA wants a certificate renewed (RFC 9773)."""

    start: datetime.datetime
    end: datetime.datetime

    @property
    def middle(self) -> datetime.datetime:
        """Return its middle: a client takes a random moment within."""
        return self.start + (self.end - self.start) / 2

    def as_list(self) -> list[str | None]:
        """Return start and end as text."""
        return [rfc3339(self.start), rfc3339(self.end)]

    @classmethod
    def from_list(cls, data: object) -> Window | None:
        """Return the window that ``as_list`` wrote, or None where that is not one."""
        if not isinstance(data, list) or len(data) != 2:
            return None
        start, end = _time(data[0]), _time(data[1])
        return cls(start, end) if start and end and start < end else None


@dataclass(frozen=True)
class Attempts:
    """What became of the tries for one domain: ``failures`` in a row, the last one's time and the CA's words."""

    failures: int = 0
    last: datetime.datetime | None = None
    retry_after: datetime.datetime | None = None
    error: str | None = None


@dataclass(frozen=True)
class Decision:
    """What to do for a certificate: ``keep``, ``issue`` or ``wait``, and why.

    ``fresh`` asks for a new one even where the old is still good, ``rehearse`` for a dry run at the staging CA first.
    """

    action: str
    reason: str
    fresh: bool = False
    rehearse: bool = False
    until: datetime.datetime | None = None


def directory_url(authority: str) -> str:
    """Return the ACME directory of a certificate authority that is not ``selfsigned``."""
    return DIRECTORIES.get(authority, authority)


def authority_label(authority: str, issuer: str | None = None) -> str:
    """Return a certificate authority's name for people."""
    if authority == "letsencrypt":
        return "Let's Encrypt"
    if authority == "staging":
        return "Let's Encrypt staging (not trusted)"
    if authority == "selfsigned":
        return "itself (self-signed)"
    return issuer or authority.removeprefix("https://").partition("/")[0]


def covers(facts: Facts, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names that a certificate does not cover. Wildcards cover one label (RFC 6125, section 6.4.3)."""
    has = {name.lower() for name in facts.names}
    return tuple(name for name in names if name.lower() not in has and f"*.{name.lower().partition('.')[2]}" not in has)


def time_left(seconds: int) -> str:
    """Return a remaining time in its two largest sensible units: ``71 d``, ``9 d``, ``30 h``, ``5 min``."""
    if seconds >= 3 * 86400:
        return f"{seconds // 86400} d"
    if seconds >= 3 * 3600:
        return f"{seconds // 3600} h"
    return f"{max(0, seconds) // 60} min"


def judge(
    facts: Facts | None, *, names: tuple[str, ...], now: datetime.datetime, unreadable: str | None = None
) -> Verdict:
    """Return the state of a lineage for a site that needs ``names``; ``now`` is aware.

    A file that cannot be read (``unreadable`` says why), a pair that does not match or names that are not covered are a
    ``mismatch``: clients see an error now, whatever the dates say. A chain that leads to no trusted root is said, but
    does not change the state: staging has none.
    """
    if facts is None:
        return Verdict("mismatch", unreadable) if unreadable else Verdict("missing", "there is no certificate")
    left = facts.not_after - now
    fraction = round(max(0.0, left / facts.lifetime), 4)
    seconds = max(0, round(left.total_seconds()))
    due = _DUE_SHORT if facts.lifetime < _SHORT else _DUE
    uncovered = covers(facts, names)
    problem = facts.chain_problem
    if facts.pair_problem:
        state, problem = "mismatch", facts.pair_problem
    elif uncovered:
        state, problem = "mismatch", f"it does not cover {', '.join(uncovered[:3])}"
    elif left.total_seconds() <= 0:
        state, problem = "expired", f"it expired on {facts.not_after:%Y-%m-%d}"
    elif facts.not_before - now > datetime.timedelta(minutes=5):
        state, problem = "mismatch", f"it is valid only from {facts.not_before:%Y-%m-%d} on"
    elif fraction < due * _LATE:
        state, problem = "expiring", "it should have been renewed by now"
    else:
        state = "due" if fraction < due else "ok"
    return Verdict(state, problem, fraction, seconds)


def renewal_time(facts: Facts) -> datetime.datetime:
    """Return when certbot would renew it by share of lifetime; a CA may ask for it earlier or later (ARI)."""
    due = _DUE_SHORT if facts.lifetime < _SHORT else _DUE
    return facts.not_after - facts.lifetime * due


def past_two_thirds(facts: Facts, *, now: datetime.datetime) -> bool:
    """Say whether two thirds of a certificate's life have passed: by then it should have been renewed."""
    return (facts.not_after - now) / facts.lifetime < _DUE


def window_from(answer: object) -> Window | None:
    """Return the window that a CA's answer suggests, or None where it suggests none."""
    found = answer.get("suggestedWindow") if isinstance(answer, Mapping) else None
    return Window.from_list([found.get("start"), found.get("end")]) if isinstance(found, Mapping) else None


def retry_after(said: str | None) -> datetime.timedelta:
    """Return when to ask a CA again that said so in seconds: a minute to a day, six hours where it did not.

    Source: RFC 9773, section 4.3.
    """
    seconds = int(said) if said and said.isascii() and said.isdigit() else 6 * 3600
    return datetime.timedelta(seconds=min(max(seconds, 60), 86400))


def renewal_server(text: str) -> str | None:
    """Return the ACME directory that certbot's renewal/<lineage>.conf names, or None."""
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
    """Return whether to ask ``authority`` for a certificate over ``names`` now.

    Where it is only due the renewal loop asks, and a provision does not; a self-signed one has no such loop. After a
    failure at Let's Encrypt every further try is rehearsed at its staging CA, and repeated failures have to wait; so do
    all CAs that said when to come back. ``force`` asks for a new one without a need, but neither shortens a wait nor
    leaves out a rehearsal.
    """
    verdict = judge(facts, names=names, now=now, unreadable=unreadable)
    if force:
        reason = "asked for"
    elif facts is None:
        reason = unreadable or "there is none"
    elif verdict.state in ("mismatch", "expired", "expiring"):
        reason = verdict.problem or verdict.state
    elif not _same_authority(facts, authority):
        reason = "another certificate authority is wanted"
    elif verdict.state == "due" and authority == "selfsigned":
        reason = "nobody else renews it"
    elif set(facts.names) != set(names):
        reason = f"it also covers {', '.join(sorted(set(facts.names) - set(names))[:3])}"
    else:
        return Decision("keep", _kept(verdict))
    # certbot itself knows what is missing or late; the rest it would take for good.
    fresh = facts is not None and (force or verdict.state not in ("expired", "expiring"))
    if authority == "selfsigned":
        return Decision("issue", reason, fresh=fresh)
    until = renewal_wait(attempts, authority)
    if until is not None and until > now:
        return Decision("wait", reason, until=until)
    return Decision("issue", reason, fresh=fresh, rehearse=authority == "letsencrypt" and attempts.failures > 0)


def _kept(verdict: Verdict) -> str:
    share = round(100 * (verdict.fraction_left or 0))
    return f"valid for {time_left(verdict.seconds_left or 0)} ({share} %)"


def _same_authority(facts: Facts, authority: str) -> bool:
    if authority == "selfsigned":
        return facts.self_signed
    # A lineage without its renewal file was restored by hand; what issued it is not known, so it is left alone.
    return facts.server is None or facts.server == directory_url(authority)


def renewal_wait(attempts: Attempts, authority: str) -> datetime.datetime | None:
    """Return the moment before which a CA is not asked again after failures, or None where there were none."""
    if attempts.last is None or not attempts.failures:
        return None
    wait = _WAITS[min(attempts.failures, len(_WAITS) - 1)] if authority == "letsencrypt" else datetime.timedelta(0)
    until = attempts.last + wait
    return max(until, attempts.retry_after) if attempts.retry_after else until


def attempts_from(data: object) -> Attempts:
    """Return the tries that a record on disk tells of; a record that cannot be read tells of none."""
    if not isinstance(data, Mapping) or not isinstance(data.get("failures"), int):
        return Attempts()
    return Attempts(
        failures=max(0, data["failures"]),
        last=_time(data.get("last")),
        retry_after=_time(data.get("retry_after")),
        error=data["error"] if isinstance(data.get("error"), str) else None,
    )


def attempts_record(attempts: Attempts) -> dict[str, object]:
    """Return the record to write, times in RFC 3339."""
    return {
        "schema": 1,
        "failures": attempts.failures,
        "last": rfc3339(attempts.last),
        "retry_after": rfc3339(attempts.retry_after),
        "error": attempts.error,
    }


def rfc3339(moment: datetime.datetime | None) -> str | None:
    """Return a time as text in UTC, to the second."""
    if moment is None:
        return None
    return moment.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(value: object) -> datetime.datetime | None:
    if not isinstance(value, str):
        return None
    try:
        # Python 3.10 reads neither a "Z" nor the nanoseconds that servers written in Go send.
        found = datetime.datetime.fromisoformat(re.sub(r"\.[0-9]+", "", value).replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else None
