# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sites of a stack: their options, their containers, and the users that are missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.config import Project, Service
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import Stack, parse_stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.sites import (
    missing_admins,
    site_options,
    with_containers,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.passwords import users_file

EDGE = ("flowbiz_ext_acme",)
PROJECT = Project(
    {
        "web": Service("web", "web:1", containers=("acme-app-web-1",), networks=EDGE),
        "api": Service("api", "api:1", containers=("api-1",), networks=EDGE),
        "db": Service("db", "db:1", containers=("acme-app-db-1",), networks=("acme-app_inside",)),
    },
    {},
)
HOOK = {"path": "/e/", "container": "api-1", "port": 5002, "headers": {"Hook-Url": "$scheme://$host$request_uri"}}
ROUTES = [{"path": "/", "service": "web", "port": 3000}, HOOK]


def stack(**site: Any) -> Stack:
    data = {"schema": 1, "description": "x", "tenant": "acme", "sites": [{"domain": "a.example", **site}]}
    return parse_stack(data, name="app")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(str(tmp_path))


def options(paths: Paths, made: Stack, project: Project = PROJECT) -> dict[str, Any]:
    [found] = with_containers(made, site_options(paths, made, {}), project)
    return found


def test_a_site_with_routes_names_the_container_of_each(paths: Paths) -> None:
    found = options(paths, stack(routes=ROUTES))
    assert (found["container"], found["port"], found["tenant"]) == (None, None, "acme")
    assert found["routes"] == [
        {"path": "/", "port": 3000, "container": "acme-app-web-1"},
        {"path": "/e/", "port": 5002, "container": "api-1", "headers": HOOK["headers"]},
    ]


def test_a_site_with_one_service(paths: Paths) -> None:
    found = options(paths, stack(service="web", port=3000))
    assert (found["container"], found["port"], found["routes"]) == ("acme-app-web-1", 3000, None)
    assert options(paths, stack(container="other", port=3000))["container"] == "other"


@pytest.mark.parametrize(
    ("site", "field", "words"),
    [
        ({"service": "nope", "port": 1}, "sites/0/service", "no such service"),
        ({"service": "db", "port": 1}, "sites/0", "not on the network flowbiz_ext_acme"),
        ({"routes": [ROUTES[0], {**HOOK, "container": "acme-app-db-1"}]}, "sites/0/routes/1", "not on the network"),
        ({"routes": [{**ROUTES[0], "service": "nope"}]}, "sites/0/routes/0/service", "no such service"),
    ],
)
def test_what_the_compose_file_does_not_have(paths: Paths, site: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(RefusedError, match=words) as refused:
        options(paths, stack(**site))
    assert refused.value.field == f"stack.yml/{field}"


MANIFEST = """\
schema: 1
domain: a.example
routes: [{path: /, container: acme-app-web-1, port: 3000}]
auth: [/admin/]
"""


@pytest.mark.parametrize(
    ("manifest", "auth", "expected"),
    [
        (None, [], None),
        (None, ["/"], ["/"]),
        # A path that an operator protected is never opened by an up.
        (MANIFEST, ["/x/"], ["/admin/", "/x/"]),
        (MANIFEST, ["/admin/"], ["/admin/"]),
        # The stack says nothing about passwords, so the manifest keeps what it has.
        (MANIFEST, [], None),
    ],
)
def test_protected_paths_are_added(
    paths: Paths, manifest: str | None, auth: list[str], expected: list[str] | None
) -> None:
    if manifest:
        paths.sites.mkdir(parents=True)
        (paths.sites / "a.example.yml").write_text(manifest)
    assert options(paths, stack(service="web", port=3000, auth=auth))["auth"] == expected


def test_a_path_without_a_user_gets_one(paths: Paths) -> None:
    sites = [options(paths, stack(service="web", port=3000, auth=["/", "/x/", "/y/"]))]
    for route, text in (("/x/", "alice:$2y$10$hash\n"), ("/y/", "# nobody\n")):
        file = users_file(paths, "a.example", route)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    wanted = [{"user": "admin", "domain": "a.example", "route": route} for route in ("/", "/y/")]
    assert missing_admins(paths, sites, password=True) == wanted
    with pytest.raises(RefusedError, match="asks for a password, and has no user yet") as refused:
        missing_admins(paths, sites, password=False)
    assert refused.value.field == "password_file"
    assert missing_admins(paths, [options(paths, stack(service="web", port=1))], password=False) == []


def test_a_service_whose_container_is_there_already(paths: Paths) -> None:
    made = stack(routes=ROUTES)
    [found] = with_containers(made, site_options(paths, made, {}), PROJECT, there={"web": "acme-app-web-7"})
    assert [route["container"] for route in found["routes"]] == ["acme-app-web-7", "api-1"]
