"""The Compose project of a stack: never the one of another, and never a second one."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.identity import choose_project, compose_project


@pytest.mark.parametrize(("tenant", "project"), [("acme", "acme-shop"), ("platform", "shop")])
def test_the_project_of_a_new_stack(tenant: str, project: str) -> None:
    assert compose_project(tenant, "shop") == project


def chosen(kept: str | None, known: bool, *running: str, tenant: str = "acme") -> str:
    return choose_project(tenant, "shop", folder="/srv/acme/shop", kept=kept, known=known, running=running)


@pytest.mark.parametrize(
    ("kept", "known", "running", "project"),
    [
        (None, False, (), "acme-shop"),
        ("acme-shop", True, (), "acme-shop"),
        ("acme-shop", True, ("acme-shop",), "acme-shop"),
        # Brought up by an earlier release, or by hand: it keeps its containers and volumes.
        (None, True, (), "shop"),
        (None, True, ("shop",), "shop"),
        (None, False, ("shop",), "shop"),
        ("shop", True, ("shop",), "shop"),
    ],
)
def test_a_stack_keeps_its_project(kept: str | None, known: bool, running: tuple[str, ...], project: str) -> None:
    assert chosen(kept, known, *running) == project


@pytest.mark.parametrize(
    ("kept", "running", "others"),
    [(None, ("other",), ["other"]), ("acme-shop", ("shop",), ["shop"]), (None, ("other", "shop"), ["other", "shop"])],
)
def test_a_folder_that_runs_under_another_project_is_refused(
    kept: str | None, running: tuple[str, ...], others: list[str]
) -> None:
    with pytest.raises(RefusedError, match="the folder /srv/acme/shop runs as the Compose project") as refused:
        chosen(kept, False, *running)
    assert len(refused.value.details) == len(others)
    assert (
        f"docker compose --project-name {others[0]} --project-directory /srv/acme/shop down" in refused.value.details[0]
    )
