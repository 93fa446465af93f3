# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a CA wants its certificates renewed: ACME Renewal Information (RFC 9773).

certbot follows this information when it renews, but saves only when to ask for it again. So VSA asks for it too, to
show it, and as rarely as the CA says. A CA that does not offer it, or does not answer in time, has no window.
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

from ..._core.cert.status import Facts, RenewalWindow, retry_after, window_from
from ..._core.shape import MapOf
from ..._core.times import rfc3339
from ..._core.words import Words
from ..machine.files import write_atomically
from ..store.documents import read_document

__all__ = ("known_windows", "renewal_windows")

_ANSWER_MAX = 65536
_CONNECT_TIMEOUT = 2.0
_AT_ONCE = 8
# A CA without renewal information is asked again after this time.
_NOT_OFFERED = datetime.timedelta(days=1)
# A CA that failed is asked again after this time, so that `vsa cert status` does not wait for it each time.
_FAILED = datetime.timedelta(minutes=15)


class _Authority:
    """The HTTPS client of one CA, with one open connection for each thread."""

    def __init__(self, server: str, context: ssl.SSLContext, deadline: float) -> None:
        self._server = server
        self._context = context
        self._deadline = deadline
        self._local = threading.local()

    def get(self, url: str) -> tuple[Any, str | None]:
        """Return the JSON at an address (None unless the status is 200), and the answer's Retry-After header.

        OSError if the CA does not answer before the deadline, ValueError if the answer is not JSON.
        """
        connection = self._connection(url)
        path = urlsplit(url).path or "/"
        try:
            connection.request("GET", path, headers={"User-Agent": "vsa", "Accept": "application/json"})
            answer = connection.getresponse()
            text = answer.read(_ANSWER_MAX)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise OSError(Words("the CA", str(error)).shown) from error
        content = json.loads(text) if answer.status == 200 else None
        return content, answer.getheader("Retry-After")

    def _connection(self, url: str) -> http.client.HTTPSConnection:
        parts = urlsplit(url)
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise OSError("no time left")
        if parts.scheme != "https" or not parts.hostname:
            raise OSError("not an https address")
        target = (parts.hostname, parts.port or 443)
        known: http.client.HTTPSConnection | None = getattr(self._local, "connection", None)
        if known is not None and (known.host, known.port) == target:
            return known
        timeout = min(_CONNECT_TIMEOUT, left)
        made = http.client.HTTPSConnection(*target, timeout=timeout, context=self._context)
        self._local.connection = made
        return made

    def renewal_url(self) -> str | None:
        """Return the address of the CA's renewal information; None if the CA does not offer it."""
        directory, _retry_after = self.get(self._server)
        url = directory.get("renewalInfo") if isinstance(directory, Mapping) else None
        return url if isinstance(url, str) else None


def _ask(
    server: str, ids: list[str], *, context: ssl.SSLContext, now: datetime.datetime, deadline: float
) -> dict[str, dict[str, Any]]:
    """Ask one CA about its certificates. Returns a record for each certificate about which the CA answered in time."""
    authority = _Authority(server, context, deadline)
    try:
        base = authority.renewal_url()
        pause = _NOT_OFFERED
    except (OSError, ValueError):
        base, pause = None, _FAILED
    if base is None:
        return {ari_id: {"window": None, "until": rfc3339(now + pause)} for ari_id in ids}

    def record_of(ari_id: str) -> dict[str, Any] | None:
        try:
            answer, header = authority.get(f"{base.rstrip('/')}/{ari_id}")
        except (OSError, ValueError):
            return None
        window = window_from(answer)
        until = rfc3339(now + retry_after(header))
        return {"window": window.as_list() if window else None, "until": until}

    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        records = dict(zip(ids, pool.map(record_of, ids), strict=True))
    return {ari_id: record for ari_id, record in records.items() if record is not None}


def renewal_windows(
    facts: Iterable[Facts], *, cache: Path, context: ssl.SSLContext, now: datetime.datetime, seconds: float = 3.0
) -> dict[str, RenewalWindow]:
    """Return the window in which the CA wants each certificate renewed, by the certificate's ARI id.

    ``context`` verifies the CA's own server. The file ``cache`` keeps each answer as long as the CA says; certificates
    that no longer exist are dropped from it. All requests together take ``seconds`` at the most.
    """
    ids_of: dict[str, list[str]] = {}
    for entry in facts:
        if entry.ari_id and entry.server and entry.server.startswith("https://"):
            ids_of.setdefault(entry.server, []).append(entry.ari_id)
    cached = read_document(cache, MapOf(dict)) or {}
    wanted = {ari_id for ids in ids_of.values() for ari_id in ids}
    records = {ari_id: record for ari_id, record in cached.items() if ari_id in wanted and isinstance(record, Mapping)}
    stamp = rfc3339(now)
    deadline = time.monotonic() + seconds
    for server, ids in ids_of.items():
        stale = [ari_id for ari_id in ids if str(records.get(ari_id, {}).get("until") or "") <= stamp]
        if stale:
            records.update(_ask(server, stale, context=context, now=now, deadline=deadline))
    if records != cached:
        with contextlib.suppress(OSError):  # on a full disk, for example: the next call asks again
            write_atomically(cache, f"{json.dumps(records, sort_keys=True)}\n", mode=0o640)
    return _windows(records)


def known_windows(cache: Path) -> dict[str, RenewalWindow]:
    """Return the windows in the file ``cache`` by ARI id, without asking a CA."""
    cached = read_document(cache, MapOf(dict)) or {}
    return _windows({ari_id: record for ari_id, record in cached.items() if isinstance(record, Mapping)})


def _windows(records: Mapping[str, Mapping[str, Any]]) -> dict[str, RenewalWindow]:
    windows = {ari_id: RenewalWindow.from_list(record.get("window")) for ari_id, record in records.items()}
    return {ari_id: window for ari_id, window in windows.items() if window is not None}
