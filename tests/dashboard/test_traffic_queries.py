"""The text of each question to Loki: the forms that were measured, and no others."""

from __future__ import annotations

import pytest

from hub.errors import HubError
from hub.traffic.queries import (
    METHODS,
    STATUSES,
    Selector,
    bytes_query,
    checked_filter,
    clients_query,
    counts_query,
    fleet_by_domain_and_status,
    lines_query,
    matches_query,
    paths_query,
    quoted,
    seconds_query,
)

D = Selector("d.example.com")
BUCKETS = "(?P<s>0[.]0[0-9][0-9]|0[.][0-9][0-9]|[0-9][.][0-9]|[0-9]+)"
S = '{job="nginx",domain="d.example.com"}'


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (counts_query(D, 600), f"sum by (status, method) (count_over_time({S}[600s]))"),
        (
            bytes_query(D, 600),
            f'sum(sum_over_time({S} | regexp "\\"bytes\\":(?P<bytes>[0-9]+)" | unwrap bytes | __error__="" [600s]))',
        ),
        (
            seconds_query(D, 3600),
            f'sum by (s) (count_over_time({S} | regexp `"seconds":{BUCKETS}` [3600s]))',
        ),
        (
            clients_query(D, 86400),
            f'topk(10, sum by (client) (count_over_time({S} | json client="client" [86400s])))',
        ),
        (
            paths_query(D, 86400),
            f'topk(10, sum by (path) (count_over_time({S} | regexp "\\"uri\\":\\"(?P<path>[^\\"?]*)" [86400s])))',
        ),
        (lines_query(D, "/checkout"), f'{S} |= "/checkout"'),
        (lines_query(D, ""), S),
        (matches_query(D, "/checkout", 86400), f'sum(count_over_time({S} |= "/checkout" [86400s]))'),
        (fleet_by_domain_and_status(), 'sum by (domain,status) (count_over_time({job="nginx"}[1m]))'),
    ],
    ids=["counts", "bytes", "seconds", "clients", "paths", "search", "lines", "matches", "minute"],
)
def test_the_text_of_a_question(query: str, text: str) -> None:
    assert query == text


@pytest.mark.parametrize(
    ("status", "method", "text"),
    [
        ("", "", S),
        ("5xx", "", S[:-1] + ',status=~"5.."}'),
        ("502", "", S[:-1] + ',status="502"}'),
        ("other", "GET", S[:-1] + ',status="other",method="GET"}'),
    ],
)
def test_the_streams_of_a_filter(status: str, method: str, text: str) -> None:
    assert str(Selector("d.example.com", status, method)) == text


def test_a_filter_is_of_a_list() -> None:
    for value in ("", *STATUSES):
        assert checked_filter(value, STATUSES, name="status") == value
    with pytest.raises(HubError):
        checked_filter("get", METHODS, name="method")


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("plain", '"plain"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("\n\t\x7f", '"\\n\\t\\u007f"'),
        ("ü\u202e\ufeff", '"\\u00fc\\u202e\\ufeff"'),
        ("\U0001f4a9", '"\\U0001f4a9"'),
        ("`", '"`"'),
    ],
)
def test_a_literal(text: str, literal: str) -> None:
    assert quoted(text) == literal
