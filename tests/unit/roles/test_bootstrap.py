"""What the role says twice, because YAML cannot ask the core: addresses, and the forms of a host's settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.networks import EDGE, ula_subnet
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.settings import Settings, parse_settings

ROLE = Path(__file__).resolve().parents[3] / "roles/bootstrap"
DEFAULTS: dict[str, Any] = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
VARS: dict[str, Any] = yaml.safe_load((ROLE / "vars/main.yml").read_text())
FORMS = {
    form["field"].removeprefix("bootstrap_"): form["form"].replace("{{ __bootstrap_url }}", VARS["__bootstrap_url"])
    for form in VARS["__bootstrap_settings_forms"]
}

# setting → (values that are of its form, values that are not)
TABLE: dict[str, tuple[list[str], list[str]]] = {
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
}


def test_every_setting_can_be_said() -> None:
    assert set(FORMS) == set(Settings().as_dict())
    assert set(TABLE) == set(FORMS) - {"ca_bundle"}
    for name in FORMS:
        assert DEFAULTS[f"bootstrap_{name}"] is None, "what is not said stays as the host has it"


@pytest.mark.parametrize(
    ("name", "value", "good"),
    [(name, value, good) for name, row in TABLE.items() for good in (True, False) for value in row[not good]],
)
def test_role_and_core_agree_on_a_settings_form(name: str, value: str, good: bool) -> None:
    assert bool(re.match(FORMS[name], value)) is good
    if good:
        assert parse_settings({name: value}).as_dict()[name] == value
    else:
        with pytest.raises(RefusedError):
            parse_settings({name: value})


def test_the_bundles_place_on_the_host_is_one_that_the_core_accepts() -> None:
    place = VARS["__bootstrap_ca_bundle"]
    assert parse_settings({"ca_bundle": place}).ca_bundle == place


def test_the_edge_network_is_the_cores() -> None:
    assert VARS["__bootstrap_network"] == EDGE
    assert DEFAULTS["bootstrap_network_ipv6_subnet"] == ula_subnet(EDGE)


def test_every_supported_platform_has_data() -> None:
    for platform in VARS["__bootstrap_platforms"]:
        name, version = platform.split("-")
        data: dict[str, Any] = {}
        for path in (ROLE / f"vars/{name.capitalize()}.yml", ROLE / f"vars/{name.capitalize()}_{version}.yml"):
            if path.exists():
                data |= yaml.safe_load(path.read_text())
        assert data["__bootstrap_distro_compose_package"] in data["__bootstrap_distro_packages"], platform
        assert "python3-docker" in data["__bootstrap_packages"], platform
