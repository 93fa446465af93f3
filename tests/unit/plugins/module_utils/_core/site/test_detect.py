# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which container is meant by a published port."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.detect import Publication, detect

SHOP = Publication("shop-1", 80, 8080)
TWICE = (SHOP, SHOP)  # on 0.0.0.0 and on ::
BLOG = Publication("blog-1", 3000, 3000)
RIVAL = Publication("shop-2", 80, 8080)  # on another address of the host
TWO_INSIDE = Publication("shop-1", 81, 8080)


@pytest.mark.parametrize(
    ("publications", "external", "port", "expected"),
    [
        ((SHOP,), 8080, None, ("shop-1", 80)),
        ((*TWICE, BLOG), 8080, None, ("shop-1", 80)),
        ((*TWICE, BLOG), 8080, 80, ("shop-1", 80)),
        ((SHOP, BLOG), 3000, 3000, ("blog-1", 3000)),
    ],
)
def test_found(
    publications: tuple[Publication, ...], external: int, port: int | None, expected: tuple[str, int]
) -> None:
    assert detect(publications, external_port=external, port=port) == expected


@pytest.mark.parametrize(
    ("publications", "external", "port", "field", "there_are"),
    [
        ((), 8080, None, "external_port", ["no container publishes a TCP port"]),
        ((BLOG,), 8080, None, "external_port", ["blog-1 publishes 3000 → 3000"]),
        # The inner port is not the published one.
        ((SHOP,), 80, None, "external_port", ["shop-1 publishes 8080 → 80"]),
        (
            (SHOP, RIVAL, BLOG),
            8080,
            None,
            "external_port",
            ["shop-1 publishes 8080 → 80", "shop-2 publishes 8080 → 80"],
        ),
        (
            (SHOP, TWO_INSIDE),
            8080,
            80,
            "external_port",
            ["shop-1 publishes 8080 → 80", "shop-1 publishes 8080 → 81"],
        ),
        ((SHOP,), 8080, 8080, "port", []),
    ],
)
def test_refused(
    publications: tuple[Publication, ...], external: int, port: int | None, field: str, there_are: list[str]
) -> None:
    with pytest.raises(RefusedError) as caught:
        detect(publications, external_port=external, port=port)
    assert (caught.value.field, caught.value.there_are) == (field, there_are)
