"""What roles/vhost/templates/site.conf.j2 tells NGINX, read back as directives: one table per subject."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.profiles import PROFILES, UNNAMED
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.settings import Settings

from making import make_renderer, make_site
from nginx_text import Block, Meaning, meaning, method_kept, pcre, read_text

STAGING_URL = "https://acme-staging-v02.api.letsencrypt.org/directory"
PLAIN = [("$vsa_plain", "=", "308"), ("$vsa_plain", "=", "301")]
CHALLENGE, MARKER = ("^~", "/.well-known/acme-challenge/"), ("=", "/.well-known/vsa/marker")


def tree(*, ca: str = "letsencrypt", **fields: Any) -> Block:
    """Return the file of a site as NGINX reads it; ``ca`` is the host's."""
    return read_text(make_renderer(settings=Settings(ca=ca)).site(make_site(**fields)))


def servers(**fields: Any) -> tuple[Block | None, Block]:
    """Return the server blocks of a site: of the aliases, its own."""
    *aliases, own = tree(**fields).all("server")
    return (aliases[0] if aliases else None), own


def routes(own: Block) -> list[Block]:
    """Return the locations that lead to a backend."""
    found = [block for block in own.all("location") if block.all("proxy_pass")]
    return [block for block in found if not block.args[0].startswith("@vsa_")]


def route(path: str, container: str = "web-1", port: int = 3000, **more: str) -> dict[str, Any]:
    """Return a route's mapping."""
    return {"path": path, "container": container, "port": port, **more}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"/": "web-1.flowbiz_ext:3000"}),
        ({"tenant": "acme"}, {"/": "web-1.flowbiz_ext_acme:3000"}),
        ({"upstream": "a.b_c-d:1"}, {"/": "a.b_c-d.flowbiz_ext:1"}),
        ({"upstream": "127.0.0.1:80"}, {"/": "127.0.0.1.flowbiz_ext:80"}),
        (
            {"routes": [route("/"), route("/api/", "api-1", 8000), route("/ws", "web-1", 3001)]},
            {
                "/": "web-1.flowbiz_ext:3000",
                "/api/": "api-1.flowbiz_ext:8000",
                "/ws": "web-1.flowbiz_ext:3001",
            },
        ),
        ({"routes": [route("/a/"), route("/b/")]}, dict.fromkeys(["/a/", "/b/"], "web-1.flowbiz_ext:3000")),
        ({"routes": [route("/.well-known/")]}, {"/.well-known/": "web-1.flowbiz_ext:3000"}),
    ],
)
def test_routes_lead_to_their_container_on_the_sites_network(fields: dict[str, Any], expected: dict[str, str]) -> None:
    text = make_renderer().site(make_site(**fields))
    assert meaning(text) == Meaning(
        "shop.example.com",
        (),
        expected,
        "$vsa_letsencrypt/shop.example.com",
        "/var/log/nginx/shop.example.com.access.log",
    )


def test_the_path_is_passed_on_unchanged() -> None:
    # NGINX replaces the prefix as soon as proxy_pass has a path of its own, be it "/".
    _aliases, own = servers(routes=[route("/api/"), route("/api"), route("/")])
    for location in routes(own):
        assert re.fullmatch("http://[0-9a-f]{8}_shop.example.com_web-1_3000", *location.value("proxy_pass"))


def test_a_container_and_port_have_one_upstream_however_many_routes() -> None:
    blocks = tree(routes=[route("/a"), route("/b"), route("/c", port=1)]).all("upstream")
    assert [block.args[0][9:] for block in blocks] == ["shop.example.com_web-1_3000", "shop.example.com_web-1_1"]
    for block in blocks:
        assert block.one("server").args[1:] == ("resolve", "max_fails=0", "max_conns=4000")


@pytest.mark.parametrize(
    ("paths", "closed"), [(["/"], False), (["/", "/api/"], False), (["/api/"], True), (["/a", "/b"], True)]
)
def test_what_no_route_takes_is_404(paths: list[str], closed: bool) -> None:
    _aliases, own = servers(routes=[route(path) for path in paths])
    root = own.one("location", "/")
    assert (root.value("return") == ("404",)) is closed
    assert bool(root.all("proxy_pass")) is not closed


