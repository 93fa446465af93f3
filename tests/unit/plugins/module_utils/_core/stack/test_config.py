"""What Compose says of a stack, as values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.config import (
    Project,
    Service,
    read_project,
    refuse_unpinned,
)


def said(**services: Any) -> Project:
    networks = {"default": {"name": "acme-shop_default"}, "edge": {"name": "flowbiz_ext_acme", "external": True}}
    return read_project(json.dumps({"name": "acme-shop", "services": services, "networks": networks}))


def test_a_service() -> None:
    project = said(web={"image": "nginx:1.30.7", "networks": {"default": None, "edge": {}}})
    assert project.services == {
        "web": Service(
            "web",
            "nginx:1.30.7",
            containers=("acme-shop-web-1",),
            networks=("acme-shop_default", "flowbiz_ext_acme"),
            exits=("acme-shop_default", "flowbiz_ext_acme"),
        )
    }
    assert project.of_container("acme-shop-web-1") == project.services["web"]
    assert project.of_container("other") is None


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"build": {"context": "/x"}}, {"image": "acme-shop-web", "builds": True}),
        ({"build": {"context": "/x"}, "image": "shop"}, {"image": "shop", "builds": True}),
        ({"image": "a:$$1"}, {"image": "a:$1"}),
        (
            {"image": "a:1", "container_name": "shop", "ports": [{"published": "80"}]},
            {"containers": ("shop",), "obstacles": ("container_name", "ports")},
        ),
        ({"image": "a:1", "healthcheck": {"test": ["CMD", "true"]}}, {"checked": True, "obstacles": ()}),
        ({"image": "a:1", "healthcheck": {"test": ["NONE"]}}, {"checked": False}),
        ({"image": "a:1", "healthcheck": {"test": ["CMD", "true"], "disable": True}}, {"checked": False}),
        ({"image": "a:1", "networks": {"edge": {"ipv6_address": "2001:db8::1"}}}, {"obstacles": ("networks",)}),
        (
            {"image": "a:1", "scale": 2},
            {"replicas": 2, "containers": ("acme-shop-web-1", "acme-shop-web-2")},
        ),
        ({"image": "a:1", "deploy": {"replicas": 0}}, {"replicas": 0, "containers": ()}),
        ({"image": "a:1", "deploy": {"mode": "global"}}, {"replicas": 1}),
    ],
)
def test_what_a_service_may_say(entry: dict[str, Any], expected: dict[str, Any]) -> None:
    found = said(web=entry).services["web"]
    assert {name: getattr(found, name) for name in expected} == expected


def test_a_service_runs_once_if_another_waits_for_its_end() -> None:
    project = said(
        migrate={"image": "a:1"},
        db={"image": "a:1"},
        web={
            "image": "a:1",
            "depends_on": {
                "migrate": {"condition": "service_completed_successfully"},
                "db": {"condition": "service_healthy"},
            },
        },
    )
    assert {name: service.once for name, service in project.services.items()} == {
        "migrate": True,
        "db": False,
        "web": False,
    }


def test_nothing_said_is_no_service() -> None:
    assert read_project("") == Project({}, {})


@pytest.mark.parametrize("image", ["nginx", "nginx:latest", "host:5000/nginx", "nginx:"])
def test_an_image_that_is_not_pinned_is_refused(image: str) -> None:
    with pytest.raises(RefusedError, match="an image is not pinned") as refused:
        refuse_unpinned(said(web={"image": image}))
    assert refused.value.field == "compose.yml/services/web/image"
    (note,) = refuse_unpinned(said(web={"image": image}), known=("web",))
    assert image in note


@pytest.mark.parametrize(
    "entry", [{"image": "nginx:1"}, {"image": "host:5000/x@sha256:00"}, {"build": {"context": "/x"}}]
)
def test_an_image_that_is_pinned_or_built(entry: dict[str, Any]) -> None:
    assert refuse_unpinned(said(web=entry)) == []
