# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parse the output of certbot after a failure: the CA's own message, without certbot's advice.

What the CA and certbot wrote is escaped, shortened and marked as theirs (see ``words.py``). A detail of the CA may
quote an answer of anybody's server, so the problems of the host itself are looked for in the other lines only.
Tested with transcripts of certbot 5.5.0. Version 2 writes ``Domain:`` instead of ``Identifier:``.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

from ..words import Words

__all__ = (
    "ACCOUNT",
    "BUSY",
    "CHALLENGE",
    "DISK",
    "FORBIDDEN",
    "NONCE",
    "OTHER",
    "PLUGIN",
    "RATE_LIMIT",
    "REFUSED",
    "UNREACHABLE",
    "Problem",
    "already_revoked",
    "not_due",
    "read_failure",
    "read_renewals",
)

# The kinds of problems.
CHALLENGE = "challenge"  # the CA could not validate a name
RATE_LIMIT = "rate_limit"  # the CA wants to be asked later
REFUSED = "refused"  # the CA refuses for another reason
FORBIDDEN = "forbidden"  # CAA records forbid the CA, which was not asked
UNREACHABLE = "unreachable"  # the CA does not answer, or its own certificate is not trusted
BUSY = "busy"  # another certbot runs
PLUGIN = "plugin"  # the image of certbot lacks the requested plugin
DISK = "disk"  # the disk is full
NONCE = "nonce"  # the CA rejects the nonces of its client
ACCOUNT = "account"  # the key of the ACME account is lost on this host
OTHER = "other"

# certbot exits with 75 if the lock is held for too long (stacks/reverse-proxy/bin/certbot.sh).
_LOCKED = 75

# Lines that say nothing about the failure.
_NOISE = re.compile(
    r"Saving debug log|Ask for help|Some challenges have failed|Requesting a certificate|Renewing an existing|"
    r"Simulating |Account registered|An unexpected error occurred|Hint: |- - - -"
)
_CHALLENGE = re.compile(
    r"^\s*(?:Identifier|Domain): (?P<name>\S+)\n\s*Type: +(?P<kind>\S+)\n\s*Detail: (?P<detail>.+)$", re.MULTILINE
)
_DETAIL = re.compile(r"^\s*(?:Detail|Hint): .*$", re.MULTILINE)
_RETRY = re.compile(r"retry after (\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?: UTC|Z)")
_RATE = re.compile(r"too many |rate ?limit", re.IGNORECASE)
# The path of a challenge is as long as a line and does not help anybody.
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
    """Why there is no certificate.

    * ``kind``: one of the constants above.
    * ``message``: one line in which "it" is the CA; ``details``: further lines.
    * ``name``: the name that the CA could not validate.
    * ``retry_after``: the time before which the CA does not want to be asked again.
    """

    kind: str
    message: str
    name: str | None = None
    details: tuple[str, ...] = ()
    retry_after: datetime.datetime | None = None


def not_due(output: str) -> bool:
    """Return whether certbot kept the present certificate because it is not due for renewal."""
    return "not yet due for renewal" in output


def already_revoked(output: str) -> bool:
    """Return whether the CA said that a certificate is revoked already."""
    return "acme:error:alreadyRevoked" in output or "already revoked" in output.lower()


def read_failure(output: str, *, code: int) -> Problem:
    """Return the problem that certbot's output describes; ``code`` is its exit code, not 0."""
    found = _problem_of_the_host(_DETAIL.sub("", output), code) or _challenge_problem(output)
    if found:
        return found
    said = _lines(output)
    lines = [_shown(line) for line in said]
    last = lines[-1] if lines else f"certbot ended with {code} and printed nothing"
    found = _rate_limit_problem(output, last) or _connection_problem(said[-1] if said else last)
    if found:
        return found
    if "An unexpected error occurred" in output and not _PYTHON_ERROR.match(last):
        return Problem(REFUSED, f"it refused and says: {last}", details=_said_before("the CA", said))
    if not said:
        return Problem(OTHER, last)
    return Problem(OTHER, f"certbot failed and says: {last}", details=_said_before("certbot", said))


