# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send a beat to the hub over HTTPS, with the standard library alone.

The token goes into one header. No error that is raised or returned here has it.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ...._core.agent.answer import NO_ANSWER, Answer, Refusal, answer_of
from ...._core.agent.beat import PATH
from ...._core.version import VERSION
from ...._core.words import error_words, escaped, shortened

__all__ = ("Address", "Hub")

# A line of 20 kbit/s takes 7 minutes for the largest beat.
_SECONDS = 480.0
# The longest silence of the hub, and of the line.
_SILENCE = 30.0
_CHUNK = 8192
_BUFFER = 16 * 1024
_ANSWER_MOST = 64 * 1024


@dataclass(frozen=True)
class Address:
    """Where the hub is, and who the node is: the name, the token, and PEM certificates that are trusted besides."""

    base: str
    node: str
    token: str = field(repr=False)
    ca: str | None = None


class Hub:
    """The hub's end of beats. One connection serves all beats of a run."""

    def __init__(self, address: Address, *, seconds: float = _SECONDS, silence: float = _SILENCE) -> None:
        self._address = address
        self._seconds = seconds
        self._silence = silence
        self._connection: http.client.HTTPSConnection | None = None

    def send(self, body: bytes) -> Answer | Refusal:
        """Send the body of a beat and return what the hub says. A hub that cannot be reached is a refusal."""
        again = self._connection is not None
        try:
            return self._send(body)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
            self.close()
            # The hub closes a connection that was idle for long, perhaps at the moment when this beat began.
            return self._sent_anew(body) if again else _unreachable(error)
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            self.close()
            return _unreachable(error)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _sent_anew(self, body: bytes) -> Answer | Refusal:
        try:
            return self._send(body)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return _unreachable(error)

    def _send(self, body: bytes) -> Answer | Refusal:
        if self._connection is None:
            self._connection = self._connected()
        headers = {
            "Authorization": f"Bearer {self._address.token}",
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
            "Content-Length": str(len(body)),
            "User-Agent": f"vsa-agent/{VERSION}",
        }
        self._connection.request("POST", PATH, body=_chunks(body, self._seconds), headers=headers)
        response = self._connection.getresponse()
        content = response.read(_ANSWER_MOST)
        if response.read(1):
            self.close()  # a longer answer is not the hub's
        return answer_of(response.status, content, retry_after=response.getheader("Retry-After"))

    def _connected(self) -> http.client.HTTPSConnection:
        context = ssl.create_default_context()
        # Python 3.13 sets this flag. A private CA may well lack a key identifier.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if self._address.ca:
            context.load_verify_locations(cadata=self._address.ca)
        parts = urlsplit(self._address.base)
        connection = http.client.HTTPSConnection(
            str(parts.hostname), parts.port or 443, timeout=self._silence, context=context
        )
        connection.connect()
        # The kernel would take the whole body at once, and a slow line would look like a hub that does not answer.
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        return connection


def _chunks(body: bytes, seconds: float) -> Iterator[bytes]:
    """Yield a body in pieces, so that a slow line may take its time; OSError if it takes too long in all."""
    deadline = time.monotonic() + seconds
    for start in range(0, len(body), _CHUNK):
        if time.monotonic() > deadline:
            raise TimeoutError("the line is too slow for a beat")
        yield body[start : start + _CHUNK]


def _unreachable(error: Exception) -> Refusal:
    said = shortened(escaped(str(getattr(error, "verify_message", None) or error_words(error))))
    kind = "its certificate is not trusted" if isinstance(error, ssl.SSLCertVerificationError) else "no answer"
    return Refusal(0, NO_ANSWER, f"{kind}: {said}")