@pytest.mark.parametrize("aliases", [[], ["www.shop.example.com"], ["a.example", "b.example"]])
def test_names(aliases: list[str]) -> None:
    redirecting, own = servers(aliases=aliases)
    assert own.value("server_name") == ("shop.example.com",)
    assert (redirecting is not None) is bool(aliases)
    if redirecting:
        assert redirecting.value("server_name") == tuple(aliases)


def test_plain_http_and_aliases_are_sent_to_the_domain() -> None:
    redirecting, own = servers(aliases=["www.example.com"])
    assert redirecting is not None
    there = "https://shop.example.com$request_uri"
    method_kept(redirecting.one("location", "/"), there)
    first = own.all("if")[:2]
    assert [block.args for block in first] == [("$vsa_plain", "=", "308"), ("$vsa_plain", "=", "301")]
    assert [block.value("return") for block in first] == [("308", there), ("301", there)]


@pytest.mark.parametrize(
    ("paths", "slashless"),
    [
        (["/"], []),
        (["/", "/api/"], ["/api"]),
        (["/api/"], ["/api"]),
        (["/api/", "/api"], []),
        (["/a/", "/a/b/"], ["/a", "/a/b"]),
    ],
)
def test_issue_14_item_5_a_missing_final_slash_keeps_the_method(paths: list[str], slashless: list[str]) -> None:
    _aliases, own = servers(routes=[route(path) for path in paths])
    found = [block for block in own.all("location") if block.all("if") and block.args[0] == "="]
    assert [block.args for block in found] == [("=", path) for path in slashless]
    for block, path in zip(found, slashless, strict=True):
        method_kept(block, f"{path}/$is_args$args")


@pytest.mark.parametrize("number", range(2))
def test_challenges_are_answered_before_anything_else(number: int) -> None:
    fields: dict[str, Any] = {"allow": ["10.0.0.1"], "rate_limit": "1r/s", "aliases": ["www.example.com"]}
    server = servers(**fields)[number]
    assert server is not None
    location = server.one("location", *CHALLENGE)
    # The site's own location has the page of the proxy's own errors too.
    more = {"client_max_body_size"} if number == 1 else set()
    assert {child.name for child in location.children} == {"root", "default_type", "try_files", *more}
    assert location.value("root") == (("$vsa_files",) if number == 1 else ("/var/www/acme",))
    assert not [child.name for child in server.children if child.name in ("return", "deny", "allow", "auth_basic")]
    # A challenge's own path is let through over plain HTTP, and never climbs.
    assert [it.args for it in server.all("if")] == ([*PLAIN, ("$vsa_climbs",)] if number == 1 else [])


def test_the_mark_shows_only_with_its_key_and_ahead_of_every_limit() -> None:
    _aliases, own = servers(allow=["10.0.0.1"], rate_limit="1r/s")
    mark = own.one("location", *MARKER)
    assert {child.name for child in mark.children} == {"internal", "error_page", "default_type", "return"}
    # A visitor gets 404, and so error_page: who has the key comes to this location again, from inside.
    assert mark.value("error_page") == ("404", "=", "$vsa_marker_place")
    assert mark.value("return") == ("200", "$vsa_generation shop.example.com\\n")


@pytest.mark.parametrize(
    ("manifest", "host", "hsts", "sent"),
    [
        (None, "letsencrypt", None, True),
        (None, "letsencrypt", True, True),
        (None, "letsencrypt", False, False),
        (None, "staging", None, False),
        (None, "staging", True, False),
        (None, "selfsigned", None, False),
        ("selfsigned", "letsencrypt", None, False),
        ("selfsigned", "letsencrypt", True, False),
        ("staging", "letsencrypt", None, False),
        (STAGING_URL, "letsencrypt", None, False),
        (STAGING_URL, "letsencrypt", True, False),
        (None, STAGING_URL, None, False),
        ("letsencrypt", "selfsigned", None, True),
        ("https://ca.example/dir", "staging", None, True),
    ],
)
def test_hsts_is_never_sent_with_a_certificate_that_browsers_refuse(
    manifest: str | None, host: str, hsts: bool | None, sent: bool
) -> None:
    site = make_site(ca=manifest, hsts=hsts, aliases=["www.example.com"])
    redirecting, own = read_text(make_renderer(settings=Settings(ca=host)).site(site)).all("server")
    expected = [("Strict-Transport-Security", "$vsa_hsts", "always")] if sent else []
    for server in (redirecting, own):
        assert [it.args for it in server.all("add_header", "Strict-Transport-Security")] == expected