def _problem_of_the_host(output: str, code: int) -> Problem | None:
    """Return a problem that is not the CA's decision: certbot could not ask it, or not completely."""
    if code == _LOCKED or "Another instance of Certbot is already running" in output:
        return Problem(BUSY, "another certbot is running and did not end")
    if "acme:error:badNonce" in output or "invalid anti-replay nonce" in output:
        return Problem(NONCE, "it rejected our nonces, and asks to try again")
    lost = _NO_ACCOUNT.search(output)
    if lost:
        return Problem(ACCOUNT, f"its account is lost on this host: {_shown(lost[0])}")
    if "No space left on device" in output:
        return Problem(DISK, "there is no room on the disk for the state of certbot")
    missing = _NO_PLUGIN.search(output)
    if missing:
        return Problem(PLUGIN, f"certbot's image has no plugin {missing[1] or missing[2]}")
    return None


def _challenge_problem(output: str) -> Problem | None:
    failed = list(_CHALLENGE.finditer(output))
    if not failed:
        return None
    first = failed[0]
    return Problem(
        CHALLENGE,
        f"it could not validate {_shown(first['name'])} and says: {_short(first['detail'])}",
        name=_shown(first["name"]),
        details=tuple(_detail(*found.group("name", "kind", "detail")) for found in failed),
    )


def _rate_limit_problem(output: str, last: str) -> Problem | None:
    retry = _RETRY.search(output)
    if not retry and not _RATE.search(last):
        return None
    moment = None
    if retry:
        moment = datetime.datetime.fromisoformat(f"{retry[1]}T{retry[2]}+00:00")
    return Problem(RATE_LIMIT, f"its rate limit is reached, and it says: {last}", retry_after=moment)


def _connection_problem(last: str) -> Problem | None:
    status = _BROKEN.search(last)
    if status:
        return Problem(UNREACHABLE, f"it cannot be asked: it answers {status[1]} and nothing else")
    if "HTTPSConnectionPool" not in last and "requests.exceptions" not in last:
        return None
    # The innermost of the nested errors names the cause.
    inner = _INNERMOST.search(last)
    reason = inner[1].strip(" :") if inner else last
    return Problem(UNREACHABLE, f"it cannot be asked: {_shown(reason)}")


def _lines(output: str) -> list[str]:
    """Return the lines about the failure, each of them once."""
    lines = [" ".join(line.split()) for line in output.splitlines()]
    return list(dict.fromkeys(line for line in lines if line and not _NOISE.match(line)))


def _short(detail: str) -> str:
    return _shown(_TOKEN.sub("/.well-known/acme-challenge/…", detail))


def _detail(name: str, kind: str, detail: str) -> str:
    return f"the CA says of {_shown(f'{name} ({kind})')}: {_short(detail)}"


def _shown(text: str) -> str:
    """Return words of the CA or of certbot, for a sentence that names their speaker."""
    return Words("the CA", text).shown


def _said_before(speaker: str, lines: list[str]) -> tuple[str, ...]:
    """Return the lines before the last one, marked as the speaker's."""
    return tuple(str(Words(speaker, line)) for line in lines[-5:-1])


def read_renewals(stdout: str, stderr: str) -> dict[str, Problem]:
    """Return the lineages that were due and that ``certbot renew`` could not renew, each with its problem.

    The section of a lineage in the standard output has the details, a line on standard error has the error.
    """
    parts = _PROCESSING.split(stdout)
    sections = dict(zip(parts[1::2], parts[2::2], strict=False))
    found = {}
    for name, error in _NOT_RENEWED.findall(stderr):
        section = sections.get(name, "").partition("\nThe following")[0]
        found[name] = read_failure(f"{section}\nAn unexpected error occurred:\n{error}", code=1)
    for name, error in _NOT_PARSED.findall(stderr):
        found[name] = Problem(
            OTHER, f"its renewal configuration is broken, and certbot says: {_shown(error)}", name=name
        )
    return found
