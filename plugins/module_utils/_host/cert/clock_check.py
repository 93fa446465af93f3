# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether this host's clock agrees with a CA's: by a wrong one a good certificate looks expired, or not valid yet.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
import http.client
import ssl
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from ..._core.errors import RefusedError

__all__ = ("clock_skew", "refuse_wrong_clock")

_TOLERATED = datetime.timedelta(minutes=10)
_TIMEOUT = 4.0


def _date(server: str, context: ssl.SSLContext) -> datetime.datetime | None:
    where = urlsplit(server)
    connection = http.client.HTTPSConnection(where.netloc, timeout=_TIMEOUT, context=context)
    try:
        connection.request("HEAD", where.path or "/", headers={"User-Agent": "vsa"})
        said = connection.getresponse().getheader("Date")
    finally:
        connection.close()
    return parsedate_to_datetime(said) if said else None


def clock_skew(server: str, context: ssl.SSLContext, *, now: datetime.datetime) -> datetime.timedelta | None:
    """Return how far this host's clock is ahead of the CA's, or None where the CA does not say.

    By a clock that is far off, the CA's own certificate looks expired: nothing but its date is then believed, and
    nothing follows from that but a refusal.
    """
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    for way in (context, blind):
        try:
            date = _date(server, way)
        except ssl.SSLCertVerificationError:
            continue
        except (OSError, http.client.HTTPException, ValueError):
            return None  # it does not answer: certbot will say why
        return None if date is None else now - date.astimezone(datetime.timezone.utc)
    return None


def refuse_wrong_clock(
    server: str, context: ssl.SSLContext, *, now: datetime.datetime, domain: str, state: str
) -> None:
    """Raise RefusedError where this host's clock is so wrong that no certificate can be judged by it."""
    skew = clock_skew(server, context, now=now)
    if skew is None or abs(skew) <= _TOLERATED:
        return
    seconds = round(abs(skew.total_seconds()))
    amount = f"{seconds // 86400} d" if seconds >= 2 * 86400 else f"{seconds // 3600} h {seconds % 3600 // 60} min"
    raise RefusedError(
        f"this host's clock is {amount} {'ahead of' if skew.total_seconds() > 0 else 'behind'} the CA's",
        field="domain",
        value=domain,
        expected="a clock that is right: by this one no certificate can be judged",
        state=state,
        hint="timedatectl status, and timedatectl set-ntp true",
    )
