# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What basic auth adds to NGINX's text: nothing where no site has it, and never ahead of a challenge or the mark."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from making import make_renderer, make_site
from nginx_text import Block, read_text

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
    assert {name.rpartition("_")[2] for name in zones} == {"300s", "32k"}
    variables = {it.args[0] for it in main.one("http").all("js_var")}
    assert variables == {
        "$vsa_auth_asked",
        "$vsa_auth_address",
        "$vsa_auth_users",
        "$vsa_auth_realm",
        "$vsa_auth_status",
    }
    assert "{{" not in script
    assert "'/etc/nginx/htpasswd/'" in script.replace('"', "'")


def test_the_socket_is_where_compose_puts_it() -> None:
    main = read_text(make_renderer().main(any_http3=False, any_auth=True)).one("http")
    socket = main.one("upstream", "vsa_auth").one("server").args[0]
    assert socket == "unix:/run/vsa-auth/auth.sock"
    compose = (ROOT / "stacks/reverse-proxy/compose.yml").read_text()
    assert compose.count("auth-socket:/run/vsa-auth") == 2
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
