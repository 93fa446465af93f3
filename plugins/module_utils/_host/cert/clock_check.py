# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the host's clock with a CA's: with a wrong clock a good certificate looks expired, or not valid yet.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
import http.client
import ssl
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from ..._core.errors import RefusedError
from ..machine.tls import unverified_context

__all__ = ("clock_skew", "refuse_wrong_clock")

_TOLERATED = datetime.timedelta(minutes=10)
_TIMEOUT = 4.0


def _date(server: str, context: ssl.SSLContext) -> datetime.datetime | None:
    """Return the time in the Date header of a CA's answer; None without that header."""
    url = urlsplit(server)
    connection = http.client.HTTPSConnection(url.netloc, timeout=_TIMEOUT, context=context)
    try:
        connection.request("HEAD", url.path or "/", headers={"User-Agent": "vsa"})
        header = connection.getresponse().getheader("Date")
    finally:
        connection.close()
    return parsedate_to_datetime(header) if header else None


def clock_skew(server: str, context: ssl.SSLContext, *, now: datetime.datetime) -> datetime.timedelta | None:
    """Return how far this host's clock is ahead of the CA's; None if the CA does not tell its time.

    With a very wrong clock the CA's own certificate looks expired. The CA is then asked again without verification.
    Only the date in that answer is used, and the worst that it can cause is a refusal.
    """
    for attempt in (context, unverified_context()):
        try:
            date = _date(server, attempt)
        except ssl.SSLCertVerificationError:
            continue
        except (OSError, http.client.HTTPException, ValueError):
            return None  # the CA does not answer; certbot reports why
        return None if date is None else now - date.astimezone(datetime.timezone.utc)
    return None


def refuse_wrong_clock(
    server: str, context: ssl.SSLContext, *, now: datetime.datetime, domain: str, state: str
) -> None:
    """Raise RefusedError if the host's clock differs from the CA's by more than ten minutes.

    ``state`` is the state of the host for the error.
    """
    skew = clock_skew(server, context, now=now)
    if skew is None or abs(skew) <= _TOLERATED:
        return
    direction = "ahead of" if skew > datetime.timedelta(0) else "behind"
    raise RefusedError(
        f"this host's clock is {_amount(skew)} {direction} the CA's",
        field="domain",
        value=domain,
        expected="a correct clock: with this one nobody can tell whether a certificate is valid",
        state=state,
        hint="timedatectl status, and timedatectl set-ntp true",
    )


def _amount(skew: datetime.timedelta) -> str:
    seconds = round(abs(skew.total_seconds()))
    if seconds >= 2 * 86400:
        return f"{seconds // 86400} d"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