def test_security_headers_stand_on_the_server_and_nothing_below_takes_them_away() -> None:
    # One add_header in a location drops all those of the server.
    _aliases, own = servers(routes=[route("/"), route("/api/", "api-1")], rate_limit="1r/s", http3=True)
    assert {it.args[0] for it in own.all("add_header")} == {
        "Strict-Transport-Security",
        "X-Content-Type-Options",
        "X-Frame-Options",
        "Referrer-Policy",
        "X-VSA-Answer",
        "Alt-Svc",
    }
    assert all(it.args[-1] == "always" for it in own.all("add_header"))
    for location in own.all("location"):
        assert not [
            block for block in location.walk() if block.name in ("add_header", "proxy_set_header", "access_log")
        ]


def test_nothing_of_a_site_overrides_what_backends_are_told() -> None:
    assert not [block for block in tree(aliases=["a.example"]).walk() if block.name == "proxy_set_header"]


@pytest.mark.parametrize("asked", [None, False, True])
def test_http3_only_where_asked(asked: bool | None) -> None:
    redirecting, own = servers(http3=asked, aliases=["www.example.com"])
    assert redirecting is not None
    quic = [it.args for it in own.all("listen") if "quic" in it.args]
    # reuseport stands once for an address and port, on the default server.
    assert quic == ([("443", "quic"), ("[::]:443", "quic")] if asked else [])
    assert bool(own.all("add_header", "Alt-Svc")) is bool(asked)
    assert not [it for it in redirecting.all("listen") if "quic" in it.args]


def test_where_it_listens() -> None:
    redirecting, own = servers(aliases=["www.example.com"])
    assert redirecting is not None
    for server in (redirecting, own):
        listening = [it.args for it in server.all("listen")]
        assert listening == [("80",), ("[::]:80",), ("443", "ssl"), ("[::]:443", "ssl")]
        assert server.value("http2") == ("on",)


@pytest.mark.parametrize(
    ("ca", "directory"),
    [
        ("letsencrypt", "$vsa_letsencrypt"),
        ("staging", "$vsa_letsencrypt"),
        ("https://ca.example/dir", "$vsa_letsencrypt"),
        ("selfsigned", "$vsa_selfsigned"),
    ],
)
def test_certificates_are_named_by_variable_and_the_literal_lineage(ca: str, directory: str) -> None:
    redirecting, own = servers(ca=ca, aliases=["www.example.com"])
    assert redirecting is not None
    # The default server serves certbot's lineages to those blocks that are named as their lineage is.
    by_name = [] if ca == "selfsigned" else [own]
    for server in (redirecting, own):
        pair = server.value("ssl_certificate") + server.value("ssl_certificate_key")
        wanted = tuple(f"{directory}/shop.example.com/{file}" for file in ("fullchain.pem", "privkey.pem"))
        assert pair == (() if server in by_name else wanted)
    assert own.value("server_name") == ("shop.example.com",)


def test_a_block_with_another_name_than_its_lineage_names_it() -> None:
    redirecting, own = servers(www="add")
    assert redirecting is not None
    for server in (redirecting, own):
        assert server.value("ssl_certificate") == ("$vsa_letsencrypt/shop.example.com/fullchain.pem",)


@pytest.mark.parametrize("allow", [[], ["203.0.113.7"], ["10.0.0.0/8", "2001:db8::/32"]])
def test_allow_lists_close_every_route_to_the_rest(allow: list[str]) -> None:
    _aliases, own = servers(allow=allow, routes=[route("/"), route("/api/", "api-1")])
    for location in routes(own):
        rules = [(it.name, *it.args) for it in location.children if it.name in ("allow", "deny")]
        assert rules == [*(("allow", network) for network in allow), *([("deny", "all")] if allow else [])]


