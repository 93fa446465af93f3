"""Manifests as tables: what is read, what is refused and where, how words typed change one, what is written again."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core import forms
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, UsageError, VsaError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.manifest import (
    _LISTS,
    _SWITCHES,
    FIELDS,
    Route,
    Site,
    claims,
    merge,
    parse,
    parse_route,
    parse_setting,
    parse_upstream,
    refuse_double_names,
    to_manifest,
)
from hypothesis import given, settings
from hypothesis import strategies as st

WEB = {"path": "/", "container": "web-1", "port": 3000}
API = {"path": "/api/", "container": "api-1", "port": 8000}
LEAST: dict[str, Any] = {"schema": 1, "domain": "shop.example.com", "routes": [WEB]}
FULL: dict[str, Any] = {
    "schema": 1,
    "domain": "shop.example.com",
    "routes": [WEB, {**API, "profile": "sse", "strip_prefix": True}],
    "aliases": ["www.shop.example.com", "shop.example.net"],
    "tenant": "acme",
    "email": "ops@example.com",
    "ca": "staging",
    "profile": "upload",
    "body_size": "10m",
    "http3": True,
    "hsts": False,
    "rate_limit": "10r/s",
    "rate_burst": 5,
    "allow": ["203.0.113.0/24", "2001:db8::1"],
    "trusted_proxies": ["198.51.100.0/24"],
    "timeout": "5m",
    "www": "add",
    "maintenance": True,
    "maintenance_allow": ["203.0.113.7"],
    "auth": ["/admin/"],
    "auth_pass": True,
}


def test_the_full_manifest_has_every_field() -> None:
    assert list(FULL) == ["schema", "domain", *FIELDS]


@pytest.mark.parametrize(
    ("data", "site"),
    [
        (LEAST, Site("shop.example.com", (Route("/", "web-1", 3000),))),
        ({k: v for k, v in LEAST.items() if k != "schema"}, Site("shop.example.com", (Route("/", "web-1", 3000),))),
        ({**LEAST, **dict.fromkeys(set(FIELDS) - {"routes"})}, Site("shop.example.com", (Route("/", "web-1", 3000),))),
        ({**LEAST, "domain": "Bücher.example"}, Site("xn--bcher-kva.example", (Route("/", "web-1", 3000),))),
        ({**LEAST, "routes": [{**WEB, "port": "3000"}]}, Site("shop.example.com", (Route("/", "web-1", 3000),))),
        (
            {**LEAST, "routes": [{**WEB, "strip_prefix": False}]},
            Site("shop.example.com", (Route("/", "web-1", 3000),)),
        ),
        ({**LEAST, "aliases": []}, Site("shop.example.com", (Route("/", "web-1", 3000),))),
        (
            {**LEAST, "aliases": ["B.example", "a.example", "b.example"]},
            Site("shop.example.com", (Route("/", "web-1", 3000),), aliases=("b.example", "a.example")),
        ),
        (
            FULL,
            Site(
                domain="shop.example.com",
                routes=(Route("/", "web-1", 3000), Route("/api/", "api-1", 8000, "sse", strip_prefix=True)),
                aliases=("www.shop.example.com", "shop.example.net"),
                tenant="acme",
                email="ops@example.com",
                ca="staging",
                profile="upload",
                body_size="10m",
                http3=True,
                hsts=False,
                rate_limit="10r/s",
                rate_burst=5,
                allow=("203.0.113.0/24", "2001:db8::1"),
                trusted_proxies=("198.51.100.0/24",),
                timeout="5m",
                www="add",
                maintenance=True,
                maintenance_allow=("203.0.113.7",),
                auth=("/admin/",),
                auth_pass=True,
            ),
        ),
    ],
)
def test_parse(data: dict[str, Any], site: Site) -> None:
    assert parse(data) == site


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (None, "s/"),
        ("text", "s/"),
        ([LEAST], "s/"),
        ({}, "s/domain"),
        ({"routes": [WEB]}, "s/domain"),
        ({**LEAST, "routes": [{**WEB, "strip_prefix": True}]}, "s/routes/0/strip_prefix"),
        ({**LEAST, "routes": [{**API, "path": "/api", "strip_prefix": True}]}, "s/routes/0/strip_prefix"),
        ({**LEAST, "routes": [{**API, "strip_prefix": "yes"}]}, "s/routes/0/strip_prefix"),
        ({**LEAST, "domain": "www.example.com", "www": "add"}, "s/www"),
        ({**LEAST, "domain": "www.example.com", "www": "remove"}, "s/www"),
        ({**LEAST, "www": True}, "s/www"),
        ({**LEAST, "timeout": "60"}, "s/timeout"),
        ({**LEAST, "maintenance": "on"}, "s/maintenance"),
        ({**LEAST, "maintenance_allow": ["10.0.0.1/8"]}, "s/maintenance_allow/0"),
        ({**LEAST, "schema": 2}, "s/schema"),
        ({**LEAST, "schema": None}, "s/schema"),
        ({**LEAST, "schema": True}, "s/schema"),
        ({**LEAST, "schema": "1"}, "s/schema"),
        ({**LEAST, "server": "x"}, "s/server"),
        ({**LEAST, 1: "x"}, "s/1"),
        ({"domain": "shop.example.com"}, "s/routes"),
        ({**LEAST, "routes": None}, "s/routes"),
        ({**LEAST, "routes": []}, "s/routes"),
        ({**LEAST, "routes": {"/": "web-1:3000"}}, "s/routes"),
        ({**LEAST, "routes": "/=web-1:3000"}, "s/routes"),
        ({**LEAST, "routes": ["/=web-1:3000"]}, "s/routes/0"),
        ({**LEAST, "routes": [WEB, {**WEB, "port": 4}]}, "s/routes"),
        ({**LEAST, "routes": [WEB, {**API, "path": "/api/;"}]}, "s/routes/1/path"),
        ({**LEAST, "routes": [WEB, {"path": "/x", "container": "api-1"}]}, "s/routes/1/port"),
        ({**LEAST, "routes": [WEB, {"path": "/x", "port": 1}]}, "s/routes/1/container"),
        ({**LEAST, "routes": [{"container": "web-1", "port": 1}]}, "s/routes/0/path"),
        ({**LEAST, "routes": [{**WEB, "strip": True}]}, "s/routes/0"),
        ({**LEAST, "routes": [{**WEB, "profile": "fast"}]}, "s/routes/0/profile"),
        ({**LEAST, "routes": [{**WEB, "path": f"/{n}"} for n in range(101)]}, "s/routes"),
        ({**LEAST, "aliases": "www.example.com"}, "s/aliases"),
        ({**LEAST, "aliases": ["a.example", "b"]}, "s/aliases/1"),
        ({**LEAST, "aliases": [f"a{n}.example" for n in range(101)]}, "s/aliases"),
        ({**LEAST, "aliases": ["SHOP.example.com"]}, "s/aliases"),
        ({**LEAST, "tenant": "../x"}, "s/tenant"),
        ({**LEAST, "tenant": ""}, "s/tenant"),
        ({**LEAST, "email": "ops"}, "s/email"),
        ({**LEAST, "ca": "http://x"}, "s/ca"),
        ({**LEAST, "profile": "fast"}, "s/profile"),
        ({**LEAST, "body_size": "lots"}, "s/body_size"),
        ({**LEAST, "http3": "yes"}, "s/http3"),
        ({**LEAST, "hsts": 1}, "s/hsts"),
        ({**LEAST, "rate_limit": "fast"}, "s/rate_limit"),
        ({**LEAST, "rate_limit": "1r/s", "rate_burst": 10001}, "s/rate_burst"),
        ({**LEAST, "rate_burst": 5}, "s/rate_burst"),
        ({**LEAST, "allow": ["10.0.0.1/8"]}, "s/allow/0"),
        ({**LEAST, "trusted_proxies": ["10.0.0.0/8", "all"]}, "s/trusted_proxies/1"),
        ({**LEAST, "auth": "/admin/"}, "s/auth"),
        ({**LEAST, "auth": ["/", "/a,b"]}, "s/auth/1"),
        ({**LEAST, "auth": ["/.well-known/vsa/auth/0"]}, "s/auth/0"),
        ({**LEAST, "auth_pass": "yes"}, "s/auth_pass"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_parse_refuses_and_says_where(data: object, field: str) -> None:
    with pytest.raises(RefusedError) as caught:
        parse(data, where="s/")
    assert caught.value.field == field
    assert caught.value.as_result()["vsa_exit"] == 3


@pytest.mark.parametrize("data", [LEAST, FULL, {**LEAST, "aliases": ["b.example", "a.example"], "hsts": False}])
def test_to_manifest_writes_what_was_said_and_nothing_else(data: dict[str, Any]) -> None:
    assert to_manifest(parse(data)) == data
    assert list(to_manifest(parse(data)))[:3] == ["schema", "domain", "routes"]


_NAMES = st.sampled_from(["a.example", "b.example", "xn--mnchen-3ya.de", "c.d.example"])
_SITES = st.fixed_dictionaries(
    {
        "domain": st.just("shop.example.com"),
        "routes": st.lists(
            st.builds(
                lambda path, name, port, profile: {"path": path, "container": name, "port": port, "profile": profile},
                st.sampled_from(["/", "/api/", "/ws", "/a/b"]),
                st.sampled_from(["web-1", "api_1", "a.b"]),
                st.integers(1, 65535),
                st.sampled_from([None, *forms.PROFILES]),
            ),
            min_size=1,
            unique_by=lambda route: route["path"],
        ),
    },
    optional={
        "aliases": st.lists(_NAMES, unique=True),
        "tenant": st.sampled_from(["acme", "b-2"]),
        "email": st.just("ops@example.com"),
        "ca": st.sampled_from([*forms.CAS, "https://ca.example/dir"]),
        "profile": st.sampled_from(forms.PROFILES),
        "body_size": st.sampled_from(["0", "10m"]),
        "http3": st.booleans(),
        "hsts": st.booleans(),
        "rate_limit": st.sampled_from(["1r/s", "30r/m"]),
        "allow": st.lists(st.sampled_from(["10.0.0.0/8", "::1"]), unique=True),
        "trusted_proxies": st.lists(st.sampled_from(["10.0.0.0/8", "::1"]), unique=True),
    },
)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(_SITES)
def test_a_manifest_survives_being_written_and_read(data: dict[str, Any]) -> None:
    site = parse(data)
    assert parse(to_manifest(site)) == site
    assert to_manifest(parse(to_manifest(site))) == to_manifest(site)


def test_what_follows_from_a_site() -> None:
    site = parse({**FULL, "routes": [WEB, API, {**WEB, "path": "/x", "port": 4000}]})
    assert site.names == ("shop.example.com", "www.shop.example.com", "shop.example.net")
    assert site.network == "flowbiz_ext_acme"
    assert parse(LEAST).network == "flowbiz_ext"
    assert site.containers == ("web-1", "api-1")
    assert claims(site) == dict.fromkeys(site.names, "shop.example.com")
    assert [str(route) for route in site.routes] == ["/=web-1:3000", "/api/=api-1:8000", "/x=web-1:4000"]


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
    ("www", "served", "redirected"),
    [
        (None, "example.com", ("b.example",)),
        ("add", "www.example.com", ("example.com", "b.example")),
        ("remove", "example.com", ("www.example.com", "b.example")),
    ],
)
def test_www(www: str | None, served: str, redirected: tuple[str, ...]) -> None:
    site = parse({**LEAST, "domain": "example.com", "aliases": ["b.example"], "www": www})
    assert (site.served, site.redirected) == (served, redirected)
    assert set(site.names) == {served, *redirected}
    assert site.names[0] == "example.com"


def test_fields_with_a_type_of_their_own_are_typed_so() -> None:
    # What --set turns into a switch or a list is what the manifest has as one.
    full = parse(FULL)
    for name in FIELDS:
        kind = type(getattr(full, name))
        assert (name in _SWITCHES) is (kind is bool), name
        assert (name in _LISTS) is (kind is tuple and name != "routes"), name


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
        (None, {"routes": [WEB], "port": 1}, (), UsageError, "container"),
        (LEAST, {"strip_prefix": ["/api/"]}, (), UsageError, "strip_prefix"),
        (None, {"strip_prefix": ["/api/"]}, (), UsageError, "strip_prefix"),
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
        "--route /=web-1:3000",
        "--route /api/=api-1:8000:sse --strip-prefix /api/",
    ]


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(_SITES, _SITES)
def test_the_same_words_twice_change_nothing(first: dict[str, Any], said: dict[str, Any]) -> None:
    words = {key: value for key, value in said.items() if key != "domain"}
    once = parse(merge(first, words))
    assert parse({**merge(to_manifest(once), words), "domain": once.domain}) == once


@pytest.mark.parametrize(
    ("others", "field"),
    [
        ({}, None),
        ({"shop.example.com": "shop.example.com", "other.example": "other.example"}, None),
        ({"shop.example.com": "other.example"}, "domain"),
        ({"shop.example.net": "other.example"}, "aliases"),
    ],
)
def test_refuse_double_names(others: dict[str, str], field: str | None) -> None:
    if field is None:
        refuse_double_names(parse(FULL), others)
        return
    with pytest.raises(RefusedError, match=r"already belongs to the site other\.example") as caught:
        refuse_double_names(parse(FULL), others)
    assert (caught.value.field, caught.value.hint) == (field, "vsa site show other.example")


def test_a_www_name_may_be_anothers_too() -> None:
    with pytest.raises(RefusedError) as caught:
        refuse_double_names(parse({**LEAST, "www": "remove"}), {"www.shop.example.com": "other.example"})
    assert (caught.value.field, caught.value.value) == ("www", "www.shop.example.com")
