# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doors between the sites of a host: a new one is refused, an old one is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.plan import manifest_file
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.doors import (
    Sites,
    door_findings,
    door_notes,
    first_new_door,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Change
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host

from hosttree import HostTree, provide

A, B = "a.example", "b.example"
TEXT = f"{B}/admin/ shows without a password what {A} protects at /admin/: both lead to web:3000"


@pytest.fixture
def host(tmp_path: Path) -> HostTree:
    """A host with a site that protects /admin/, and that shares no container yet."""
    host = HostTree(tmp_path)
    host.apply(provide(A, "web:3000"))
    host.apply(Change(A, {"auth": ["/admin/"]}))
    return host


def notes(host: HostTree, *changes: Change, **words: Any) -> tuple[str, ...]:
    return host.desired(*changes, **words)[1].warnings


def test_a_new_door_is_refused_with_both_routes(host: HostTree) -> None:
    with pytest.raises(RefusedError) as caught:
        host.desired(provide(B, "web:3000"))
    assert str(caught.value.message) == TEXT.replace("shows", "would show")
    assert (caught.value.field, caught.value.value) == ("routes", "/admin/")


@pytest.mark.parametrize("fields", [{"auth": ["/admin/"]}, {"allow_unprotected": ["/admin/"]}])
def test_the_ways_out(host: HostTree, fields: dict[str, Any]) -> None:
    host.apply(provide(B, "web:3000", **fields))
    assert B in host.manifests()


def test_a_path_that_may_stay_open_stays_so_after_a_sync(host: HostTree) -> None:
    """The field is in the manifest, so a manifest that somebody edited is not refused for its old door."""
    host.apply(provide(B, "web:3000", allow_unprotected=["/admin/"]))
    manifest = host.paths.sites / f"{B}.yml"
    manifest.write_text(manifest.read_text() + "body_size: 7m\n", encoding="utf-8")
    host.apply(sync=True)
    kept = yaml.safe_load(host.manifests()[B])
    assert (kept["allow_unprotected"], kept["body_size"]) == (["/admin/"], "7m")
    del kept["allow_unprotected"]
    manifest.write_text(yaml.safe_dump(kept), encoding="utf-8")
    _plan, desired = host.desired(sync=True)
    assert B in desired.invalid, "without the field the door is new"


def test_a_password_is_never_refused_and_the_old_door_is_named(host: HostTree) -> None:
    host.apply(Change(A, {"auth": []}))
    host.apply(provide(B, "web:3000"))
    assert TEXT in notes(host, Change(A, {"auth": ["/admin/"]}))
    host.apply(Change(A, {"auth": ["/admin/"]}))
    # The site with the old door can still be changed, and is named again.
    assert TEXT in notes(host, provide(B, None, rate_limit="5r/s"))


def test_a_sync_leaves_out_a_new_door(host: HostTree) -> None:
    host.manifest(B, f"domain: {B}\nroutes: [{{path: /, container: web, port: 3000}}]\n")
    _plan, desired = host.desired(sync=True)
    assert B in desired.invalid
    assert manifest_file(B) not in desired.files


def test_a_door_inside_the_site_gets_the_password_and_is_named(host: HostTree) -> None:
    routes = [
        {"path": "/", "container": "web", "port": 3000},
        {"path": "/api/", "container": "web", "port": 3000, "strip_prefix": True},
    ]
    change = provide(A, None, routes=routes)
    text = f"{A}/api/admin/ asks for the same password as /admin/, because it leads to the same container"
    assert text in notes(host, change)
    host.apply(change)
    assert "/api/admin/" in read_host(host.paths).index[A]["closed"]


def test_the_root_of_a_site_is_named_and_not_closed(host: HostTree) -> None:
    routes = [
        {"path": "/", "container": "web", "port": 3000},
        {"path": "/app/", "container": "web", "port": 3000, "strip_prefix": True},
    ]
    host.apply(provide(A, None, routes=routes))
    change = Change(A, {"auth": ["/app/"]})
    text = f"{A}/ shows without a password what {A} protects at /app/: both lead to web:3000"
    assert text in notes(host, change)
    host.apply(change)
    assert read_host(host.paths).index[A]["closed"] == ["/app/", "/app"]
    assert [finding.text for finding in door_findings(read_host(host.paths))] == [text]


def test_status_names_each_open_door(host: HostTree) -> None:
    host.apply(Change(A, {"auth": []}))
    host.apply(provide(B, "web:3000"))
    host.apply(Change(A, {"auth": ["/admin/"]}))
    (finding,) = door_findings(read_host(host.paths))
    assert (finding.name, finding.subject, finding.text) == ("open-door", B, TEXT)
    assert "auth.add" in finding.remedy


def test_a_manifest_is_parsed_only_if_its_site_may_have_a_door(host: HostTree) -> None:
    read = read_host(host.paths)
    sites = Sites(
        read,
        {A: "not a manifest", B: "neither"},
        {A: {"auth": ["/"], "network": "n", "containers": ["x"]}, B: {"auth": [], "network": "n", "containers": ["y"]}},
    )
    assert first_new_door(sites, {}, {B}) is None
    assert door_notes(sites, {B}) == []
