# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a removal says before it happens, and what it says of what stays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.actor import Actor
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.removal import ContainerInfo, Decision
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker_site import Written
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.removal.data import Purge
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.removal.run import RemovalRequest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.removal.steps import (
    _age,
    _size,
    certificate_stays,
    kept_notes,
    preview_steps,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.resources import FILES, SiteResources
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host

from hosttree import AUDIT_ID, HostTree, provide

SHOP = "shop.test"
RUN = RunContext(AUDIT_ID, Actor("tester", controller="here"), "site.unprovision")
WEB = ContainerInfo("web-1", "id-1", image="web:1")
EVERYTHING = {row.name: (f"/{row.name}",) for row in FILES}


def resources(*, files: dict[str, Sequence[str]] | None = None, **more: Any) -> SiteResources:
    known: dict[str, Any] = {
        "live": False, "journal": None, "origin": None, "names": (SHOP,), "network": "flowbiz_ext",
        "containers": (), "decision": Decision(), "mounts": (), "projects": (), "certificate_users": (),
    }  # fmt: skip
    return SiteResources(domain=SHOP, files={row.name: () for row in FILES} | (files or {}), **{**known, **more})


def request(**more: Any) -> RemovalRequest:
    return RemovalRequest(RUN, SHOP, {}, **more)


def preview(found: SiteResources, asked: RemovalRequest | None = None, **more: Any) -> dict[str, tuple[str, str]]:
    known: dict[str, Any] = {"plan": None, "warnings": (), "written": {}, "purge": None}
    steps = preview_steps(found, asked or request(), **{**known, **more})
    return {step.name: (step.state, step.text) for step in steps}


def test_nothing_to_remove() -> None:
    assert preview(resources()) == {
        "proxy": ("ok", "not served"),
        "auth": ("ok", "none"),
        "certificate": ("ok", "none"),
        "containers": ("ok", "none"),
        "logs": ("ok", "none"),
        "manifest": ("ok", "none"),
    }


def test_everything_would_go() -> None:
    found = resources(files=EVERYTHING, decision=Decision((WEB,)))
    steps = preview(found, written={"web-1": Written(0, 0, ())})
    assert {name for name, (state, _text) in steps.items() if state == "would_change"} == set(steps) - {"proxy"}
    assert steps["containers"][1] == "web-1 would be stopped and removed"


@pytest.mark.parametrize(
    ("more", "users", "text"),
    [
        ({"keep_cert": True}, (), "kept, as asked"),
        ({}, ("the site b.test",), "kept, used by the site b.test"),
    ],
)
def test_a_certificate_that_stays(more: dict[str, bool], users: tuple[str, ...], text: str) -> None:
    found = resources(files=EVERYTHING, certificate_users=users)
    assert certificate_stays(request(**more), found)
    assert preview(found, request(**more))["certificate"] == ("ok", text)


@pytest.mark.parametrize(
    ("purge", "requested", "step"),
    [
        (None, False, None),
        (Purge((), (), {}), False, None),
        (Purge(("v",), ("/srv/a/b",), {}), False, ("ok", "volume v, /srv/a/b stays, without --purge")),
        (Purge(("v",), ("/srv/a/b",), {}), True, ("would_change", "volume v, /srv/a/b would be lost")),
        (
            Purge((), ("/srv/a/b",), {}, sizes={"/srv/a/b": 12_300_000}),
            True,
            ("would_change", "/srv/a/b (12.3 MB) would be lost"),
        ),
        (Purge((), (), {"w": "why"}), False, ("ok", "all stays, without --purge")),
        (Purge((), (), {"w": "why"}), True, ("ok", "none")),
    ],
)
def test_data(purge: Purge | None, requested: bool, step: tuple[str, str] | None) -> None:
    assert preview(resources(), request(purge=requested), purge=purge).get("data") == step


def test_what_a_container_wrote_is_named() -> None:
    found = resources(decision=Decision((WEB,), {"db": ("other is on its network app",)}))
    steps = preview_steps(
        found, request(), plan=None, warnings=(), written={"web-1": Written(2_500_000, 5, ("/a", "/b"))}, purge=None
    )
    [containers] = [step for step in steps if step.name == "containers"]
    assert containers.notes[0].endswith("holds 2.5 MB that are on no volume: /a, /b and 3 more")
    assert containers.notes[1] == "db stays: other is on its network app"


def test_what_stays_is_said(tmp_path: Path) -> None:
    tree = HostTree(tmp_path)
    tree.apply(provide(SHOP))
    tree.apply(provide("b.test"))
    host = read_host(tree.paths)
    found = resources(files=EVERYTHING, decision=Decision((WEB,), {"db": ("x",)}), network="flowbiz_ext_acme")
    purge = Purge(("v",), (), {"/srv/x": "it is VSA's own"})
    assert kept_notes(host, found, request(keep_container=True, keep_cert=True), purge) == [
        "container db, shared",
        "container web-1, as asked",
        "its certificate",
        "/srv/x: it is VSA's own",
        "volume v, not purged",
        "history: its files in generation 1",
        "audit: the trails of this host and of the controller",
        "network flowbiz_ext_acme, while a container is on it",
    ]


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (2e6, "2.0 MB"), (3e12, "3000.0 GB")]
)
def test_sizes(number: float, text: str) -> None:
    assert _size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(3, "made just now"), (60, "1 minute old"), (7300, "2 hours old"), (90000, "1 day old")]
)
def test_ages(seconds: float, text: str) -> None:
    assert _age(seconds) == text
