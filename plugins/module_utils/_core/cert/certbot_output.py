# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What certbot said when it failed: the CA's own words, without certbot's advice.

Tested with transcripts of certbot 5.5.0; 2.x says ``Domain:`` where later ones say ``Identifier:``.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

__all__ = ("Problem", "not_due", "read_failure", "read_renewals")

# Lines that say nothing about the failure.
_NOISE = re.compile(
    r"Saving debug log|Ask for help|Some challenges have failed|Requesting a certificate|Renewing an existing|"
    r"Simulating |Account registered|An unexpected error occurred|Hint: |- - - -"
)
_CHALLENGE = re.compile(
    r"^\s*(?:Identifier|Domain): (?P<name>\S+)\n\s*Type: +(?P<kind>\S+)\n\s*Detail: (?P<detail>.+)$", re.MULTILINE
)
_RETRY = re.compile(r"retry after (\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?: UTC|Z)")
_RATE = re.compile(r"too many |rate ?limit", re.IGNORECASE)
# The path of a challenge is as long as a line and says nothing.
_TOKEN = re.compile(r"/\.well-known/acme-challenge/[A-Za-z0-9_-]{20,}")
_NO_PLUGIN = re.compile(
    r"unrecognized arguments: --(dns-[a-z0-9-]+)-credentials|The requested (dns-\S+) plugin does not"
)
_BROKEN = re.compile(r"ClientError: <Response \[(\d+)\]>")
_NO_ACCOUNT = re.compile(r"Account at \S+ does not exist")
_PROCESSING = re.compile(r"^Processing \S*/renewal/(\S+)\.conf$", re.MULTILINE)
_NOT_RENEWED = re.compile(r"^Failed to renew certificate (\S+) with error: (.+)$", re.MULTILINE)
_NOT_PARSED = re.compile(
    r"^Renewal configuration file \S*/renewal/(\S+)\.conf is broken\.\nThe error was: (.+)$", re.MULTILINE
)
_PYTHON_ERROR = re.compile(r"^(?:[a-z_][\w.]*\.)?[A-Z]\w*(?:Error|Exception|Timeout): ")
_INNERMOST = re.compile(r"(?:\[Errno -?\d+\] |\[SSL: \w+\] )([^\"')(]+)")


@dataclass(frozen=True)
class Problem:
    """Why there is no certificate: ``message`` is one line in which the CA is "it", ``details`` its further words.

    ``kind`` is one of ``challenge`` (the CA could not validate ``name``), ``rate_limit`` (come back at
    ``retry_after``), ``refused`` (the CA will not), ``unreachable`` (the CA does not answer, or is not trusted),
    ``busy`` (another certbot runs), ``plugin`` (its image lacks the plugin asked for), ``disk`` (no room),
    ``nonce`` (the CA rejects our nonces), ``account`` (its key is lost here) and ``other``.
    """

    kind: str
    message: str
    name: str | None = None
    details: tuple[str, ...] = ()
    retry_after: datetime.datetime | None = None


def not_due(output: str) -> bool:
    """Say whether certbot kept what there is because it is not due."""
    return "not yet due for renewal" in output


def _lines(output: str) -> list[str]:
    lines = [" ".join(line.split()) for line in output.splitlines()]
    return list(dict.fromkeys(line for line in lines if line and not _NOISE.match(line)))


def _short(detail: str) -> str:
    return " ".join(_TOKEN.sub("/.well-known/acme-challenge/…", detail).split())


def read_failure(output: str, *, code: int) -> Problem:
    """Return the problem that an output of certbot tells of; ``code`` is its exit code, not 0."""
    if code == 75 or "Another instance of Certbot is already running" in output:
        return Problem("busy", "another certbot is at work and did not end")
    if "acme:error:badNonce" in output or "invalid anti-replay nonce" in output:
        return Problem("nonce", "it rejected our nonces, which it asks to be tried again")
    lost = _NO_ACCOUNT.search(output)
    if lost:
        return Problem("account", f"its account is lost on this host: {lost[0]}")
    if "No space left on device" in output:
        return Problem("disk", "there is no room on the disk for its state")
    missing = _NO_PLUGIN.search(output)
    if missing:
        return Problem("plugin", f"certbot's image has no plugin {missing[1] or missing[2]}")
    failed = list(_CHALLENGE.finditer(output))
    if failed:
        first = failed[0]
        return Problem(
            "challenge",
            f"it could not validate {first['name']}: {_short(first['detail'])}",
            name=first["name"],
            details=tuple(f"{found['name']} ({found['kind']}): {_short(found['detail'])}" for found in failed),
        )
    lines = _lines(output)
    last = lines[-1] if lines else f"certbot ended with {code} and said nothing"
    retry = _RETRY.search(output)
    if _RATE.search(last) or retry:
        moment = datetime.datetime.fromisoformat(f"{retry[1]}T{retry[2]}+00:00") if retry else None
        return Problem("rate_limit", f"its rate limit is reached: {last}", retry_after=moment)
    broken = _BROKEN.search(last)
    if broken:
        return Problem("unreachable", f"it cannot be asked: it answers {broken[1]} and nothing else")
    if "HTTPSConnectionPool" in last or "requests.exceptions" in last:
        inner = _INNERMOST.search(last)
        why = inner[1].strip(" :") if inner else last
        return Problem("unreachable", f"it cannot be asked: {why}")
    if "An unexpected error occurred" in output and not _PYTHON_ERROR.match(last):
        return Problem("refused", f"it refused: {last}", details=tuple(lines[-5:-1]))
    return Problem("other", f"certbot failed: {last}", details=tuple(lines[-5:-1]))


def read_renewals(stdout: str, stderr: str) -> dict[str, Problem]:
    """Return the lineages that ``certbot renew`` did not renew although they were due, each with its problem.

    What became of one stands in its section of the standard output, the error itself in a line of the other.
    """
    parts = _PROCESSING.split(stdout)
    sections = dict(zip(parts[1::2], parts[2::2], strict=False))
    found = {}
    for name, error in _NOT_RENEWED.findall(stderr):
        section = sections.get(name, "").partition("\nThe following")[0]
        found[name] = read_failure(f"{section}\nAn unexpected error occurred:\n{error}", code=1)
    for name, error in _NOT_PARSED.findall(stderr):
        found[name] = Problem("other", f"its renewal configuration is broken: {error}", name=name)
    return found
