"""Where each line of a site's text comes from: fields, defaults, settings; and lines that nothing of now explains."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.annotate import UNLIKE, annotate
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.settings import Settings
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.manifest import Site

from making import TEMPLATE_TEXTS, make_renderer, make_site

API = {"path": "/api/", "container": "api-1", "port": 8000, "profile": "sse"}
WEB = {"path": "/", "container": "web-1", "port": 3000}


def sources(
    site: Site,
    *,
    settings: Settings | None = None,
    given: frozenset[str] = frozenset(),
    text: str | None = None,
    template: str | None = None,
) -> dict[str, str | None]:
    """Return the source of each line by its words; of lines that stand twice the last one's."""
    settings = settings or Settings()
    texts = {**TEMPLATE_TEXTS, **({"site.conf.j2": template} if template else {})}

    def render(site: Site, settings: Settings) -> str:
        return make_renderer(settings=settings, templates=texts).site(site)

    text = render(site, settings) if text is None else text
    lines = annotate(text, site=site, settings=settings, given=given, render=render)
    assert [line.text for line in lines] == text.splitlines(), "not a letter is lost"
    return {line.text.strip(): line.source for line in lines}


@pytest.mark.parametrize(
    ("fields", "line", "source"),
    [
        ({}, "server web-1.flowbiz_ext:3000 resolve max_fails=0 max_conns=4000;", "routes/0"),
        ({}, "proxy_read_timeout 60s;", "no profile, default"),
        ({"profile": "llm"}, "proxy_read_timeout 15m;", "profile"),
        ({"routes": [WEB, API]}, "proxy_read_timeout 1h;", "routes/1/profile"),
        ({"routes": [WEB, API]}, "location /api/ {", "routes/1"),
        ({"routes": [WEB, API]}, "location / {", "routes/0"),
        ({"body_size": "5m"}, "client_max_body_size 5m;", "body_size"),
        ({}, "client_max_body_size 64m;", "no profile, default"),
        ({"allow": ["203.0.113.0/24"]}, "deny all;", "allow"),
        ({"trusted_proxies": ["198.51.100.0/24"]}, "real_ip_recursive on;", "trusted_proxies"),
        ({"http3": True}, "listen 443 quic;", "http3"),
        ({"aliases": ["www.shop.example.com"]}, "server_name www.shop.example.com;", "aliases"),
        ({"tenant": "acme"}, "server web-1.flowbiz_ext_acme:3000 resolve max_fails=0 max_conns=4000;", "routes/0"),
        ({}, "add_header Strict-Transport-Security $vsa_hsts always;", "hsts, default"),
        ({"www": "add"}, "ssl_certificate $vsa_letsencrypt/shop.example.com/fullchain.pem;", "www"),
        ({"ca": "selfsigned"}, "ssl_certificate $vsa_selfsigned/shop.example.com/fullchain.pem;", "ca"),
        ({}, "server_name shop.example.com;", "domain"),
        ({}, "http2 on;", None),
    ],
)
def test_a_line_and_its_source(fields: dict[str, Any], line: str, source: str | None) -> None:
    assert sources(make_site(**fields))[line] == source


def test_a_setting_of_the_host_is_told_from_what_is_built_in() -> None:
    line = "ssl_certificate $vsa_selfsigned/shop.example.com/fullchain.pem;"
    assert sources(make_site(), settings=Settings(ca="selfsigned"), given=frozenset({"ca"}))[line] == "ca, vsa.yml"


def test_a_block_of_its_own_begins_where_its_paragraph_does() -> None:
    site = make_site(aliases=["www.shop.example.com"])
    text = make_renderer().site(site)
    lines = annotate(
        text,
        site=site,
        settings=Settings(),
        given=frozenset(),
        render=lambda site, _settings: make_renderer().site(site),
    )
    block = [line for line in lines if line.source == "aliases" and "server_name shop" not in line.text]
    assert block[0].text == ""
    assert block[1].text == "server {"
    assert block[-1].text == "}"


def test_what_would_not_be_rendered_so_now_is_unlike() -> None:
    text = make_renderer().site(make_site()).replace("http2 on;", "http2 on;\n    # smuggled in")
    found = sources(make_site(), text=text)
    assert found["# smuggled in"] == UNLIKE
    assert found["http2 on;"] is None
    assert found["proxy_read_timeout 60s;"] == "no profile, default"


def test_an_operators_own_template_is_explained_as_well() -> None:
    template = "# {{ site.domain }}\n{% if site.rate_limit %}\nmine {{ site.rate_limit }};\n{% endif %}\nours on;\n"
    found = sources(make_site(rate_limit="10r/s"), template=template)
    assert found == {"# shop.example.com": "domain", "mine 10r/s;": "rate_limit", "ours on;": None}
