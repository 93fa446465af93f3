# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The failed attempts to get one certificate, and how long the next attempt has to wait.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from ..forms import LETSENCRYPT
from ..times import parse_time, rfc3339

__all__ = ("Attempts", "attempts_from", "attempts_record", "renewal_wait")

# The wait after 0, 1, 2 … failures in a row at Let's Encrypt, whose rate limits hurt.
# Source: https://letsencrypt.org/docs/rate-limits/ (5 failed validations per name and hour)
_WAITS = (
    datetime.timedelta(0),
    datetime.timedelta(0),
    datetime.timedelta(minutes=15),
    datetime.timedelta(hours=1),
    datetime.timedelta(hours=4),
    datetime.timedelta(hours=12),
)
_NO_WAIT = datetime.timedelta(0)


@dataclass(frozen=True)
class Attempts:
    """The failed attempts for one domain.

    * ``failures``: how many failed in a row; ``last``: the time of the last one; ``error``: its message.
    * ``retry_after``: the time before which the CA does not want to be asked again, if the CA named one.
    """

    failures: int = 0
    last: datetime.datetime | None = None
    retry_after: datetime.datetime | None = None
    error: str | None = None


def renewal_wait(attempts: Attempts, authority: str) -> datetime.datetime | None:
    """Return the time before which a CA must not be asked again; None if no attempt failed."""
    if attempts.last is None or not attempts.failures:
        return None
    wait = _NO_WAIT
    if authority == LETSENCRYPT:
        wait = _WAITS[min(attempts.failures, len(_WAITS) - 1)]
    until = attempts.last + wait
    return max(until, attempts.retry_after) if attempts.retry_after else until


def attempts_from(data: object) -> Attempts:
    """Return the attempts that ``attempts_record`` wrote; no attempts if the data is anything else."""
    if not isinstance(data, Mapping) or not isinstance(data.get("failures"), int):
        return Attempts()
    error = data.get("error")
    return Attempts(
        failures=max(0, data["failures"]),
        last=parse_time(data.get("last")),
        retry_after=parse_time(data.get("retry_after")),
        error=error if isinstance(error, str) else None,
    )


def attempts_record(attempts: Attempts) -> dict[str, object]:
    """Return the mapping to write to disk, with times in RFC 3339."""
    return {
        "schema": 1,
        "failures": attempts.failures,
        "last": rfc3339(attempts.last),
        "retry_after": rfc3339(attempts.retry_after),
        "error": attempts.error,
    }
