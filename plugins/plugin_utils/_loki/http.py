# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Push to Loki over HTTP within a time limit, and read the credentials for it.

Runs on the controller, without Ansible, on the standard library alone: the audit trail must not depend on what else is
installed.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import base64
import dataclasses
import gzip
import http.client
import os
import re
import socket
import ssl
import stat
import threading
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.words import error_words

__all__ = ("LokiAnswer", "NoAnswerError", "SettingsError", "Target", "Transport")

_PUSH = "/loki/api/v1/push"
_NO_URL = "the URL of Loki is not one; expected something like https://loki.example.com"
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
#: Loki explains a refused push in a few lines. A longer answer is not Loki's, and must not fill the memory.
_LONGEST_ANSWER = 64 * 1024


class SettingsError(ValueError):
    """The URL, the file with the credentials or the CA bundle cannot be used. The message is for the operator."""


class NoAnswerError(Exception):
    """Loki did not answer in time, or the connection broke. It is not known whether Loki took the push."""


@dataclasses.dataclass(frozen=True)
class LokiAnswer:
    """Loki's answer: the HTTP status, the text, and the Retry-After header as it came."""

    status: int
    text: str
    retry_after: str | None


@dataclasses.dataclass(frozen=True, repr=False)
class Target:
    """The URL to push to, and the credentials. ``secrets`` must never be shown, so the class has no repr."""

    url: SplitResult
    authorization: str | None = None
    tls: ssl.SSLContext | None = None
    secrets: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, url: str, *, auth_file: Path | None = None, auth: str | None = None, ca_bundle: Path | None = None
    ) -> Target:
        """Check the settings and read the files that they name. SettingsError never has a secret in its message."""
        try:
            parts = urlsplit(url)
            port_is_wrong = parts.port == 0
        except ValueError:
            raise SettingsError(_NO_URL) from None
        if parts.scheme not in ("http", "https") or not parts.hostname or port_is_wrong:
            raise SettingsError(_NO_URL)
        if parts.username is not None or parts.query or parts.fragment:
            raise SettingsError("the URL of Loki carries more than host, port and path; credentials belong in a file")
        if auth_file is not None and parts.scheme == "http" and parts.hostname not in _LOCAL:
            raise SettingsError(f"credentials would go to {parts.hostname} in the clear; expected https://")
        tls = _tls(ca_bundle) if parts.scheme == "https" else None
        if auth_file is None:
            return cls(parts, tls=tls)
        text = _credentials(auth_file)
        authorization = _authorization(text, auth_file, auth)
        return cls(parts, authorization, tls, (authorization.partition(" ")[2], text, text.partition(":")[2] or text))

    @property
    def path(self) -> str:
        """The path of Loki's push API, below the path that the URL itself may have."""
        path = self.url.path.rstrip("/")
        return path if path.endswith(_PUSH) else path + _PUSH

    @property
    def name(self) -> str:
        """Host and port, for messages."""
        return self.url.netloc


def _credentials(path: Path) -> str:
    """Return the one line of the file. SettingsError if anybody but the owner has rights on the file."""
    try:
        # The same descriptor is checked and read, so that nobody can replace the file in between.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as stream:
            about = os.fstat(stream.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise SettingsError(f"{path} is not a regular file")
            if about.st_mode & 0o077:
                mode = stat.S_IMODE(about.st_mode)
                raise SettingsError(
                    f"{path} has mode {mode:04o}, others may get at it; expected 0600 (chmod 600 {path})"
                )
            raw = stream.read(16 * 1024)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None
    try:
        text = raw.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        text = ""
    if not text or not text.isprintable() or text != text.strip():
        raise SettingsError(f"{path} has not the form that is expected: one line, user:password or a bearer token")
    return text


def _authorization(text: str, path: Path, kind: str | None) -> str:
    """Return the Authorization header for ``user:password``, or for a bearer token alone."""
    if kind == "basic" or (kind is None and ":" in text):
        if ":" not in text:
            raise SettingsError(f"{path} has no colon; expected user:password")
        return "Basic " + base64.b64encode(text.encode()).decode()
    if not re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", text):  # RFC 6750, section 2.1
        raise SettingsError(f"{path} has no bearer token; expected letters, digits and -._~+/ only")
    return "Bearer " + text


def _tls(ca_bundle: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if ca_bundle is None else str(ca_bundle))
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"the CA bundle {ca_bundle} cannot be used: {error.strerror or error}") from None


class Transport:
    """One connection to Loki, kept open between the pushes of a run."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._connection: http.client.HTTPConnection | None = None

    def push(self, body: bytes, *, seconds: float) -> LokiAnswer:
        """Send a JSON body, gzipped, and return the answer; raises NoAnswerError after ``seconds`` at the latest.

        A socket's timeout limits a single read, and nothing limits the name resolver. So the push runs in a thread of
        its own, which is left behind when the time is over.
        """
        box: list[LokiAnswer | NoAnswerError] = []
        given_up = threading.Event()
        thread = threading.Thread(target=self._into, args=(box, body, seconds, given_up), name="vsa-loki", daemon=True)
        thread.start()
        thread.join(seconds)
        if not box:
            given_up.set()
            self.close()
            raise NoAnswerError(f"{self._target.name} did not answer within {seconds:.1f} s")
        outcome = box[0]
        if isinstance(outcome, NoAnswerError):
            self.close()
            raise outcome
        return outcome

    def close(self) -> None:
        """Close the connection, even if a thread still waits on it."""
        connection, self._connection = self._connection, None
        if connection is not None and connection.sock is not None:
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
                connection.close()
            except OSError:
                pass  # gone already

    def _into(
        self, box: list[LokiAnswer | NoAnswerError], body: bytes, seconds: float, given_up: threading.Event
    ) -> None:
        try:
            box.append(self._request(body, seconds, given_up))
        except (OSError, http.client.HTTPException, ValueError) as error:
            box.append(NoAnswerError(f"{self._target.name}: {error_words(error)}"))

    def _request(self, body: bytes, seconds: float, given_up: threading.Event) -> LokiAnswer:
        connection = self._connected(seconds)
        if connection.sock is None:
            connection.connect()
        if given_up.is_set():
            connection.close()
            raise TimeoutError("too late")
        packed = gzip.compress(body, compresslevel=6)
        # Without a charset: Loki refuses a Content-Type with one.
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip", "User-Agent": "flowbiz.vsa"}
        if self._target.authorization is not None:
            headers["Authorization"] = self._target.authorization
        connection.request("POST", self._target.path, body=packed, headers=headers)
        response = connection.getresponse()
        text = response.read(_LONGEST_ANSWER).decode("utf-8", errors="replace")
        if response.read(1):
            raise http.client.HTTPException("the answer is longer than any of Loki's")
        return LokiAnswer(response.status, text, response.headers.get("Retry-After"))

    def _connected(self, seconds: float) -> http.client.HTTPConnection:
        if self._connection is None:
            url = self._target.url
            host = str(url.hostname)
            if self._target.tls is not None:
                self._connection = http.client.HTTPSConnection(
                    host, url.port, timeout=seconds, context=self._target.tls
                )
            else:
                self._connection = http.client.HTTPConnection(host, url.port, timeout=seconds)
        elif self._connection.sock is not None:
            self._connection.sock.settimeout(seconds)
        return self._connection
