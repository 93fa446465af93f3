# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What basic auth adds to NGINX's text: nothing where no site has it, and never ahead of a challenge or the mark."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from making import make_renderer, make_site
from nginx_text import Block, read_text
from readings import is_refused
from spellings import PROTECTED, spellings

ROOT = Path(__file__).resolve().parents[3]


def own(**fields: Any) -> Block:
    """Return the server block that serves a site's backends."""
    return read_text(make_renderer().site(make_site(**fields))).all("server")[-1]


def test_nothing_is_loaded_where_nobody_asks_for_a_password() -> None:
    text = make_renderer().main(any_http3=False, any_auth=False)
    assert "js_" not in text
    assert "load_module" not in text
    assert "auth" not in make_renderer().site(make_site())


def test_the_script_and_the_main_file_speak_of_the_same_memory() -> None:
    main = read_text(make_renderer().main(any_http3=False, any_auth=True))
    zones = {
        arg.removeprefix("zone=").partition(":")[0]
        for it in main.one("http").all("js_shared_dict_zone")
        for arg in it.args[:1]
    }
    script = make_renderer().auth()
    assert set(re.findall(r"ngx\.shared\.(\w+)", script)) == zones
    # The zone's size is in its name: NGINX tests a changed size and then fails to reload.
    assert {name.rpartition("_")[2] for name in zones} == {"300s", "24h", "kept"}
    variables = {it.args[0] for it in main.one("http").all("js_var")}
    assert variables == {
        "$vsa_auth_asked",
        "$vsa_auth_address",
        "$vsa_auth_users",
        "$vsa_auth_realm",
        "$vsa_auth_status",
        "$vsa_auth_given",
        "$vsa_auth_nobody",
        "$vsa_path_kind",
    }
    assert "{{" not in script
    assert "'/etc/nginx/htpasswd/'" in script.replace('"', "'")


def test_the_socket_is_where_compose_puts_it() -> None:
    main = read_text(make_renderer().main(any_http3=False, any_auth=True)).one("http")
    socket = main.one("upstream", "vsa_auth").one("server").args[0]
    assert socket == "unix:/run/vsa-auth/auth.sock"
    compose = (ROOT / "stacks/reverse-proxy/compose.yml").read_text()
    assert compose.count("auth-socket:/run/vsa-auth") == 2
    # vsa-auth holds the memory too, so that the memory outlives NGINX's container.
    assert compose.count("auth-passed:/run/vsa-passed") == 2
    states = [arg for it in main.all("js_shared_dict_zone") for arg in it.args if arg.startswith("state=")]
    assert states == ["state=/run/vsa-passed/passed.json", "state=/run/vsa-passed/key.json"]
    check = read_text((ROOT / "stacks/reverse-proxy/auth/nginx.conf").read_text())
    assert [it.args for it in check.walk() if it.name == "listen"] == [(socket,)]


@pytest.mark.parametrize("auth_pass", [None, False, True])
def test_a_protected_location_asks_and_keeps_the_password(auth_pass: bool | None) -> None:
    server = own(auth=["/admin/"], auth_pass=auth_pass)
    for place in (("/admin/",), ("=", "/admin")):
        location = server.one("location", *place)
        assert location.value("auth_request") == ("/.well-known/vsa/auth/0",)
        assert bool(location.all("set", "$vsa_authorization")) is not bool(auth_pass)
    assert not server.one("location", "/").all("auth_request")
    check = server.one("location", "=", "/.well-known/vsa/auth/0")
    assert check.all("internal")
    assert check.one("set", "$vsa_auth_users").args == ("$vsa_auth_users", "shop.example.com/,admin,")
    assert server.one("location", "=", "/.well-known/vsa/auth-check").all("internal")


def test_challenges_and_the_mark_are_ahead_of_it() -> None:
    server = own(auth=["/"], aliases=["www.example.com"])
    for place in (("^~", "/.well-known/acme-challenge/"), ("=", "/.well-known/vsa/marker")):
        assert not [it for it in server.one("location", *place).walk() if it.name.startswith("auth")]
    assert not server.all("auth_request")
    for other in read_text(make_renderer().site(make_site(auth=["/"], aliases=["www.example.com"]))).all("server")[:-1]:
        assert not [it for it in other.walk() if it.name.startswith("auth")]


def test_a_location_adds_no_header_of_its_own() -> None:
    # One would take the challenge away that the server adds: the browser would not ask.
    for location in own(auth=["/", "/a/"], hsts=True, maintenance=True).all("location"):
        assert not location.all("add_header"), location.args


def test_what_strips_a_prefix_does_so_below_a_protected_path_too() -> None:
    routes = [
        {"path": "/", "container": "web-1", "port": 1},
        {"path": "/api/", "container": "api-1", "port": 2, "strip_prefix": True},
    ]
    text = make_renderer().site(make_site(routes=routes, auth=["/api/admin/"]))
    assert len(re.findall(r"(?m)^map \$request_uri \$vsa_rest_", text)) == 1
    server = read_text(text).all("server")[-1]
    places = [
        server.one("location", "/api/"),
        server.one("location", "/api/admin/"),
        server.one("location", "=", "/api/admin"),
    ]
    assert len({location.value("proxy_pass") for location in places}) == 1


# -- the paths that the script does not read ---------------------------------------------------------------------------

LOCATIONS = [{"path": path, "container": "web-1", "port": 3000} for path in ("/", "/blog/")]


def skipped() -> Callable[[str], bool]:
    """Return what says whether NGINX itself finds the path of a request clear, by the two patterns of the text."""
    site = make_renderer().site(make_site(routes=LOCATIONS, auth=PROTECTED))
    near = re.search(r'if \(\$request_uri ~\* "(.+)"\)', site)
    main = make_renderer().main(any_http3=False, any_auth=True)
    plain = re.search(r'"~(.+)" plain;', main)
    assert near
    assert plain
    begins = re.compile(near[1], re.IGNORECASE)
    spelling = re.compile(plain[1].replace(r"\z", r"\Z"))
    return lambda target: bool(spelling.search(target)) and not begins.search(target)


def test_no_spelling_of_a_protected_path_is_kept_from_the_script() -> None:
    assert [target for target in spellings(2000) if SKIPPED(target)] == []
    below = [f"{path.rstrip('/')}{end}" for path in PROTECTED for end in ("", "/", "/x", "?x", "x")]
    assert [target for target in below if SKIPPED(target)] == []


def test_usual_paths_are_spared_the_script() -> None:
    usual = ["/", "/blog/", "/assets/index-DkR3_x.js", "/a.b/c", "/x?y=/admin/%2f;", "/api/v1/users/7/"]
    assert [target for target in usual if not SKIPPED(target)] == []


SKIPPED = skipped()
LETTERS = st.sampled_from([*"/.;%\\?#aA2fFxX~@-", "/admin", "/ADMIN", "api", "/v2", "%2f", "%2e", "..", "//", "\n"])


@given(st.lists(LETTERS, max_size=12).map("".join))
def test_what_the_script_does_not_read_has_no_reading_that_is_protected(path: str) -> None:
    target = f"/{path}"
    assert not (SKIPPED(target) and is_refused(target, PROTECTED))
