# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sites of a stack that this host could not serve are refused before the containers of the stack exist."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.resolver import Names
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.nginx import CONTAINER
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site import names
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.foresee import foresee_sites

from dnsserver import serving_dns
from sitehost import SiteHost

SHOP = "shop.test"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SiteHost:
    return SiteHost(tmp_path, monkeypatch)


@pytest.fixture
def public(host: SiteHost, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A host whose sites get certificates of Let's Encrypt, and its DNS."""
    host.settings("ca: letsencrypt\nemail: ops@example.com\n")
    zone: dict[str, Any] = {SHOP: ["A 192.0.2.7"]}
    with serving_dns({"127.0.0.1": zone}) as port:
        monkeypatch.setattr(names, "Names", lambda: Names(["127.0.0.1"], port=port, seconds=0.3))
        yield zone


def options(domain: str = SHOP, **more: Any) -> dict[str, Any]:
    """Return the options of a site as `stack up` hands them to the module ``site``. The container does not exist."""
    known = {"domain": domain, "container": "acme-app-web-1", "port": 3000, "profile": "web", "tenant": "acme"}
    return {**known, "routes": None, "aliases": None, "auth": None, "auth_open": None, **more}


def foresee(host: SiteHost, *sites: dict[str, Any], strict: bool = True) -> list[str]:
    """Look the sites over; nothing of the host changes."""
    before = host.snapshot()
    try:
        return foresee_sites(
            sites,
            strict=strict,
            write=True,
            paths=host.paths,
            engine=host.engine,  # type: ignore[arg-type]
            proxy=host.proxy(),
        )
    finally:
        assert host.snapshot() == before


def refused(host: SiteHost, *sites: dict[str, Any]) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        foresee(host, *sites)
    return caught.value


def test_a_site_without_a_container_yet_is_fine(host: SiteHost, public: dict[str, Any]) -> None:
    del public
    assert foresee(host, options()) == []


def test_finding_3_a_name_that_the_ca_could_not_validate_is_refused_before_the_start(
    host: SiteHost, public: dict[str, Any]
) -> None:
    public[SHOP] = "NXDOMAIN"
    error = refused(host, options())
    assert (error.message, error.value) == (f"{SHOP} does not exist in DNS (NXDOMAIN)", SHOP)
    assert error.state == "nothing was changed"
    assert isinstance(error.hint, Hint)
    assert (error.hint.verb, error.hint.fields, error.hint.same) == ("stack.up", {"dns_check": False}, True)


def test_the_operator_may_know_better(host: SiteHost, public: dict[str, Any]) -> None:
    public[SHOP] = "NXDOMAIN"
    assert foresee(host, options(), strict=False) == [f"{SHOP} does not exist in DNS (NXDOMAIN)"]


def test_no_name_is_looked_up_if_no_ca_is_asked(host: SiteHost) -> None:
    """The CA of this host is selfsigned."""
    host.astray = {SHOP}
    assert foresee(host, options()) == []


def test_a_proxy_that_does_not_run_is_found_before_the_start(host: SiteHost) -> None:
    host.engine.stop(CONTAINER)
    assert refused(host, options()).message == "the reverse proxy of this host does not run"


def test_a_name_of_another_site_is_found_before_the_start(host: SiteHost) -> None:
    host.provision("b.test", container="web-1", port=3000, aliases=[SHOP])
    assert "b.test" in str(refused(host, options()).as_result())


def test_a_stack_without_a_site_asks_nothing(host: SiteHost) -> None:
    host.engine.stop(CONTAINER)
    assert foresee(host) == []