@pytest.mark.parametrize(
    ("fields", "rate", "burst"),
    [
        ({"rate_limit": "10r/s"}, "10r/s", 20),
        ({"rate_limit": "30r/m", "rate_burst": 5}, "30r/m", 5),
        ({"rate_limit": "1r/s", "rate_burst": 0}, "1r/s", 0),
    ],
)
def test_a_rate_limit_holds_for_every_route(fields: dict[str, Any], rate: str, burst: int) -> None:
    main = tree(**fields, routes=[route("/"), route("/api/", "api-1")])
    key, zone, said = main.one("limit_req_zone").args
    assert (key, said) == ("$vsa_counted", f"rate={rate}")
    name = zone.removeprefix("zone=").partition(":")[0]
    own = main.all("server")[-1]
    for location in routes(own):
        # NGINX refuses burst=0; without the word there is none.
        assert location.value("limit_req") == (f"zone={name}", *((f"burst={burst}", "nodelay") if burst else ()))
    # Twice a route and its twin: a request goes through one of both.
    assert sum(block.name == "limit_req" for block in main.walk()) == 4


def test_a_zone_with_another_key_or_rate_has_another_name() -> None:
    """NGINX tests a zone whose parameters changed under its name, and then fails to load it."""
    names = {tree(rate_limit=rate).one("limit_req_zone").args[1] for rate in ("10r/s", "20r/s")}
    assert len(names) == 2
    # What they were called while each address of an IPv6 network had a rate of its own.
    assert not names & {f"zone=limit_shop.example.com_{digits}:1m" for digits in ("8a6b5dc3", "ab2c0ef4")}


def test_without_a_rate_there_is_no_limit() -> None:
    assert not [block for block in tree().walk() if block.name.startswith("limit_req")]


@pytest.mark.parametrize("trusted", [[], ["198.51.100.0/24"], ["10.0.0.0/8", "2001:db8::/32"]])
def test_only_trusted_proxies_may_say_who_the_client_is(trusted: list[str]) -> None:
    _aliases, own = servers(trusted_proxies=trusted)
    assert [it.args for it in own.all("set_real_ip_from")] == [(network,) for network in trusted]
    assert own.value("real_ip_header") == (("X-Forwarded-For",) if trusted else ())
    assert own.value("real_ip_recursive") == (("on",) if trusted else ())


@pytest.mark.parametrize(
    ("site", "route_profile", "body_size", "profile"),
    [
        (None, None, None, None),
        *((name, None, None, name) for name in PROFILES),
        ("web", "llm", None, "llm"),
        (None, "upload", None, "upload"),
        (None, None, "7m", None),
        ("web", None, "7m", "web"),
        ("upload", None, "0", "upload"),
        ("upload", "sse", "7m", "sse"),
    ],
)
def test_profiles(site: str | None, route_profile: str | None, body_size: str | None, profile: str | None) -> None:
    more = {} if route_profile is None else {"profile": route_profile}
    _aliases, own = servers(profile=site, body_size=body_size, routes=[route("/", **more)])
    (location,) = routes(own)
    wanted = PROFILES[profile] if profile else UNNAMED
    assert location.value("client_max_body_size") == (body_size or wanted.body_size,)
    for name in ("buffering", "request_buffering", "read_timeout", "send_timeout"):
        assert location.value(f"proxy_{name}") == (getattr(wanted, name),)


def test_nothing_that_streams_is_held_back() -> None:
    # A proxy that buffers a stream is the field's commonest complaint.
    assert {name for name, profile in PROFILES.items() if profile.buffering == "on"} == {"web"}
    assert UNNAMED.buffering == "off"
    assert {name for name, profile in PROFILES.items() if profile.request_buffering == "off"} == {"upload", "llm"}
    assert {name for name, profile in PROFILES.items() if profile.read_timeout == "1h"} == {
        "sse",
        "websocket",
        "upload",
    }


@pytest.mark.parametrize("timeout", [None, "5s", "30m"])
def test_a_timeout_replaces_the_profiles(timeout: str | None) -> None:
    _aliases, own = servers(timeout=timeout, profile="llm", routes=[route("/"), route("/ws", profile="websocket")])
    for location, profile in zip(routes(own), ("llm", "websocket"), strict=True):
        assert location.value("proxy_read_timeout") == (timeout or PROFILES[profile].read_timeout,)
        assert location.value("proxy_send_timeout") == (timeout or PROFILES[profile].send_timeout,)


