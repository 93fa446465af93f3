"""Where things lie: below the root, and where the documentation says."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

PROXY = "srv/platform/reverse-proxy"
PLACES = {
    "vsa_yml": "etc/vsa/vsa.yml",
    "sites": "etc/vsa/sites",
    "stacks": "var/lib/vsa/stacks",
    "proxy": PROXY,
    "nginx": f"{PROXY}/data/nginx",
    "generations": f"{PROXY}/data/nginx/generations",
    "current": f"{PROXY}/data/nginx/current",
    "journal": f"{PROXY}/data/nginx/journal.json",
    "lock": f"{PROXY}/data/nginx/.lock",
    "letsencrypt": f"{PROXY}/data/letsencrypt",
    "reload_flag": f"{PROXY}/data/letsencrypt/vsa-reload",
    "certbot_lock": f"{PROXY}/data/letsencrypt/vsa-certbot.lock",
    "selfsigned": f"{PROXY}/data/selfsigned",
    "acme": f"{PROXY}/data/acme",
    "htpasswd": f"{PROXY}/data/htpasswd",
    "logs": f"{PROXY}/logs/nginx",
    "override": f"{PROXY}/compose.override.yml",
}


@pytest.mark.parametrize(("name", "place"), PLACES.items())
def test_place(name: str, place: str) -> None:
    assert getattr(Paths(), name) == Path("/", place)
    assert getattr(Paths("/elsewhere"), name) == Path("/elsewhere", place)


def test_the_state_of_a_stack() -> None:
    assert Paths().stack_state("acme", "shop") == Path("/var/lib/vsa/stacks/acme/shop")
