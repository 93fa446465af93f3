"""Names that belong to VSA itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.reserved import (
    RESERVED,
    is_own_name,
    is_reserved,
)


@pytest.mark.parametrize(
    ("name", "reserved"),
    [("vsa-x", True), ("vsa", True), ("reverse-proxy", True), ("vsax", False), ("shop", False)],
)
def test_reserved(name: str, reserved: bool) -> None:
    assert is_reserved(name) is reserved


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("vsa-nginx", True),
        ("0123456789ab_vsa-nginx", True),
        ("web_vsa-nginx", False),
        ("shop-0123456789ab_vsa-x", False),
        ("reverse-proxy-web-1", False),
    ],
)
def test_the_names_of_own_containers(name: str, own: bool) -> None:
    assert is_own_name(name) is own


def test_every_stack_of_the_host_itself_is_reserved() -> None:
    """A stack of the collection that names no tenant, such as n8n, runs once for each customer."""
    stacks = Path(__file__).resolve().parents[5] / "stacks"
    manifests = stacks.glob("*/stack.yml")
    own = {path.parent.name for path in manifests if "\ntenant: platform\n" in path.read_text(encoding="utf-8")}
    assert {"docker-api", "observability", "reverse-proxy"} == own
    assert own <= set(RESERVED)
