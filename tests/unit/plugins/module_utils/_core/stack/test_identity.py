"""The Compose project of a stack: never the one of another."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.identity import compose_project


@pytest.mark.parametrize(("tenant", "project"), [("acme", "acme-shop"), ("platform", "shop")])
def test_the_project_of_a_new_stack(tenant: str, project: str) -> None:
    assert compose_project(tenant, "shop") == project
