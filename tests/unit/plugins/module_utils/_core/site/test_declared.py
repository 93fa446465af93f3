"""Declarations as tables: what is read, every mistake at once, who loses a name, and what a verb says of them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, RolledBackError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.declared import (
    clashes,
    declaration,
    differing_fields,
    in_one,
    parse_declared,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.manifest import Route, Site, parse, to_manifest

WEB = {"path": "/", "container": "web-1", "port": 3000}
SHOP = Site("shop.example.com", (Route("/", "web-1", 3000),), origin="declared")


def entry(domain: Any, manifest: Any) -> dict[str, Any]:
    return {"domain": domain, "manifest": manifest}


def test_a_declaration_is_a_manifest_that_says_where_it_comes_from() -> None:
    sites, wrong = parse_declared([entry("Shop.example.com", {"schema": 1, "routes": [WEB], "hsts": None})])
    assert (sites, wrong) == ({"shop.example.com": SHOP}, [])
    assert to_manifest(SHOP)["origin"] == "declared"
    assert parse(to_manifest(SHOP)) == SHOP


def test_what_is_exported_declares_the_same() -> None:
    fields = {"routes": [WEB, {**WEB, "path": "/api/", "profile": "sse"}], "aliases": ["www.shop.example.com"]}
    sites, wrong = parse_declared([entry("shop.example.com", fields)])
    assert wrong == []
    assert declaration(sites["shop.example.com"]) == fields


@pytest.mark.parametrize("origin", ["elsewhere", 1, True, ["declared"]])
def test_a_manifest_comes_from_one_of_two_places(origin: object) -> None:
    with pytest.raises(RefusedError, match="a manifest has no such origin"):
        parse({"domain": "a.example", "routes": [WEB], "origin": origin})
    assert parse({"domain": "a.example", "routes": [WEB], "origin": "typed"}).origin is None


@pytest.mark.parametrize(
    ("entries", "fields"),
    [
        (["a"], ["vsa_sites"]),
        ([{"domain": "a.example"}], ["vsa_sites"]),
        ([entry("a.example", "web-1:3000")], ["vsa_sites/a.example"]),
        ([entry("a.example", None)], ["vsa_sites/a.example"]),
        ([entry("a.example", {})], ["vsa_sites/a.example/routes"]),
        ([entry("no domain", {"routes": [WEB]})], ["vsa_sites"]),
        ([entry(7, {"routes": [WEB]})], ["vsa_sites"]),
        ([entry("no domain", {"routes": []})], ["vsa_sites", "vsa_sites/no domain/routes"]),
        ([entry("a.example", {"routes": [WEB], "origin": "declared"})], ["vsa_sites/a.example/origin"]),
        ([entry("a.example", {"routes": [WEB], "domain": "b.example"})], ["vsa_sites/a.example/domain"]),
        ([entry("a.example", {"routes": [WEB], "rate_burst": 3})], ["vsa_sites/a.example/rate_burst"]),
        ([entry("a.example", {"routes": [WEB]}), entry("A.example", {"routes": [WEB]})], ["vsa_sites"]),
        (
            [
                entry("a.example", {"routes": [{**WEB, "port": 0}], "hsts": "yes", "no_such": 1}),
                entry("b.example", {"routes": [WEB], "profile": "{{ x }}"}),
            ],
            [
                "vsa_sites/a.example/routes/0/port",
                "vsa_sites/a.example/hsts",
                "vsa_sites/a.example/no_such",
                "vsa_sites/b.example/profile",
            ],
        ),
    ],
)
def test_every_mistake_is_named(entries: list[Any], fields: list[str]) -> None:
    assert [error.field for error in parse_declared(entries)[1]] == fields


def test_mistakes_are_one_error() -> None:
    one, two = (
        RefusedError("this is not a port", field="vsa_sites/a/port", value=0, expected="1 to 65535"),
        RolledBackError("the CA does not answer", field="vsa_sites/b", details=["x"]),
    )
    assert in_one([one], of=3) is one
    both = in_one([one, two], of=3, state="the proxy is as it was")
    assert (both.exit_code, both.state) == (4, "the proxy is as it was")
    assert both.details == [
        "vsa_sites/a/port = 0: this is not a port (expected 1 to 65535)",
        "vsa_sites/b: the CA does not answer",
        "  x",
    ]


def test_a_name_belongs_to_one_site() -> None:
    sites = {
        "a.example": Site("a.example", (Route("/", "web-1", 80),), aliases=("www.a.example",)),
        "b.example": Site("b.example", (Route("/", "web-1", 80),), aliases=("www.a.example", "old.example")),
    }
    wrong = clashes(sites, {"old.example": "old.example"})
    assert [(error.field, error.value) for error in wrong] == [
        ("vsa_sites/b.example/aliases", "www.a.example"),
        ("vsa_sites/b.example/aliases", "old.example"),
    ]
    assert len(clashes(sites, {})) == 1


def test_what_differs_between_two_sites() -> None:
    typed = Site("shop.example.com", (Route("/", "web-2", 3000),), profile="sse")
    assert differing_fields(typed, SHOP) == ["routes", "profile", "origin"]


def test_a_protected_path_is_opened_by_name_only() -> None:
    before = Site("shop.example.com", (Route("/", "web-2", 3000),), profile="sse", auth=("/admin/",))
    for said, auth in (
        ({}, ("/admin/",)),
        ({"auth": None}, ("/admin/",)),
        ({"auth": []}, ()),
        ({"auth": ["/x/"]}, ("/x/",)),
    ):
        sites, wrong = parse_declared([entry("shop.example.com", {"routes": [WEB], **said})], lambda domain: before)
        assert wrong == []
        assert (sites["shop.example.com"].auth, sites["shop.example.com"].profile) == (auth, None)
