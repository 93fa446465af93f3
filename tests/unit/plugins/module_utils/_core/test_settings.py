"""The host's settings: what vsa.yml may say."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.settings import Settings, parse_settings


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
