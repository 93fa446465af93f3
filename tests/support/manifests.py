"""Manifests that several unit tests read: the least one, one with every field, and a strategy that makes more."""

from __future__ import annotations

from typing import Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._core import forms
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.manifest import FIELDS
from hypothesis import strategies as st

__all__ = ("API", "FULL", "LEAST", "MANIFESTS", "WEB")

WEB = {"path": "/", "container": "web-1", "port": 3000}
API = {"path": "/api/", "container": "api-1", "port": 8000}
LEAST: dict[str, Any] = {"schema": 1, "domain": "shop.example.com", "routes": [WEB]}
# Every field with the sample of its row, and a second route.
FULL: dict[str, Any] = {
    "schema": 1,
    "domain": "shop.example.com",
    **{name: list(row.sample) if isinstance(row.sample, tuple) else row.sample for name, row in FIELDS.items()},
    "routes": [
        WEB,
        {**API, "profile": "sse", "strip_prefix": True, "headers": {"X-Url": "$scheme://$host$request_uri"}},
    ],
}

_NAMES = st.sampled_from(["a.example", "b.example", "xn--mnchen-3ya.de", "c.d.example"])
MANIFESTS = st.fixed_dictionaries(
    {
        "domain": st.just("shop.example.com"),
        "routes": st.lists(
            st.builds(
                lambda path, name, port, profile: {"path": path, "container": name, "port": port, "profile": profile},
                st.sampled_from(["/", "/api/", "/ws", "/a/b"]),
                st.sampled_from(["web-1", "api_1", "a.b"]),
                st.integers(1, 65535),
                st.sampled_from([None, *forms.PROFILES]),
            ),
            min_size=1,
            unique_by=lambda route: route["path"],
        ),
    },
    optional={
        "aliases": st.lists(_NAMES, unique=True),
        "tenant": st.sampled_from(["acme", "b-2"]),
        "email": st.just("ops@example.com"),
        "ca": st.sampled_from([*forms.CAS, "https://ca.example/dir"]),
        "profile": st.sampled_from(forms.PROFILES),
        "body_size": st.sampled_from(["0", "10m"]),
        "http3": st.booleans(),
        "hsts": st.booleans(),
        "rate_limit": st.sampled_from(["1r/s", "30r/m"]),
        "allow": st.lists(st.sampled_from(["10.0.0.0/8", "::1"]), unique=True),
        "trusted_proxies": st.lists(st.sampled_from(["10.0.0.0/8", "::1"]), unique=True),
    },
)
