"""Values of the policy of stacks for tests: a Compose file as Compose itself says it, and what is known of a host."""

from __future__ import annotations

from typing import Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.rules.facts import Facts, KnownContainer

__all__ = ("make_config", "make_facts")

EDGE = "flowbiz_ext_acme"
_OTHER_EDGE = "flowbiz_ext_beta"

# Another tenant's stack, the proxy, and a container that somebody started by hand.
_CONTAINERS = (
    KnownContainer(
        name="beta-web",
        project="blog",
        folder="/srv/beta/blog",
        networks={
            _OTHER_EDGE: frozenset({"beta-web", "web", "beta-shop"}),
            "blog_default": frozenset({"beta-web", "web", "db"}),
        },
        volumes=frozenset({"blog_data", "by-hand"}),
        image="blog:1",
    ),
    KnownContainer(
        name="vsa-nginx",
        project="reverse-proxy",
        folder="/srv/platform/reverse-proxy",
        networks={name: frozenset({"vsa-nginx", "nginx"}) for name in ("flowbiz_ext", EDGE, _OTHER_EDGE)},
        image="nginx:1.30.7",
    ),
    KnownContainer(name="tool", networks={"tools": frozenset({"tool"})}),
    KnownContainer(
        name="acme-db", project="db", folder="/srv/acme/db", networks={"db_default": frozenset({"acme-db", "db"})}
    ),
)


def make_facts(**more: Any) -> Facts:
    """Return what is known of a host on which tenant acme brings up the stack ``shop``."""
    values: dict[str, Any] = {
        "name": "shop",
        "tenant": "acme",
        "folder": "/srv/acme/shop",
        "containers": _CONTAINERS,
        "networks": {
            "flowbiz_entry": "",
            "reverse-proxy_internal": "reverse-proxy",
            **dict.fromkeys(("bridge", "host", "none", "flowbiz_ext", EDGE, _OTHER_EDGE, "tools", "empty"), ""),
            "blog_default": "blog",
            "db_default": "db",
            "shop_default": "shop",
        },
        "volumes": {
            "reverse-proxy_auth-socket": "reverse-proxy",
            "blog_data": "blog",
            "by-hand": "",
            "lost": "",
            "shop_data": "shop",
            "down_data": "down",
        },
        "stacks": frozenset({("beta", "blog"), ("platform", "reverse-proxy"), ("acme", "db"), ("beta", "down")}),
    }
    return Facts(**{**values, **more})


def make_config(service: dict[str, Any] | None = None, **top: Any) -> dict[str, Any]:
    """Return a Compose file with one service, ``web``, as ``docker compose config`` says it."""
    web = {"image": "app:1", "networks": {"default": None}, **(service or {})}
    return {"name": "shop", "services": {"web": web}, "networks": {"default": {"name": "shop_default"}}, **top}