@pytest.mark.parametrize(
    ("www", "served", "redirected"),
    [
        (None, "shop.example.com", ()),
        ("remove", "shop.example.com", ("www.shop.example.com",)),
        ("add", "www.shop.example.com", ("shop.example.com",)),
    ],
)
def test_www_either_way(www: str | None, served: str, redirected: tuple[str, ...]) -> None:
    text = make_renderer().site(make_site(www=www))
    found = meaning(text)
    assert (found.domain, found.served or found.domain, found.redirected) == ("shop.example.com", served, redirected)
    # The lineage keeps the site's own name, and covers both.
    assert found.certificate == "$vsa_letsencrypt/shop.example.com"
    for server in read_text(text).all("server")[:-1]:
        method_kept(server.one("location", "/"), f"https://{served}$request_uri")


def test_a_stripped_route_takes_its_rest_from_the_raw_path() -> None:
    main = tree(routes=[route("/"), route("/a.b+c/", strip_prefix=True), route("/x/", strip_prefix=True)])
    own = main.all("server")[-1]
    patterns = ["/a[.]b[+]c/", "/x/"]
    for location, pattern in zip(routes(own)[1:], patterns, strict=True):
        name = location.value("proxy_pass")[0].partition("$vsa_rest_")[2]
        choices = [(it.name, it.args) for it in main.one("map", "$request_uri", f"$vsa_rest_{name}").children]
        assert choices == [("default", ("/",)), (f"~^{pattern}(.*)\\z", ("/$1",))]
        # What is matched by another spelling is refused: there is no saying where its prefix ends.
        seen = [(it.name, it.args) for it in main.one("map", "$request_uri $uri", f"$vsa_misspelt_{name}").children]
        assert seen == [("default", ("0",)), (f"~^{pattern}", ("0",)), (f"~^[^ ]+ {pattern}", ("1",))]
        assert own.one("if", f"$vsa_misspelt_{name}").value("return") == ("400",)
    assert "$" not in routes(own)[0].value("proxy_pass")[0]


@pytest.mark.parametrize("auth", [[], ["/hook/"]])
def test_a_route_with_headers_says_all_of_the_proxys_headers_again(auth: list[str]) -> None:
    """NGINX inherits them only where a location has none: without them a client could say who it is."""
    own = {"Dify-Hook-Url": "$scheme://$host$request_uri"}
    text = make_renderer().main(any_http3=False, any_auth=bool(auth))
    everywhere = [it.args for it in read_text(text).one("http").all("proxy_set_header")]
    main = tree(routes=[route("/"), route("/hook/", headers=own)], auth=auth)
    there = [block for block in main.walk() if block.name == "location" and block.all("proxy_set_header")]
    there = [block for block in there if "vsa_auth" not in block.value("proxy_pass")[0]]
    # The location itself, and the one that serves its streams.
    assert [block.args[-1][:5] for block in there] == ["/hook", "@vsa_"]
    for block in there:
        found = [it.args for it in block.all("proxy_set_header")]
        assert sorted(found) == sorted([*everywhere, *own.items()])
        assert len({name.lower() for name, _value in found}) == len(found)


def test_sites_and_routes_never_share_a_variable() -> None:
    renderer = make_renderer()
    paths = ("/a/", "/b/", "/a/b/")
    texts = [
        renderer.site(make_site(domain, maintenance=True, routes=[route(path, strip_prefix=True) for path in paths]))
        for domain in ("a.example", "b.example")
    ]
    named = [block.args[-1] for text in texts for block in read_text(text).children if block.name in ("map", "geo")]
    assert len(named) == len(set(named)) == 2 * (2 * len(paths) + 3)


@pytest.mark.parametrize("asked", [None, False])
def test_without_maintenance_nothing_is_closed(asked: bool | None) -> None:
    main = tree(maintenance=asked, maintenance_allow=["10.0.0.1"])
    assert not main.all("geo")
    assert not [it for it in main.walk() if it.name == "return" and it.args == ("503",)]


