"""What goes with a stack: its own sites and volumes, and never those of others."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.removal import (
    StackSites,
    StackVolumes,
    Volume,
    choose_sites,
    choose_volumes,
    size_words,
)


@pytest.mark.parametrize(
    ("sites", "whole", "shared"),
    [
        ({}, (), ()),
        ({"a.example": ["web"]}, ("a.example",), ()),
        ({"b.example": ["web", "api"], "a.example": ["api"]}, ("a.example", "b.example"), ()),
        ({"a.example": ["other"]}, (), ()),
        ({"a.example": ["web", "other"]}, (), ("a.example",)),
        ({"a.example": []}, (), ()),
    ],
)
def test_a_site_that_needs_others_too_is_not_the_stacks(
    sites: dict[str, list[str]], whole: tuple[str, ...], shared: tuple[str, ...]
) -> None:
    assert choose_sites(sites, ["web", "api"]) == StackSites(whole, shared)


DATA = Volume("acme-shop_data", "acme-shop", size=7)
NAMELESS = Volume("0" * 64, anonymous=True)


@pytest.mark.parametrize(
    ("volumes", "mounts", "own", "in_use"),
    [
        ([], {}, (), {}),
        ([DATA], {}, (DATA,), {}),
        ([DATA], {"web": ["acme-shop_data"]}, (DATA,), {}),
        ([DATA], {"web": ["acme-shop_data"], "backup": ["acme-shop_data"]}, (), {"acme-shop_data": ("backup",)}),
        # of another project, of nobody, of a project whose name begins alike
        ([Volume("beta-shop_data", "beta-shop"), Volume("data"), Volume("x", "acme-shop-2")], {}, (), {}),
        # an external volume that the stack mounts is somebody else's
        ([Volume("common")], {"web": ["common"]}, (), {}),
        ([NAMELESS], {"web": ["0" * 64]}, (NAMELESS,), {}),
        ([NAMELESS], {"other": ["0" * 64]}, (), {}),
        ([NAMELESS], {}, (), {}),
    ],
)
def test_only_volumes_of_the_stack_go_and_none_that_others_mount(
    volumes: list[Volume],
    mounts: dict[str, list[str]],
    own: tuple[Volume, ...],
    in_use: dict[str, tuple[str, ...]],
) -> None:
    assert choose_volumes(volumes, project="acme-shop", mounts=mounts, own=["web"]) == StackVolumes(own, in_use)


def test_the_volumes_are_in_order() -> None:
    found = choose_volumes([Volume("b", "p"), Volume("a", "p")], project="p", mounts={}, own=())
    assert [volume.name for volume in found.own] == ["a", "b"]


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (None, "size not known"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (5 << 20, "5 MiB"),
        (3 << 30, "3 GiB"),
        (9000 << 40, "9000 TiB"),
    ],
)
def test_a_size_in_words(size: int | None, words: str) -> None:
    assert size_words(size) == words
