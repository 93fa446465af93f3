"""The fields that an operator asks for, as tables: how text is read, and how it changes a manifest."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, UsageError, VsaError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.manifest import FIELDS, parse, to_manifest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.requested import (
    merge,
    parse_route,
    parse_setting,
    parse_upstream,
    requested_fields,
    requested_site,
)
from hypothesis import given, settings

from manifests import API, FULL, LEAST, MANIFESTS, WEB


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("/=web-1:3000", WEB),
        ("/api/=api-1:8000", API),
        ("/a:b=web-1:3000", {**WEB, "path": "/a:b"}),
        ("/=web-1:3000:llm", {**WEB, "profile": "llm"}),
    ],
)
def test_parse_route(text: str, route: dict[str, Any]) -> None:
    assert parse_route(text) == route


@pytest.mark.parametrize(
    "text",
    ["", "/", "=", "web-1:3000", "/=web-1", "/=:3000", "/=web-1:", "=web-1:3000", "/=web-1:3000:1", "/=web-1:3000:",
     "/=web-1:3000:WEB", "/=web-1:3000:web:", "/=web-1:web:3000", "/=/=web-1:3000",
     "/=web-1:0", "/ =web-1:3000", "/=web-1:3000\n", "/=web-1:3000,/x=web-1:1", "/=web 1:3000", "/=http://web-1:3000",
     "/=[::1]:3000", "/={{ x }}:3000"],
)  # fmt: skip
def test_parse_route_refuses(text: str) -> None:
    with pytest.raises(RefusedError) as caught:
        parse_route(text, field="--route")
    assert caught.value.field == "--route"


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("hsts=off", "hsts", False),
        ("http3=YES", "http3", True),
        ("maintenance=true", "maintenance", True),
        ("allow=10.0.0.0/8,2001:DB8::1", "allow", ["10.0.0.0/8", "2001:db8::1"]),
        ("aliases=a.example", "aliases", ["a.example"]),
        ("rate_burst=0", "rate_burst", 0),
        ("rate_limit=10r/s", "rate_limit", "10r/s"),
        ("body_size=1g", "body_size", "1g"),
        ("timeout=5m", "timeout", "5m"),
        ("www=add", "www", "add"),
        ("ca=https://ca.example/dir", "ca", "https://ca.example/dir"),
    ],
)
def test_parse_setting(text: str, name: str, value: object) -> None:
    assert parse_setting(text) == (name, value)
    assert name in FIELDS


@pytest.mark.parametrize(
    ("text", "error", "field"),
    [
        ("", UsageError, "set"),
        ("hsts", UsageError, "set"),
        ("=on", UsageError, "set"),
        ("domain=a.example", UsageError, "set"),
        ("routes=/=web-1:3000", UsageError, "set"),
        ("hsts=", UsageError, "set hsts"),
        ("hsts=maybe", RefusedError, "set hsts"),
        ("allow=10.0.0.0/8,", RefusedError, "set allow/1"),
        ("allow=10.0.0.0/8 ,x", RefusedError, "set allow/0"),
        ("timeout=60", RefusedError, "set timeout"),
        ("body_size=1g;", RefusedError, "set body_size"),
        ("rate_burst=-1", RefusedError, "set rate_burst"),
    ],
)
def test_parse_setting_refuses(text: str, error: type[VsaError], field: str) -> None:
    with pytest.raises(error) as caught:
        parse_setting(text)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("text", "routes"),
    [
        ("web-1:3000", [WEB]),
        ("/=web-1:3000", [WEB]),
        ("/=web-1:3000,/api/=api-1:8000", [WEB, API]),
        ("web-1:3000,/api/=api-1:8000", [WEB, API]),
        ("web-1:3000:sse,/api/=api-1:8000", [{**WEB, "profile": "sse"}, API]),
    ],
)
def test_parse_upstream(text: str, routes: list[dict[str, Any]]) -> None:
    assert parse_upstream(text) == routes


@pytest.mark.parametrize("text", ["", ",", "web-1:3000,", "web-1:3000, /x=api-1:1", "web-1", "['web-1:3000']", "3000"])
def test_parse_upstream_refuses(text: str) -> None:
    with pytest.raises(RefusedError):
        parse_upstream(text)


@pytest.mark.parametrize(
    ("existing", "said", "unset", "result"),
    [
        pytest.param(None, {"container": "web-1", "port": 3000}, (), {"schema": 1, "routes": [WEB]}, id="new"),
        pytest.param(None, {"routes": [WEB, API]}, (), {"schema": 1, "routes": [WEB, API]}, id="new-routes"),
        pytest.param(LEAST, {}, (), LEAST, id="nothing-said"),
        pytest.param(LEAST, {"tenant": None, "ca": None}, (), LEAST, id="null-says-nothing"),
        pytest.param(LEAST, {"port": 4000}, (), {**LEAST, "routes": [{**WEB, "port": 4000}]}, id="port-alone"),
        pytest.param(LEAST, {"container": "b"}, (), {**LEAST, "routes": [{**WEB, "container": "b"}]}, id="container"),
        pytest.param(
            {**LEAST, "routes": [{**WEB, "profile": "sse"}]},
            {"port": 4000},
            (),
            {**LEAST, "routes": [{**WEB, "profile": "sse", "port": 4000}]},
            id="a-route-keeps-its-profile",
        ),
        pytest.param(FULL, {"routes": [API]}, (), {**FULL, "routes": [API]}, id="routes-replace"),
        pytest.param(FULL, {"aliases": ["x.example"]}, (), {**FULL, "aliases": ["x.example"]}, id="aliases-replace"),
        pytest.param(FULL, {"aliases": []}, (), {**FULL, "aliases": []}, id="no-aliases"),
        pytest.param({**LEAST, "routes": [WEB, API]}, {"strip_prefix": ["/api/"]}, (),
                     {**LEAST, "routes": [WEB, {**API, "strip_prefix": True}]}, id="strip"),
        pytest.param(None, {"routes": [WEB, API], "strip_prefix": ["/api/"]}, (),
                     {"schema": 1, "routes": [WEB, {**API, "strip_prefix": True}]}, id="strip-with-routes"),
        pytest.param(FULL, {"hsts": True}, (), {**FULL, "hsts": True}, id="one-field"),
        pytest.param(FULL, {"http3": False}, (), {**FULL, "http3": False}, id="false-is-said"),
        pytest.param(LEAST, {"rate_burst": 0}, (), {**LEAST, "rate_burst": 0}, id="zero-is-said"),
        pytest.param(FULL, {}, ("tenant", "aliases"), {k: v for k, v in FULL.items() if k not in ("tenant", "aliases")},
                     id="unset"),
        pytest.param(LEAST, {}, ("tenant",), LEAST, id="unset-what-is-not-there"),
        pytest.param({**LEAST, "tenant": None}, {}, (), LEAST, id="null-in-a-manifest-is-dropped"),
    ],
)  # fmt: skip
def test_merge(existing: Any, said: dict[str, Any], unset: tuple[str, ...], result: dict[str, Any]) -> None:
    before = repr(existing)
    assert merge(existing, said, unset=unset) == result
    assert repr(existing) == before, "what is given is not changed"


@pytest.mark.parametrize(
    ("existing", "said", "unset", "error", "field"),
    [
        (LEAST, {}, ("routes",), UsageError, "unset"),
        (LEAST, {}, ("domain",), UsageError, "unset"),
        (LEAST, {}, ("nonsense",), UsageError, "unset"),
        (LEAST, {"tenant": "acme"}, ("tenant",), UsageError, "unset"),
        (None, {"routes": [WEB], "container": "web-1"}, (), UsageError, "container"),
        (None, {"routes": [WEB], "port": 1}, (), UsageError, "port"),
        (LEAST, {"strip_prefix": ["/api/"]}, (), UsageError, "strip_prefix"),
        (None, {"strip_prefix": ["/api/"]}, (), UsageError, "strip_prefix"),
        (LEAST, {"routes": [WEB], "strip_prefix": ["/api/"]}, (), UsageError, "strip_prefix"),
        (LEAST, {"container": "web-1", "strip_prefix": ["/"]}, (), UsageError, "strip_prefix"),
        (FULL, {"port": 4000}, (), RefusedError, "port"),
        ({**LEAST, "routes": [API]}, {"container": "web-1", "port": 3000}, (), RefusedError, "container"),
    ],
)
def test_merge_refuses_what_it_would_have_to_guess(
    existing: Any, said: dict[str, Any], unset: tuple[str, ...], error: type[VsaError], field: str
) -> None:
    with pytest.raises(error) as caught:
        merge(existing, said, unset=unset)
    assert caught.value.field == field


def test_merge_says_which_routes_there_are() -> None:
    with pytest.raises(RefusedError) as caught:
        merge(FULL, {"port": 4000})
    assert caught.value.there_are == [
        "/=web-1:3000",
        "/api/=api-1:8000:sse (its prefix is stripped) (it sets X-Url)",
    ]


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(MANIFESTS, MANIFESTS)
def test_the_same_words_twice_change_nothing(first: dict[str, Any], said: dict[str, Any]) -> None:
    words = {key: value for key, value in said.items() if key != "domain"}
    once = parse(merge(first, words))
    assert parse({**merge(to_manifest(once), words), "domain": once.domain}) == once


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, {}),
        ({"unset": ["tenant"]}, {}),
        ({"upstream": "web-1:3000"}, {"routes": [WEB]}),
        ({"upstream": "/=web-1:3000,/api/=api-1:8000"},
         {"routes": [WEB, {"path": "/api/", "container": "api-1", "port": 8000}]}),
        ({"routes": ["/=web-1:3000"]}, {"routes": [WEB]}),
        ({"routes": ["/=web-1:3000:llm"], "strip_prefix": ["/"]},
         {"routes": [{**WEB, "profile": "llm"}], "strip_prefix": ["/"]}),
        ({"routes": [WEB]}, {"routes": [WEB]}),
        ({"routes": [{**WEB, "profile": "sse"}, "/x=web-1:1"]},
         {"routes": [{**WEB, "profile": "sse"}, {**WEB, "path": "/x", "port": 1}]}),
        ({"routes": []}, {"routes": []}),
        ({"container": "web-1", "port": "3000"}, {"container": "web-1", "port": "3000"}),
        ({"http3": False, "aliases": [], "rate_burst": 0}, {"http3": False, "aliases": [], "rate_burst": 0}),
        ({"tenant": "", "email": "ops@example.com"}, {"tenant": "", "email": "ops@example.com"}),
    ],
)  # fmt: skip
def test_requested_fields(options: dict[str, Any], said: dict[str, Any]) -> None:
    assert requested_fields(options) == said


@pytest.mark.parametrize(
    ("options", "error", "field"),
    [
        ({"upstream": "web-1:3000", "routes": ["/=web-1:3000"]}, UsageError, "upstream"),
        ({"upstream": "web-1:3000", "container": "web-1"}, UsageError, "upstream"),
        ({"upstream": "web-1:3000", "port": 3000}, UsageError, "upstream"),
        ({"upstream": 3000}, RefusedError, "upstream"),
        ({"upstream": ["web-1:3000"]}, RefusedError, "upstream"),
        ({"upstream": {"web-1": 3000}}, RefusedError, "upstream"),
        ({"upstream": ""}, RefusedError, "upstream"),
        ({"routes": ["/=web-1:3000", "nonsense"]}, RefusedError, "routes/1"),
    ],
)
def test_requested_fields_refuses(options: dict[str, Any], error: type[Exception], field: str) -> None:
    with pytest.raises(error) as caught:
        requested_fields(options)
    assert caught.value.field == field  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("said", "field", "words"),
    [
        # Finding 18: the host was asked first, and then "this is not a port · field routes/0/port" was said.
        ({"container": "web-1"}, "port", "its port is missing"),
        ({"port": 3000}, "container", "its container is missing"),
        ({}, "container", "its container and its port are missing"),
        ({"tenant": "acme"}, "container", "its container and its port are missing"),
    ],
)
def test_finding_18_a_new_site_needs_a_whole_route(said: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        requested_site(None, "a.example.com", said)
    assert caught.value.field == field