@pytest.mark.parametrize("paths", [["/"], ["/api/"], ["/", "/api/"]])
@pytest.mark.parametrize("allow", [[], ["203.0.113.7", "2001:db8::/32"]])
def test_maintenance_closes_all_but_what_must_stay_open(paths: list[str], allow: list[str]) -> None:
    fields = {"maintenance": True, "maintenance_allow": allow, "routes": [route(path) for path in paths]}
    main = tree(**fields, allow=["10.0.0.0/8"], aliases=["a.example"])
    (name,) = main.one("geo").args
    assert {it.name: it.args for it in main.one("geo").children} == {"default": ("1",), **dict.fromkeys(allow, ("0",))}
    shut = main.one("map", f"{name} $uri")
    assert shut.all("volatile"), "it is asked again when the page is looked for"
    (pattern,) = (it.name for it in shut.children if it.name.startswith("~"))
    for path, closed in (
        ("/", True), ("/x", True), ("/.well-known/x", True), ("/.well-known/vsa/x", True), ("/.well-known/vsa/", True),
        ("/.well-known/vsa/marker/x", True), ("/x/.well-known/vsa/marker", True), ("/.well-known/acme-challenge", True),
        ("/.well-known/acme-challenge/token", False), ("/.well-known/vsa/marker", False),
        ("/.well-known/vsa/marker\n", True), ("/.well-known/vsa/unavailable\n", True),
        ("/.well-known/vsa/maintenance", False), ("/.well-known/vsa/unavailable", False),
    ):  # fmt: skip
        assert bool(pcre(pattern[1:]).search(f"1 {path}")) is closed, path
        assert not pcre(pattern[1:]).search(f"0 {path}")
    own = main.all("server")[-1]
    assert own.one("if", shut.args[1]).value("return") == ("503",)
    assert ("503", "/.well-known/vsa/maintenance") in [it.args for it in own.all("error_page")]
    assert own.all("add_header", "Retry-After")


def test_a_backends_own_errors_pass() -> None:
    main = tree(maintenance=True)
    assert not [it for it in main.walk() if it.name == "proxy_intercept_errors"], "it is off by default"
    for location in main.all("server")[-1].all("location"):
        if location.args[-1].startswith("/.well-known/vsa/") and location.args != MARKER:
            assert location.all("internal")


def test_one_log_for_all_that_a_site_answers() -> None:
    for server in servers(aliases=["www.example.com"]):
        assert server is not None
        assert server.value("access_log") == ("/var/log/nginx/shop.example.com.access.log", "vsa", "if=$vsa_logged")


# Buffering and limits


@pytest.mark.parametrize("profile", [None, *PROFILES])
def test_a_backend_can_switch_buffering_off_and_never_on(profile: str | None) -> None:
    _aliases, own = servers(profile=profile)
    for location in [block for block in own.all("location") if block.all("proxy_pass")]:
        ignores = location.value("proxy_ignore_headers") == ("X-Accel-Buffering",)
        assert ignores == (location.value("proxy_buffering") == ("off",))


def twins(own: Block, location: Block) -> dict[str, Block]:
    """Return the named locations that serve some requests of a location: for streams, for methods without a body."""
    sets = [it.args[1] for it in location.all("set") if it.args[0] == "$vsa_twin"]
    if not sets:
        assert not location.all("if")
        return {}
    [(variable, number)] = [it.split("-") for it in sets]
    assert location.one("if").args == (variable,)
    assert location.one("if").value("return") == ("418",)
    kinds = variable.removeprefix("$vsa_").split("_or_")
    return {kind: own.one("location", f"@vsa_{kind}-{number}") for kind in kinds}


def differences(location: Block, twin: Block) -> set[str]:
    """Return the names of the directives that differ between a route and its twin."""
    apart = {"set", "if", "#"}
    sides = [{(it.name, it.args) for it in side.children if it.name not in apart} for side in (location, twin)]
    return {name for name, _args in sides[0] ^ sides[1]}


