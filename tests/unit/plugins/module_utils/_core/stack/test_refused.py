# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A version with a stealer in it never runs, whatever registry, variant or spelling of the tag brings it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.config import read_project
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.refused import refuse_images, refused_images

ENTRY = {"image": "litellm", "versions": ["1.82.7", "1.107"], "reason": "it steals keys\n"}
REFUSED = refused_images([ENTRY], "refused_images")


def judge(image: str) -> None:
    project = read_project(json.dumps({"name": "app", "services": {"gateway": {"image": image}}}))
    refuse_images(project, REFUSED, where="stack.yml/refused_images")


@pytest.mark.parametrize(
    "image",
    [
        "ghcr.io/berriai/litellm:v1.82.7",
        "litellm:1.82.7",
        "litellm/litellm:main-v1.82.7-stable",
        "registry.example.com:5000/mirror/litellm-database:v1.107.0",
        "ghcr.io/berriai/litellm-non_root:v1.107.12-rc.1",
        "ghcr.io/BerriAI/LiteLLM:v1.107",
        f"ghcr.io/berriai/litellm:v1.107.0@sha256:{'0' * 64}",
    ],
)
def test_a_compromised_version_is_refused(image: str) -> None:
    with pytest.raises(RefusedError) as caught:
        judge(image)
    assert caught.value.message == "the image of gateway must not run: it steals keys"
    assert caught.value.value == image


@pytest.mark.parametrize("image", [f"ghcr.io/berriai/litellm@sha256:{'0' * 64}", "litellm:main-stable"])
def test_an_image_that_hides_its_version_is_refused(image: str) -> None:
    with pytest.raises(RefusedError, match="does not say its version"):
        judge(image)


@pytest.mark.parametrize(
    "image",
    [
        "ghcr.io/berriai/litellm:v1.108.7",
        "litellm:1.82.70",
        "litellm:11.82.7",
        "litellm:1.1.107",
        "litellm:2.1.107",
        "litellmore:1.107.0",
        "other/app:1.107.0",
        "app",
    ],
)
def test_every_other_image_may_run(image: str) -> None:
    judge(image)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"image": "ghcr.io/berriai/litellm"}, "image"),
        ({"image": None}, "image"),
        ({"versions": []}, "versions"),
        ({"versions": "1.107"}, "versions"),
        ({"versions": [1.107]}, "versions/0"),
        ({"versions": ["1.82.7", "1.*"]}, "versions/1"),
        ({"reason": " "}, "reason"),
        ({"reason": "it steals\nkeys"}, "reason"),
        ({"digest": "x"}, "digest"),
    ],
)
def test_what_has_not_its_form_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(RefusedError) as caught:
        refused_images([{**ENTRY, **change}], "refused_images")
    assert caught.value.field == f"refused_images/0/{field}"
