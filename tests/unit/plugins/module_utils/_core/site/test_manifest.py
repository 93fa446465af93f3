"""Manifests as tables: what is read, what is refused and where, what is written again."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.manifest import (
    FIELDS,
    Route,
    Site,
    parse,
    refuse_double_names,
    to_manifest,
)
from hypothesis import given, settings

from manifests import API, FULL, LEAST, MANIFESTS, WEB


def test_the_full_manifest_has_every_field() -> None:
    assert list(FULL) == ["schema", "domain", *FIELDS]


HEADERS = (("X-Url", "$scheme://$host$request_uri"),)


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
                routes=(
                    Route("/", "web-1", 3000),
                    Route("/api/", "api-1", 8000, "sse", strip_prefix=True, headers=HEADERS),
                ),
                aliases=("shop.example.net",),
                tenant="acme",
                email="ops@example.com",
                ca="staging",
                profile="upload",
                body_size="1g",
                http3=True,
                hsts=False,
                rate_limit="10r/s",
                rate_burst=5,
                client_connections=500,
                site_connections=1000,
                upstream_connections=200,
                uploads=8,
                allow=("203.0.113.0/24", "2001:db8::1"),
                trusted_proxies=("198.51.100.0/24",),
                timeout="5m",
                www="add",
                maintenance=True,
                maintenance_allow=("203.0.113.7",),
                auth=("/admin/",),
                allow_unprotected=("/api/admin/",),
                auth_open=("/admin/hooks/",),
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


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(MANIFESTS)
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
    assert [str(route) for route in site.routes] == ["/=web-1:3000", "/api/=api-1:8000", "/x=web-1:4000"]


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
    assert (caught.value.field, caught.value.hint) == (field, Hint("site.show", {"domain": "other.example"}))


def test_a_www_name_may_be_anothers_too() -> None:
    with pytest.raises(RefusedError) as caught:
        refuse_double_names(parse({**LEAST, "www": "remove"}), {"www.shop.example.com": "other.example"})
    assert (caught.value.field, caught.value.value) == ("www", "www.shop.example.com")
