"""A stack that somebody started without VSA: no data are left behind, and it never runs twice."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.removal import Volume
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.takeover import (
    choose_project,
    hand_over_commands,
    refuse_second_start,
)

DATA = "/var/lib/docker/volumes"


def volume(name: str, project: str = "shop", *, plain: bool = True) -> Volume:
    return Volume(name, project=project, directory=f"{DATA}/{name}/_data" if plain else "")


def test_the_commands_end_the_other_project_and_copy_its_volumes() -> None:
    commands = hand_over_commands("shop", "acme-shop", runs=True, volumes=[volume("shop_files")])
    assert [shlex.split(command) for command in commands] == [
        ["docker", "compose", "--project-name", "shop", "down"],
        [
            *("docker", "volume", "create"),
            *("--label", "com.docker.compose.project=acme-shop", "--label", "com.docker.compose.volume=files"),
            "acme-shop_files",
        ],
        ["cp", "-a", f"{DATA}/shop_files/_data/.", f"{DATA}/acme-shop_files/_data"],
    ]


@pytest.mark.parametrize(
    ("volumes", "commands"),
    [
        ([volume("shop_files", "")], []),
        ([volume("shop_files", "other")], []),
        ([volume("data")], []),
        ([volume("shop_nfs", plain=False)], []),
        (
            [volume("shop_files"), volume("acme-shop_files", "acme-shop")],
            ["# acme-shop_files is there already, so shop_files is not copied"],
        ),
    ],
    ids=["not of Compose", "another project", "a name of its own", "data elsewhere", "data of its own"],
)
def test_what_is_not_copied(volumes: list[Volume], commands: list[str]) -> None:
    assert hand_over_commands("shop", "acme-shop", runs=False, volumes=volumes) == commands


def first_start(**given: Any) -> None:
    """Start a stack with a service and a volume for the first time, on a host where nothing else is."""
    there: dict[str, Any] = {"running": {}, "folder": "", "volumes": [], **given}
    refuse_second_start("shop", "acme-shop", services={"web": "app:1"}, wanted={"acme-shop_files"}, **there)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"running": {"db": "app:1"}, "folder": "/opt/shop"},
        {"running": {"web": "another:1"}, "folder": "/opt/shop"},
        {"volumes": [volume("shop_other")]},
        {"volumes": [volume("shop_files"), volume("acme-shop_files", "acme-shop")]},
        {"volumes": [volume("shop_files", plain=False)]},
    ],
    ids=["nothing", "another service", "another image", "another volume", "taken over", "data elsewhere"],
)
def test_a_first_start_beside_others_is_fine(given: dict[str, Any]) -> None:
    first_start(**given)


def test_data_are_not_left_behind() -> None:
    with pytest.raises(RefusedError, match="would begin without the data of the Compose project shop") as refused:
        first_start(volumes=[volume("shop_files"), volume("shop_other")])
    assert [command.split()[0] for command in refused.value.details] == ["docker", "cp"]


def test_a_stack_does_not_run_twice() -> None:
    with pytest.raises(RefusedError, match="the Compose project shop of /opt/shop runs web already") as refused:
        first_start(running={"web": "app:1"}, folder="/opt/shop")
    assert list(refused.value.details) == ["docker compose --project-name shop down"]


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
    assert list(refused.value.details) == [f"docker compose --project-name {other} down" for other in others]


def test_the_refusal_copies_the_volumes() -> None:
    data = Volume("other_files", project="other", directory="/var/lib/docker/volumes/other_files/_data")
    with pytest.raises(RefusedError) as refused:
        choose_project(
            "acme", "shop", folder="/srv/acme/shop", kept=None, known=False, running=("other",), volumes=[data]
        )
    assert refused.value.details[-1] == (
        "cp -a /var/lib/docker/volumes/other_files/_data/. /var/lib/docker/volumes/acme-shop_files/_data"
    )
