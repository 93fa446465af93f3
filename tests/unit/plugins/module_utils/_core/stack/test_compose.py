"""Variables and images of a Compose file."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.compose import images, interpolate


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$A", "1"),
        ("${A}", "1"),
        ("${B:-2}", "2"),
        ("${EMPTY:-2}", "2"),
        ("${EMPTY-2}", ""),
        ("${B-2}", "2"),
        ("${B}", ""),
        ("$$A", "$A"),
        ("nginx:${A:-9}.30", "nginx:1.30"),
        ("${A}${B:-x}", "1x"),
    ],
)
def test_interpolate(text: str, expected: str) -> None:
    assert interpolate(text, {"A": "1", "EMPTY": ""}) == expected


def test_images() -> None:
    compose = {"services": {"a": {"image": "${A:-nginx:1.30.7}"}, "b": {"image": "host:5000/x@sha256:00"}}}
    assert images(compose, {}) == {"a": "nginx:1.30.7", "b": "host:5000/x@sha256:00"}
    assert images(compose, {"A": "nginx:1.31.0"})["a"] == "nginx:1.31.0"


@pytest.mark.parametrize(
    "compose",
    [
        None,
        {},
        {"services": {}},
        {"services": {"a": {}}},
        {"services": {"a": {"build": "."}}},
        {"services": {"a": {"image": "nginx"}}},
        {"services": {"a": {"image": "nginx:latest"}}},
        {"services": {"a": {"image": "host:5000/nginx"}}},
        {"services": {"a": {"image": "nginx:${TAG}"}}},
    ],
)
def test_an_image_that_is_not_pinned_is_refused(compose: object) -> None:
    with pytest.raises(RefusedError):
        images(compose, {})
