"""LogQL, built from checked values alone. Text of a reader becomes a quoted literal and can be nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from hub.errors import HubError

__all__ = (
    "CLASSES",
    "FLEET",
    "LONGEST_DOMAIN",
    "LONGEST_TEXT",
    "METHODS",
    "STATUSES",
    "TOP",
    "TOP_ERRORS",
    "Selector",
    "bytes_query",
    "checked_filter",
    "checked_text",
    "clients_query",
    "counts_query",
    "fleet_by_domain",
    "fleet_by_domain_and_status",
    "fleet_by_status",
    "fleet_errors_by_domain",
    "lines_query",
    "matches_query",
    "paths_query",
    "quoted",
    "seconds_query",
)

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "other")
"""The values of the label ``method``, as the shipper sets them."""
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
_CODES = (
    "101 200 201 202 204 206 301 302 303 304 307 308 400 401 403 404 405 408 409 410 413 415 416 418 422 425 429 444 "
    "451 499 500 501 502 503 504"
)
STATUSES = (*CLASSES, *_CODES.split(), "other")
"""What a reader may choose: a class, or a value of the label ``status`` as the shipper sets it."""
LONGEST_TEXT = 200
LONGEST_DOMAIN = 253
TOP = 10
"""So many clients and paths are shown."""
TOP_ERRORS = 100
"""For so many paths the errors are asked for."""
FLEET = '{job="nginx"}'

# Literals of LogQL, with their quotes.
_BYTES = r'"\"bytes\":(?P<bytes>[0-9]+)"'
# Truncated seconds: 1 ms below 0.1 s, 10 ms below 1 s, 0.1 s below 10 s, then whole seconds.
_SECONDS = r'`"seconds":(?P<s>0[.]0[0-9][0-9]|0[.][0-9][0-9]|[0-9][.][0-9]|[0-9]+)`'
_PATH = r'"\"uri\":\"(?P<path>[^\"?]*)"'
_NOT_PLAIN = re.compile("[^\x20-\x7e]")


def quoted(text: str) -> str:
    """Return text as a string literal of LogQL: JSON's, with the two escapes of Go for what is not ASCII."""
    return _NOT_PLAIN.sub(_escape, json.dumps(text, ensure_ascii=False))


def _escape(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def checked_text(text: str, *, name: str, longest: int = LONGEST_TEXT) -> str:
    """Return text of a reader; HubError 400 if it is too long, or has a character that no line can have."""
    if len(text) > longest:
        raise HubError(400, "bad_request", f"at most {longest} characters", name)
    if "\0" in text or any(0xD800 <= ord(letter) <= 0xDFFF for letter in text):
        raise HubError(400, "bad_request", "a character that is no text", name)
    return text


def checked_filter(value: str, allowed: tuple[str, ...], *, name: str) -> str:
    """Return a value of a list, or the empty text for no filter; HubError 400 for anything else."""
    if value and value not in allowed:
        raise HubError(400, "bad_request", f"one of {', '.join(allowed)}", name)
    return value


@dataclass(frozen=True)
class Selector:
    """The streams of a domain that the hub knows, by status and method if a reader chose them."""

    domain: str
    status: str = ""
    method: str = ""

    def __str__(self) -> str:
        """Return the selector as LogQL."""
        parts = ['job="nginx"', f"domain={quoted(self.domain)}"]
        if self.status in CLASSES:
            parts.append(f'status=~"{self.status[0]}.."')
        elif self.status:
            parts.append(f"status={quoted(self.status)}")
        if self.method:
            parts.append(f"method={quoted(self.method)}")
        return "{" + ",".join(parts) + "}"


def counts_query(streams: Selector, step: int) -> str:
    """Return requests by status and method: cards, charts and two tables come of this one."""
    return f"sum by (status, method) (count_over_time({streams}[{step}s]))"


def bytes_query(streams: Selector, step: int) -> str:
    """Return the bytes that were sent."""
    return f'sum(sum_over_time({streams} | regexp {_BYTES} | unwrap bytes | __error__="" [{step}s]))'


def seconds_query(streams: Selector, step: int) -> str:
    """Return how many requests took how long, in buckets that add up."""
    return f"sum by (s) (count_over_time({streams} | regexp {_SECONDS} [{step}s]))"


def clients_query(streams: Selector, span: int) -> str:
    """Return the clients with the most requests."""
    return f'topk({TOP}, sum by (client) (count_over_time({streams} | json client="client" [{span}s])))'


def paths_query(streams: Selector, span: int, *, most: int = TOP) -> str:
    """Return the paths with the most requests, without query strings."""
    return f"topk({most}, sum by (path) (count_over_time({streams} | regexp {_PATH} [{span}s])))"


def lines_query(streams: Selector, text: str) -> str:
    """Return the lines that have a text; all lines for no text."""
    return f"{streams} |= {quoted(text)}" if text else str(streams)


def matches_query(streams: Selector, text: str, span: int) -> str:
    """Return how many lines have a text."""
    return f"sum(count_over_time({lines_query(streams, text)} [{span}s]))"


def fleet_by_domain_and_status() -> str:
    """Return the requests of a minute of the whole fleet."""
    return f"sum by (domain,status) (count_over_time({FLEET}[1m]))"


def fleet_by_status() -> str:
    """Return the requests of minutes by status alone, for the time before the hub started."""
    return f"sum by (status) (count_over_time({FLEET}[1m]))"


def fleet_by_domain() -> str:
    """Return the requests of minutes by domain alone."""
    return f"sum by (domain) (count_over_time({FLEET}[1m]))"


def fleet_errors_by_domain() -> str:
    """Return the server errors of minutes by domain."""
    return 'sum by (domain) (count_over_time({job="nginx",status=~"5.."}[1m]))'
