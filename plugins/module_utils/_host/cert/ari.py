# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a CA wants its certificates renewed: ACME Renewal Information (RFC 9773), asked for as rarely as it says.

certbot follows it when it renews, and keeps of it only when to ask again; so what is shown is asked for here. A CA that
does not offer it, or does not answer in time, has no opinion.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import contextlib
import datetime
import http.client
import json
import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..._core.cert.status import Facts, Window, retry_after, rfc3339, window_from
from ..machine.files import read_json, write_atomically

__all__ = ("renewal_windows",)

_ANSWER_MAX = 65536
_CONNECT = 2.0
# A CA that failed is left alone for a while: a status must not wait for it each time.
_SILENT = datetime.timedelta(minutes=15)


class _Authority:
    """One CA: asked over connections that are kept, one for each thread."""

    def __init__(self, server: str, context: ssl.SSLContext, deadline: float) -> None:
        self._server = server
        self._context = context
        self._deadline = deadline
        self._local = threading.local()

    def get(self, url: str) -> tuple[Any, str | None]:
        """Return the JSON at an address, and when to ask again; OSError or ValueError where there is none."""
        parts = urlsplit(url)
        left = self._deadline - time.monotonic()
        if left <= 0 or parts.scheme != "https" or not parts.hostname:
            raise OSError("no time left" if left <= 0 else "not an https address")
        connection = getattr(self._local, "connection", None)
        if connection is None or (connection.host, connection.port) != (parts.hostname, parts.port or 443):
            connection = http.client.HTTPSConnection(
                parts.hostname, parts.port or 443, timeout=min(_CONNECT, left), context=self._context
            )
            self._local.connection = connection
        try:
            connection.request("GET", parts.path or "/", headers={"User-Agent": "vsa", "Accept": "application/json"})
            answer = connection.getresponse()
            text = answer.read(_ANSWER_MAX)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise OSError(str(error)) from error
        again = answer.getheader("Retry-After")
        return (json.loads(text) if answer.status == 200 else None), again

    def renewal_url(self) -> str | None:
        """Return where its renewal information lies, or None where it has none."""
        directory, _again = self.get(self._server)
        found = directory.get("renewalInfo") if isinstance(directory, Mapping) else None
        return found if isinstance(found, str) else None


def _ask(
    server: str, wanted: list[str], *, context: ssl.SSLContext, now: datetime.datetime, deadline: float
) -> dict[str, dict[str, Any]]:
    """Return a record for each certificate of one CA that was asked about in time."""
    authority = _Authority(server, context, deadline)
    try:
        base = authority.renewal_url()
        pause = datetime.timedelta(days=1)
    except (OSError, ValueError):
        base, pause = None, _SILENT
    if base is None:
        return {name: {"window": None, "until": rfc3339(now + pause)} for name in wanted}

    def one(name: str) -> dict[str, Any] | None:
        try:
            answer, again = authority.get(f"{base.rstrip('/')}/{name}")
        except (OSError, ValueError):
            return None
        window = window_from(answer)
        until = rfc3339(now + retry_after(again))
        return {"window": window.as_list() if window else None, "until": until}

    with ThreadPoolExecutor(max_workers=8) as pool:
        found = dict(zip(wanted, pool.map(one, wanted), strict=True))
    return {name: record for name, record in found.items() if record is not None}


def renewal_windows(
    facts: Iterable[Facts], *, cache: Path, context: ssl.SSLContext, now: datetime.datetime, seconds: float = 3.0
) -> dict[str, Window]:
    """Return the window in which each certificate's CA wants it renewed, by the certificate's ARI id.

    ``context`` verifies the CA's own server. Answers are believed as long as the CA says, in the file ``cache``, which
    forgets certificates that are gone; all questions together take ``seconds`` at the most.
    """
    servers: dict[str, list[str]] = {}
    for entry in facts:
        if entry.ari_id and entry.server and entry.server.startswith("https://"):
            servers.setdefault(entry.server, []).append(entry.ari_id)
    known = read_json(cache)
    known = known if isinstance(known, dict) else {}
    ids = {name for names in servers.values() for name in names}
    records = {name: record for name, record in known.items() if name in ids and isinstance(record, Mapping)}
    stamp = rfc3339(now) or ""
    deadline = time.monotonic() + seconds
    for server, names in servers.items():
        stale = [name for name in names if str(records.get(name, {}).get("until") or "") <= stamp]
        if stale:
            records.update(_ask(server, stale, context=context, now=now, deadline=deadline))
    if records != known:
        with contextlib.suppress(OSError):  # a full disk, say: the next one asks again
            write_atomically(cache, f"{json.dumps(records, sort_keys=True)}\n", mode=0o640)
    windows = {name: Window.from_list(record.get("window")) for name, record in records.items()}
    return {name: window for name, window in windows.items() if window is not None}
