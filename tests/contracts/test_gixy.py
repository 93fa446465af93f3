# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""gixy, a security analyser of NGINX's configuration, finds nothing in the rendered configuration of any site."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.plan import numbered, site_file
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.profiles import PROFILES
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.render import Layout
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.manifest import FIELDS, Route, Site

from making import generation_files, make_renderer, make_site

GIXY = Path(sys.executable).parent / "gixy"

# A value for every field of a manifest and of a route. A test fails if a new field has no value here.
SAID: dict[str, Any] = {
    "auth_open": ["/admin/hooks/"],
    "aliases": ["www.example.net", "shop.example.net"],
    "tenant": "acme",
    "email": "ops@example.com",
    "ca": "selfsigned",
    "profile": "llm",
    "body_size": "1g",
    "http3": True,
    "hsts": False,
    "rate_limit": "10r/s",
    "rate_burst": 5,
    "client_connections": 500,
    "site_connections": 1000,
    "upstream_connections": 200,
    "uploads": 8,
    "allow": ["203.0.113.0/24", "2001:db8::/32"],
    "trusted_proxies": ["198.51.100.0/24"],
    "timeout": "5m",
    "www": "add",
    "maintenance": True,
    "maintenance_allow": ["203.0.113.7"],
    "auth": ["/", "/a.b+c/x/"],
    "allow_unprotected": ["/x/"],
    "auth_pass": True,
}
ROUTE = {
    "path": "/a.b+c/",
    "container": "api-1",
    "port": 8000,
    "profile": "sse",
    "strip_prefix": True,
    "headers": {"Hook-Url": "$scheme://$host$request_uri", "Hook-Client": "$remote_addr"},
}
WEB = {"path": "/", "container": "web-1", "port": 3000}


def _sites() -> list[Site]:
    """Return sites of every profile, with each field alone, with all of them, and with other routes than /."""
    several = {"routes": [WEB, ROUTE, {**ROUTE, "path": "/x/", "strip_prefix": None}]}
    said: list[dict[str, Any]] = [{}, several, {"routes": [ROUTE]}]
    said += [{"profile": name} for name in PROFILES]
    said += [{"routes": [{**WEB, "profile": name}]} for name in PROFILES]
    said += [{name: value} for name, value in SAID.items() if name != "rate_burst"]
    every = {**SAID, "ca": "letsencrypt", "hsts": True}
    said += [every, {**every, **several}, {**every, "routes": [ROUTE]}, {**SAID, **several}]
    return [make_site(f"site-{number}.example.com", **_own_names(fields, number)) for number, fields in enumerate(said)]


def _own_names(fields: dict[str, Any], number: int) -> dict[str, Any]:
    aliases = [f"{number}.{name}" for name in fields.get("aliases", ())]
    return {**fields, **({"aliases": aliases} if aliases else {})}


def _findings(folder: Path, sites: Iterable[Site], *, spoil: tuple[str, str] = ("", "")) -> list[str]:
    """Return gixy's findings in a generation with these sites, one line each."""
    layout = Layout(root=str(folder), letsencrypt="/etc/letsencrypt/live", selfsigned="/etc/nginx/selfsigned")
    for name, text in generation_files(sites, make_renderer(layout=layout)).items():
        path = folder / "generations/1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.startswith("sites/") and spoil[0]:
            assert spoil[0] in text
            text = text.replace(*spoil)
        # gixy does not have NGINX's mime.types.
        path.write_text(numbered(name, text, 1).replace("include /etc/nginx/mime.types;", ""), encoding="utf-8")
    done = subprocess.run(
        [GIXY, "-f", "json", folder / "generations/1/nginx.conf"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode in (0, 1), done.stderr
    assert not done.stderr.strip(), done.stderr
    found = json.loads(done.stdout)
    return sorted(f"{entry['severity']} {entry['plugin']}: {entry['reason']}" for entry in found)


def test_every_field_is_looked_at() -> None:
    assert set(SAID) == set(FIELDS) - {"routes"}
    assert set(ROUTE) == {field.name for field in dataclasses.fields(Route)}


def test_gixy_finds_nothing_in_any_profile_or_option(tmp_path: Path) -> None:
    sites = _sites()
    assert len({site_file(site.domain) for site in sites}) == len(sites) > 25
    # If HSTS is off, or if no browser trusts the certificate, gixy has one finding.
    without = [site for site in sites if site.hsts is False or site.ca == "selfsigned"]
    # A location sends some requests to its twin before NGINX looks at allow and deny. The twin has both too
    # (tests/unit/templates/test_site_conf.py).
    narrowed = [site for site in sites if site.allow]
    both = [*without, *narrowed]
    assert _findings(tmp_path / "all", [site for site in sites if site not in both]) == []
    assert _plugins(tmp_path / "narrowed", [site for site in narrowed if site not in without]) == [
        "MEDIUM return_bypasses_allow_deny"
    ]
    assert _plugins(tmp_path / "without", [site for site in without if site not in narrowed]) == ["MEDIUM hsts_header"]


def _plugins(folder: Path, sites: Iterable[Site]) -> list[str]:
    return [line.partition(":")[0] for line in _findings(folder, sites)]


@pytest.mark.parametrize(
    ("before", "after", "plugin"),
    [
        ("return 301 https://site.example.com$request_uri;", "return 301 https://site.example.com$uri;", "splitting"),
        ("proxy_pass http://", "proxy_pass $http_x_target://", "ssrf"),
        ("        deny all;\n", "", "allow_without_deny"),
    ],
)
def test_it_would_find_something(tmp_path: Path, before: str, after: str, plugin: str) -> None:
    site = make_site("site.example.com", allow=["203.0.113.0/24"])
    assert any(plugin in line for line in _findings(tmp_path, [site], spoil=(before, after)))