def test_a_buffered_route_serves_streams_by_its_twin() -> None:
    more = {"auth": ["/admin/"], "allow": ["203.0.113.0/24"], "rate_limit": "5r/s"}
    _aliases, own = servers(profile="web", routes=[route("/"), route("/admin/"), route("/api/", profile="llm")], **more)
    assert ("418", "=", "@vsa_$vsa_twin") in [it.args for it in own.all("error_page")]
    buffered = [it for it in routes(own) if it.value("proxy_buffering") == ("on",)]
    found = [twins(own, location)["stream"] for location in buffered]
    assert len(found) == len([it for it in own.all("location") if it.args[0].startswith("@vsa_stream-")]) > 0
    for location, twin in zip(buffered, found, strict=True):
        # What is passed on at once is not on the disk, so nothing counts it.
        assert differences(location, twin) == {
            *("proxy_buffering", "proxy_ignore_headers", "proxy_request_buffering", "limit_conn")
        }
        assert [it.args[0] for it in twin.all("limit_conn")] == ["vsa_clients_16m", "vsa_sites_4m"]


@pytest.mark.parametrize("profile", [None, *PROFILES])
def test_a_body_that_no_header_announces_is_small(profile: str | None) -> None:
    """By HTTP/2, a GET may have a body without a length. No limit can count the body before it is on the disk."""
    more = {"auth": ["/admin/"], "allow": ["203.0.113.0/24"], "rate_limit": "5r/s"}
    _aliases, own = servers(profile=profile, routes=[route("/"), route("/admin/")], **more)
    for location in routes(own):
        on_disk = location.value("proxy_request_buffering") == ("on",)
        assert ("bodiless" in twins(own, location)) == on_disk
        if on_disk:
            twin = twins(own, location)["bodiless"]
            assert twin.value("client_max_body_size") == ("1m",)
            assert differences(location, twin) == {"client_max_body_size"}


@pytest.mark.parametrize(("size", "has_twin"), [("1m", False), ("512k", False), ("1025k", True), ("0", True)])
def test_a_site_of_small_bodies_needs_no_twin(size: str, has_twin: bool) -> None:
    _aliases, own = servers(body_size=size)
    (location,) = routes(own)
    assert bool(twins(own, location)) == has_twin


@pytest.mark.parametrize("profile", [None, *PROFILES])
def test_issue_14_item_7_who_asks_for_a_stream_is_never_buffered(profile: str | None) -> None:
    _aliases, own = servers(profile=profile, routes=[route("/"), route("/api/")])
    for location in routes(own):
        if location.value("proxy_buffering") == ("off",):
            continue
        twin = twins(own, location)["stream"]
        assert twin.value("proxy_buffering") == twin.value("proxy_request_buffering") == ("off",)


def test_issue_14_item_7_a_manifest_of_before_without_a_profile_keeps_its_behaviour() -> None:
    _aliases, own = servers()
    [location] = [it for it in own.all("location") if it.args == ("/",)]
    names = ("client_max_body_size", "proxy_buffering", "proxy_request_buffering", "proxy_read_timeout")
    assert [location.value(name) for name in names] == [("64m",), ("off",), ("on",), ("60s",)]
    assert [it.args for it in location.all("if")] == [("$vsa_bodiless",)]


def test_no_buffering_no_twin() -> None:
    _aliases, own = servers(profile="upload")
    assert not [it for it in own.all("location") if it.args[0].startswith("@")]
    assert "418" not in [it.args[0] for it in own.all("error_page")]


def test_limits_are_the_sites_or_the_hosts() -> None:
    settings = Settings(client_connections=11, site_connections=12, upstream_connections=13, uploads=14)
    renderer = make_renderer(settings=settings)
    for fields, expected in (
        ({}, ("11", "12", "14", "13")),
        (
            {"client_connections": 21, "site_connections": 22, "uploads": 24, "upstream_connections": 23},
            ("21", "22", "24", "23"),
        ),
    ):
        text = read_text(renderer.site(make_site(**fields)))
        (location,) = routes(text.all("server")[-1])
        limits = [it.args for it in location.all("limit_conn")]
        zones = ("vsa_clients_16m", "vsa_sites_4m", "vsa_upload_4m")
        assert limits == list(zip(zones, expected[:3], strict=True))
        assert text.one("upstream").one("server").args[-1] == f"max_conns={expected[3]}"


def test_a_body_that_is_passed_on_is_not_on_disk_and_does_not_count() -> None:
    _aliases, own = servers(profile="upload")
    assert [it.args[0] for it in routes(own)[0].all("limit_conn")] == ["vsa_clients_16m", "vsa_sites_4m"]
