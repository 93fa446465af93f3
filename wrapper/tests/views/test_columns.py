"""What both doors show comes from one place."""

from __future__ import annotations

from ansible_collections.flowbiz.vsa.plugins.module_utils._core import plain
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.shown import SITES

from vsa.views import columns


def test_the_columns_are_the_collections_own() -> None:
    assert columns.SITES is SITES
    assert columns.causes is plain.causes
