"""The renderer: what it guards against, what its names depend on, what it takes from where."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import InternalError, RefusedError, VsaError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.plan import GENERATION, number_generation
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.render import (
    PAGES,
    TEMPLATES,
    Layout,
    certificate_authority,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.settings import Settings
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.manifest import Site

from making import LAYOUT, TEMPLATE_TEXTS, make_renderer, make_site
from nginx_text import read_text


def site_text(template: str, site: Site | None = None) -> str:
    """Return what a template for sites makes of a site."""
    return make_renderer(templates={**TEMPLATE_TEXTS, "site.conf.j2": template}).site(site or make_site())


def test_the_collection_has_the_templates() -> None:
    assert set(TEMPLATE_TEXTS) == {*TEMPLATES, *PAGES}


@pytest.mark.parametrize("name", [*TEMPLATES, *PAGES])
def test_a_template_that_did_not_come_is_our_fault(name: str) -> None:
    with pytest.raises(InternalError, match=name):
        make_renderer(templates={key: text for key, text in TEMPLATE_TEXTS.items() if key != name})


@pytest.mark.parametrize(
    "template",
    [
        "{% if %}",
        "{{ site.domain",
        "{% for x in y %}",
        "{{ nothing }}",
        "{{ site.nothing }}",
        "{{ site.domain.nothing }}",
        "{{ routes[7].path }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ site.__class__.__init__.__globals__ }}",
        "{{ site.domain.format.__func__ }}",
        "{{ routes.append(1) }}",
        "{{ routes[0].clear() }}",
        "{% include '/etc/passwd' %}",
        "{% import 'x' as y %}",
        "{{ 1 // 0 }}",
        "{{ 'a' + 1 }}",
        "{{ site.names[7:].pop() }}",
        "{% for n in range(1000000) %}{% endfor %}",
        "{{ site.domain | nothing }}",
        "{{ site.domain is nothing }}",
    ],
)
def test_a_template_of_an_operator_that_is_wrong_is_refused_and_named(template: str) -> None:
    with pytest.raises(RefusedError, match=r"site\.conf\.j2") as caught:
        site_text(template)
    assert caught.value.field == "site.conf.j2"


@pytest.mark.parametrize("template", ["{{ none }}", "{{ true }}", "{{ site.http3 }}", "{{ has_root }}", "{{ limit }}"])
def test_what_is_no_text_is_never_printed(template: str) -> None:
    with pytest.raises(InternalError, match="a template prints"):
        site_text(template)


@pytest.mark.parametrize("letter", [*";{}\"'\\$#`", "\n", "\r", "\t", "\0", "\x7f", "\x1b"], ids=ascii)
@pytest.mark.parametrize("where", ["domain", "container", "path", "tenant", "allow", "rate_limit", "body_size"])
def test_no_letter_of_nginx_syntax_gets_through_whatever_let_it_in(where: str, letter: str) -> None:
    site = make_site(rate_limit="1r/s", allow=["10.0.0.0/8"])
    bad = f"a{letter}b"
    route = site.routes[0]
    broken = {
        "domain": {"domain": bad},
        "container": {"routes": (dataclasses.replace(route, container=bad),)},
        "path": {"routes": (dataclasses.replace(route, path=f"/{bad}"),)},
        "tenant": {"tenant": bad},
        "allow": {"allow": (bad,)},
        "rate_limit": {"rate_limit": bad},
        "body_size": {"body_size": bad},
    }[where]
    with pytest.raises(InternalError) as caught:
        make_renderer().site(dataclasses.replace(site, **broken))  # type: ignore[arg-type]
    assert bad in str(caught.value.value)


@pytest.mark.parametrize("field", ["worker_shutdown_timeout", "resolver_valid"])
def test_nor_in_a_setting(field: str) -> None:
    with pytest.raises(InternalError):
        make_renderer(settings=Settings(**{field: "5s; include /etc/passwd"})).main(any_http3=False)


def test_an_error_of_ours_is_not_taken_for_the_operators() -> None:
    with pytest.raises(VsaError) as caught:
        site_text("{% for route in routes %}{{ route.path }}{{ true }}{% endfor %}")
    assert type(caught.value) is InternalError


def test_a_site_has_the_same_text_in_every_generation_and_process() -> None:
    site = make_site(rate_limit="1r/s", tenant="acme", aliases=["www.example.com"])
    text = make_renderer().site(site)
    assert make_renderer(marker="f" * 32).site(site) == text
    assert GENERATION not in text
    assert number_generation(text, 7) == text


def test_main_has_the_place_of_the_number() -> None:
    text = make_renderer().main(any_http3=False)
    assert text.count(GENERATION) == 4
    assert GENERATION not in number_generation(text, 12)
    assert "/generations/12/sites/" in number_generation(text, 12)


def test_inputs_are_all_that_a_text_depends_on_beside_its_manifest() -> None:
    same = [make_renderer(), make_renderer(marker="f" * 32), make_renderer(settings=Settings(ca="letsencrypt"))]
    others = [
        make_renderer(templates={**TEMPLATE_TEXTS, "site.conf.j2": TEMPLATE_TEXTS["site.conf.j2"] + "\n"}),
        make_renderer(templates={**TEMPLATE_TEXTS, "nginx.conf.j2": TEMPLATE_TEXTS["nginx.conf.j2"] + "\n"}),
        make_renderer(settings=Settings(ca="staging")),
        make_renderer(settings=Settings(worker_shutdown_timeout="1h")),
        make_renderer(layout=dataclasses.replace(LAYOUT, logs="/var/log/other")),
    ]
    assert len({renderer.inputs for renderer in same}) == 1
    assert len({renderer.inputs for renderer in (same[0], *others)}) == 1 + len(others)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ({}, {}, True),
        ({}, {"rate_burst": 5}, True),
        ({}, {"aliases": ["www.example.com"]}, True),
        ({}, {"rate_limit": "11r/s"}, False),
        ({}, {"rate_limit": "10r/m"}, False),
    ],
)
def test_the_name_of_a_limits_zone_changes_with_its_parameters(
    first: dict[str, object], second: dict[str, object], same: bool
) -> None:
    # NGINX tests well and then fails to reload where a zone has other parameters under its old name.
    def zone(fields: dict[str, object]) -> str:
        text = make_renderer().site(make_site(**{"rate_limit": "10r/s", **fields}))
        (_key, zone, _rate) = read_text(text).one("limit_req_zone").args
        name, size = zone.removeprefix("zone=").split(":")
        assert size == "1m"
        return name

    assert (zone(first) == zone(second)) is same
    assert zone(first) != make_site("other.example").domain


@pytest.mark.parametrize(
    ("upstreams", "size"), [(0, "1m"), (64, "1m"), (65, "2m"), (1000, "16m"), (1024, "16m"), (1025, "32m")]
)
def test_the_zone_of_all_upstreams_grows_with_them(upstreams: int, size: str) -> None:
    text = make_renderer().main(any_http3=False, upstreams=upstreams)
    (zone,) = [block.args for block in read_text(text).walk() if block.name == "zone"]
    assert zone == ("vsa_upstreams", size)
    assert read_text(make_renderer().site(make_site())).one("upstream").one("zone").args == ("vsa_upstreams",)


@pytest.mark.parametrize(
    ("manifest", "host", "applies"),
    [
        (None, "letsencrypt", "letsencrypt"),
        (None, "staging", "staging"),
        ("selfsigned", "letsencrypt", "selfsigned"),
        ("https://ca.example/dir", "staging", "https://ca.example/dir"),
    ],
)
def test_certificate_authority(manifest: str | None, host: str, applies: str) -> None:
    assert certificate_authority(make_site(ca=manifest), Settings(ca=host)) == applies


def test_the_layout_is_where_the_text_says_it_is() -> None:
    layout = Layout(root="/r", letsencrypt="/le", selfsigned="/self", logs="/l")
    renderer = make_renderer(layout=layout)
    main = read_text(renderer.main(any_http3=False))
    http = main.one("http")
    assert http.all("include")[-1].args == (f"/r/generations/{GENERATION}/sites/*.conf",)
    directories = {block.args[1]: block.one("default").args[0] for block in http.all("map", "") if block.args[0] == ""}
    assert directories["$vsa_letsencrypt"] == "/le"
    assert directories["$vsa_selfsigned"] == "/self"
    server = read_text(renderer.site(make_site())).all("server")[-1]
    assert server.value("access_log") == ("/l/shop.example.com.access.log", "vsa", "if=$vsa_logged")
