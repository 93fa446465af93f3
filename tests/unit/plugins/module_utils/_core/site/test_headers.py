# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The headers that a route may add: which names, and which values."""

from __future__ import annotations

import re

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.headers import (
    DROPPED_HEADERS,
    SENT_HEADERS,
    VARIABLES,
    route_headers,
)

URL = "$scheme://$host$request_uri"


@pytest.mark.parametrize("name", ["Dify-Hook-Url", "X-Hook", "a", "A1-2b", "x" * 64])
@pytest.mark.parametrize("value", [URL, *VARIABLES, "$host$request_uri", "$scheme://$host"])
def test_a_name_of_the_application_and_a_value_of_variables(name: str, value: str) -> None:
    assert route_headers({name: value}, "headers") == ((name, value),)


def test_headers_are_sorted_so_that_their_order_is_no_change() -> None:
    assert route_headers({"B": "$host", "A": "$scheme"}, "h") == route_headers({"A": "$scheme", "B": "$host"}, "h")


@pytest.mark.parametrize(
    "value",
    [
        "", "shop.example.com", "$uri", "$args", "$http_cookie", "$document_uri", "$hostname", "$hostx", "${host}",
        "$host;", "$host\n", "$scheme: //$host", '"$host"', "$host $host", "$vsa_prefix", "$remote_addr,", "$1",
        URL * 3, None, True, 1, ["$host"], {"a": "b"},
    ],
)  # fmt: skip
def test_a_value_with_anything_else_is_refused(value: object) -> None:
    with pytest.raises(RefusedError, match="not a value for a header") as caught:
        route_headers({"X-Hook": value}, "routes/0/headers")
    assert (caught.value.field, caught.value.value) == ("routes/0/headers/X-Hook", value)
    assert URL in str(caught.value.expected)


@pytest.mark.parametrize(
    "name", ["", "X_Hook", "X Hook", "X-Hook:", "-X", "X-", "X--Y", "1X", "X-Höok", "X-Hook\n", "x" * 65, None, 1]
)
def test_a_name_of_another_form_is_refused(name: object) -> None:
    with pytest.raises(RefusedError, match="not the name of a header"):
        route_headers({name: "$host"}, "headers")


@pytest.mark.parametrize("spelled", [str, str.lower, str.upper])
@pytest.mark.parametrize(
    "name",
    [
        *SENT_HEADERS, *DROPPED_HEADERS, "Authorization", "Cookie", "Content-Length", "Transfer-Encoding", "TE",
        "Keep-Alive", "Expect", "Range", "Via", "X-Forwarded-Anything", "X-VSA-Answer", "X-Accel-Redirect",
        "Proxy-Authorization", "Sec-Fetch-Site",
    ],
)  # fmt: skip
def test_what_the_proxy_or_http_says_is_refused(name: str, spelled: type[str]) -> None:
    with pytest.raises(RefusedError, match="may not set this header") as caught:
        route_headers({spelled(name): "$host"}, "headers")
    assert caught.value.value == spelled(name)


@pytest.mark.parametrize(
    "value",
    ["X-Hook: $host", ["X-Hook"], None, {f"X-{n}": "$host" for n in range(11)}, {"X-A": "$host", "x-a": "$host"}],
)
def test_what_is_no_mapping_of_a_few_names_is_refused(value: object) -> None:
    with pytest.raises(RefusedError):
        route_headers(value, "headers")


def test_no_variable_can_hold_more_than_one_line() -> None:
    """The decoded path is the one variable by which a client writes a line end into a header."""
    assert not {"$uri", "$document_uri", "$request_filename", "$args"} & set(VARIABLES)
    assert all(re.fullmatch(r"[$][a-z_]+", name) for name in VARIABLES)
