"""One small question over HTTP to a service of this host, with an end in time and in size."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from hub.core import error_words, escaped

__all__ = ("AskError", "ask_json")

_LONGEST_TEXT = 200
_CHUNK = 1 << 16


class AskError(Exception):
    """There is no answer, or not the one that was asked for; the text is one short line."""

    def __init__(self, text: str) -> None:
        super().__init__(escaped(" ".join(text.split()))[:_LONGEST_TEXT])


def ask_json(address: str, path: str, query: Mapping[str, Any], *, seconds: float, most: int) -> Any:
    """Return the JSON that a service answers with 200 to a GET. Nothing follows redirections or asks a proxy."""
    place = urlsplit(address)
    plain = {"https": http.client.HTTPSConnection, "http": http.client.HTTPConnection}.get(place.scheme)
    if plain is None or not place.hostname:
        raise AskError("the address is no http:// or https:// address")
    ends = time.monotonic() + seconds
    connection = plain(place.hostname, place.port, timeout=seconds)
    try:
        connection.request(
            "GET", f"{place.path.rstrip('/')}{path}?{urlencode(query)}", headers={"User-Agent": "vsa-hub"}
        )
        body = _read(connection, ends, most)
    except TimeoutError as error:
        raise AskError(f"no answer within {seconds:g} s") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise AskError(error_words(error)) from error
    finally:
        connection.close()
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise AskError("the answer is no JSON") from error


def _read(connection: http.client.HTTPConnection, ends: float, most: int) -> bytes:
    response = connection.getresponse()
    body = bytearray()
    while chunk := response.read1(_CHUNK):
        body += chunk
        if len(body) > most:
            raise AskError(f"the answer has more than {most >> 20} MiB")
        left = ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if connection.sock is not None:
            connection.sock.settimeout(left)
    if response.status != 200:
        raise AskError(f"HTTP {response.status}: {body[:_LONGEST_TEXT].decode(errors='replace')}")
    return bytes(body)
