# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declarations applied without a host: over real files, a fake NGINX, a fake engine and self-signed certificates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, VsaError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.apply import ApplyRequest, apply_sites
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

from hosttree import RUN
from sitehost import SiteHost, texts

A, B = "a.test", "b.test"


def manifest(container: str = "web-1", **fields: Any) -> dict[str, Any]:
    return {"routes": [{"path": "/", "container": container, "port": 3000}], **fields}


BOTH = [(A, manifest()), (B, manifest("web-2"))]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SiteHost:
    return SiteHost(tmp_path, monkeypatch)


def test_new_sites_come_in_one_transaction(host: SiteHost) -> None:
    result = host.declare(BOTH, settings={"email": "ops@example.com"})
    assert result.changed
    assert texts(result) | {"proxy": "", "site": ""} == {
        "declared": "2 sites: 2 new",
        "settings": "email: not said → ops@example.com",
        "preflight": "web-1:3000 answers · web-2:3000 answers",
        "certificate": "2 issued",
        "proxy": "",
        "site": "",
    }
    assert [step.name for step in result.steps].count("site") == 2
    assert result.data["declared"] == [{"domain": A, "state": "new"}, {"domain": B, "state": "new"}]
    assert (result.data["base"], result.data["generation"]) == (0, 1)
    assert "origin: declared" in host.manifests()[A]
    assert "email: ops@example.com" in host.paths.vsa_yml.read_text()


def test_the_same_again_changes_nothing(host: SiteHost) -> None:
    host.declare(BOTH)
    before = host.snapshot()
    result = host.declare(BOTH)
    assert not result.changed
    assert texts(result)["declared"] == "2 sites: 2 unchanged"
    assert texts(result)["certificate"] == "2 kept"
    assert host.snapshot() == before


def test_a_path_that_may_stay_open_is_kept(host: SiteHost) -> None:
    """Of a declared site, and of a site that somebody typed and that no declaration names."""
    host.provision("typed.test", container="web-2", port=3000, allow_unprotected=["/admin/"])
    for container in ("web-1", "web-2"):
        host.declare([(A, manifest(container, allow_unprotected=["/api/admin/"]))])
        found = {domain: yaml.safe_load(text)["allow_unprotected"] for domain, text in host.manifests().items()}
        assert found == {A: ["/api/admin/"], "typed.test": ["/admin/"]}


def test_a_check_touches_nothing(host: SiteHost) -> None:
    host.provision("typed.test", container="web-2", port=3000)
    before = host.snapshot()
    result = host.declare(BOTH, check=True, prune=True, settings={"email": "ops@example.com"})
    assert result.changed
    assert texts(result)["prune"] == "would be taken out of the proxy: typed.test"
    assert {step.state for step in result.steps if step.name not in ("declared", "preflight")} == {"would_change"}
    assert host.snapshot() == before


def test_many_sites_are_counted_at_the_end(host: SiteHost) -> None:
    host.provision("typed.test", container="web-2", port=3000)
    with host.state.change() as known:
        known["status"] = {"site-3.test": 504}
    entries = [(f"site-{number}.test", manifest()) for number in range(7)]
    result = host.declare(entries)
    assert texts(result)["site"] == "6 of 7 new or changed sites answer well"
    assert result.data["silent"] == ["site-3.test"]


def test_finding_6_a_site_that_does_not_answer_any_more_is_told_and_the_rest_is_kept(host: SiteHost) -> None:
    host.declare([(A, manifest()), (B, manifest())])
    with host.state.change() as known:
        known["deaf"] = ["web-2"]
    changed = [(A, manifest(profile="llm")), (B, manifest("web-2"))]
    result = host.declare(changed)
    assert result.data["silent"] == [B]
    [proxy] = [step for step in result.steps if step.name == "proxy"]
    assert f"{B} answered before the change and does not now" in proxy.notes
    assert "profile: llm" in host.manifests()[A]


def test_undeclared_sites_are_left_alone_or_pruned(host: SiteHost) -> None:
    host.provision(B, container="web-2", port=3000)
    left = host.declare(BOTH[:1])
    [undeclared] = [step for step in left.steps if step.name == "undeclared"]
    assert (undeclared.state, undeclared.text) == ("warning", f"not declared, and left alone: {B}")
    host.manifest("never.test", "not live")
    pruned = host.declare(BOTH[:1], prune=True)
    assert texts(pruned)["prune"] == f"taken out of the proxy: {B}, never.test"
    assert list(host.manifests()) == [A]
    [proxy] = [step for step in pruned.steps if step.name == "proxy"]
    assert "sites/never.test.yml was never live and is removed" in proxy.notes
    assert texts(host.declare([], prune=True))["declared"] == "no site is declared for this host"
    assert host.manifests() == {}


def test_a_manifest_that_was_edited_by_hand_is_rewritten(host: SiteHost) -> None:
    host.declare(BOTH)
    before = host.manifests()
    host.manifest(A, "edited by hand")
    assert host.declare(BOTH, check=True).changed
    result = host.declare(BOTH)
    assert result.changed
    assert host.manifests() == before
    [proxy] = [step for step in result.steps if step.name == "proxy"]
    assert f"sites/{A}.yml was edited by hand and is as declared again" in proxy.notes


def test_a_transaction_that_fails_rolls_the_settings_back(host: SiteHost) -> None:
    host.templates["site.conf.j2"] += "no_such_directive;\n"
    settings = host.paths.vsa_yml.read_text()
    with pytest.raises(VsaError, match="NGINX refuses"):
        host.declare(BOTH, settings={"email": "ops@example.com"})
    assert host.paths.vsa_yml.read_text() == settings
    assert host.manifests() == {}


def test_a_container_that_does_not_answer_is_named_with_its_site(host: SiteHost) -> None:
    host.silent = {"web-1", "web-2"}
    with pytest.raises(RefusedError, match="2 mistakes in the 2 declared sites") as caught:
        host.declare(BOTH)
    assert [line.partition(" ")[0] for line in caught.value.details] == [f"vsa_sites/{A}/port", f"vsa_sites/{B}/port"]
    assert host.manifests() == {}


def test_a_host_without_a_proxy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="no reverse proxy yet"):
        apply_sites(
            ApplyRequest(RUN, {}, []),
            check=False,
            diff=False,
            paths=Paths(str(tmp_path)),
        )
