"""The host's settings: what vsa.yml may say."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.settings import (
    Settings,
    parse_settings,
    setting_errors,
)


@pytest.mark.parametrize(
    ("data", "settings"),
    [
        (None, Settings()),
        ({}, Settings()),
        ({"schema": 1}, Settings()),
        ({"schema": 1, "ca": None, "email": None}, Settings()),
        ({"ca": "selfsigned"}, Settings(ca="selfsigned")),
        ({"ca": "https://pebble:14000/dir"}, Settings(ca="https://pebble:14000/dir")),
        ({"email": "ops@example.com"}, Settings(email="ops@example.com")),
        ({"ca_bundle": "/etc/vsa/ca-bundle.pem"}, Settings(ca_bundle="/etc/vsa/ca-bundle.pem")),
        ({"worker_shutdown_timeout": "500ms"}, Settings(worker_shutdown_timeout="500ms")),
        ({"resolver_valid": "10s"}, Settings(resolver_valid="10s")),
        ({"loki_url": "https://loki.example.com:3100/x/"}, Settings(loki_url="https://loki.example.com:3100/x/")),
        ({"loki_url": "http://10.0.0.2:3100"}, Settings(loki_url="http://10.0.0.2:3100")),
    ],
)
def test_parse_settings(data: object, settings: Settings) -> None:
    assert parse_settings(data) == settings
    assert parse_settings(settings.as_dict()) == settings


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ([], "vsa.yml"),
        ("text", "vsa.yml"),
        ({"schema": 2}, "vsa.yml/schema"),
        ({"schema": None}, "vsa.yml/schema"),
        ({"CA": "staging"}, "vsa.yml/CA"),
        ({1: 2}, "vsa.yml/1"),
        ({"ca": "zerossl"}, "vsa.yml/ca"),
        ({"email": "ops"}, "vsa.yml/email"),
        ({"worker_shutdown_timeout": 600}, "vsa.yml/worker_shutdown_timeout"),
        ({"worker_shutdown_timeout": "10m; include x"}, "vsa.yml/worker_shutdown_timeout"),
        ({"resolver_valid": "0s"}, "vsa.yml/resolver_valid"),
        ({"resolver_valid": "500ms"}, "vsa.yml/resolver_valid"),  # NGINX wants whole seconds there
        ({"ca_bundle": "ca.pem"}, "vsa.yml/ca_bundle"),
        ({"ca_bundle": "/etc/../root/ca.pem"}, "vsa.yml/ca_bundle"),
        ({"ca_bundle": "/etc/.."}, "vsa.yml/ca_bundle"),
        ({"ca_bundle": "/etc/ca.pem\n"}, "vsa.yml/ca_bundle"),
        ({"ca_bundle": "/etc//ca.pem"}, "vsa.yml/ca_bundle"),
        ({"ca_bundle": ["/etc/ca.pem"]}, "vsa.yml/ca_bundle"),
        ({"loki_url": "loki:3100"}, "vsa.yml/loki_url"),
        ({"loki_url": "https://user:password@loki/x"}, "vsa.yml/loki_url"),
        ({"loki_url": "https://loki/a b"}, "vsa.yml/loki_url"),
    ],
    ids=str,
)
def test_parse_settings_refuses(data: Any, field: str) -> None:
    with pytest.raises(RefusedError) as caught:
        parse_settings(data)
    assert caught.value.field == field


# setting → (values that have its form, values that do not)
FORMS: dict[str, tuple[list[str], list[str]]] = {
    "ca": (
        ["letsencrypt", "staging", "selfsigned", "https://pebble:14000/dir", "https://ca.example.com/acme/directory"],
        [
            "",
            "Letsencrypt",
            "letsencrypt\n",
            "http://ca.example.com/dir",
            "https://",
            "https://a b/",
            "https://a/{{ b }}",
        ],
    ),
    "email": (
        ["ops@example.com", "first.last+tag@mail.example.co.uk"],
        [
            "",
            "ops",
            "ops@example",
            "ops@example.com\n",
            "ops @example.com",
            "a@b.c'",
            '"a"@example.com',
            "{{ x }}@b.com",
        ],
    ),
    "loki_url": (
        ["http://loki.example.com:3100", "https://loki.example.com/push"],
        ["", "loki:3100", "ftp://loki", "http://loki/\n", "http://lo ki/", "http://loki/{{ x }}"],
    ),
    "dns_plugin": (["rfc2136", "cloudflare", "my-own"], ["", "-x", "x-", "Cloudflare", "a b", "x\n", "{{ x }}", "a.b"]),
    "dns_propagation": (["60s", "2m"], ["", "60", "0s", "500ms", "60s\n"]),
    "alert_command": (["/usr/local/bin/alert"], ["", "alert", "/a b", "/x\n", "/usr/../x/{{ y }}", "/a;b"]),
    "alert_url": (
        ["https://chat.example.com/hooks/a-b_c", "http://127.0.0.1:8080/", "/etc/vsa/alert-url"],
        ["", "chat.example.com", "ftp://x/", "https://a b/", "https://x/\n", "https://x/{{ y }}", "https://x/?a=b"],
    ),
    "resolver_valid": (["5s", "1m", "2h"], ["", "5", "0s", "500ms", "5s\n", "5 s", "-5s", "1000000s"]),
    "worker_shutdown_timeout": (["10m", "500ms", "1d"], ["", "10", "0m", "10m\n", "ten", "10M", "1000000s"]),
    "container_metadata": (["open", "closed"], ["", "yes", "Open", "open\n"]),
    "container_host_ports": (["80,443", "53,80,443", "all"], ["", "80", "22,443", "any", "all\n"]),
    "client_connections": ([1, 2000], ["", "many", 0, 100_001, "1.5"]),
    "site_connections": ([1, 4000], ["", "many", 0, 100_001]),
    "upstream_connections": ([1, 4000], ["", "many", 0, 100_001]),
    "uploads": ([1, 32], ["", "many", 0, 10_001]),
    "http2_streams": ([1, 128], ["", "many", 0, 1025]),
    "proxy_generations": ([50, 500], ["", "many", 49, 10_001]),
}


def test_every_setting_has_its_row() -> None:
    assert set(FORMS) == set(Settings().as_dict()) - {"ca_bundle"}  # the rows above have the paths


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, (good, _) in FORMS.items() for value in good])
def test_a_value_of_the_form_is_taken(name: str, value: object) -> None:
    assert parse_settings({name: value}).as_dict()[name] == value
    assert setting_errors({name: value}, where="bootstrap_") == []


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, (_, bad) in FORMS.items() for value in bad])
def test_another_value_is_refused_by_the_name_of_its_option(name: str, value: object) -> None:
    with pytest.raises(RefusedError):
        parse_settings({name: value})
    [error] = setting_errors({name: value}, where="bootstrap_")
    assert (error.field, error.value) == (f"bootstrap_{name}", value)
    assert error.expected


def test_the_open_ports_of_the_host() -> None:
    assert Settings().open_host_ports == (80, 443)
    assert parse_settings({"container_host_ports": "443,80,53,80"}).open_host_ports == (53, 80, 443)
    assert Settings(container_host_ports="all").open_host_ports is None


def test_all_wrong_settings_are_named_at_once() -> None:
    said = {"ca": "nobody", "email": "ops@example.com", "resolver_valid": "soon", "no_such": "x"}
    errors = setting_errors(said, ["email", "schema", "CA"], where="bootstrap_")
    assert [(error.field, error.value) for error in errors] == [
        ("bootstrap_ca", "nobody"),
        ("bootstrap_resolver_valid", "soon"),
        ("bootstrap_no_such", "no_such"),
        ("bootstrap_unset", "schema"),
        ("bootstrap_unset", "CA"),
    ]
    assert errors[-1].expected == ", ".join(Settings().as_dict())
