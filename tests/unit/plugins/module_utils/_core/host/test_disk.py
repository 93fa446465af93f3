"""When a file system counts as nearly full."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.host.disk import Usage, disk_is_full


@pytest.mark.parametrize(
    ("usage", "said"),
    [
        (Usage(1000, 300, 300), []),
        (Usage(1000, 200, 200), ["80 % of the space is used"]),
        # df(1) leaves out the blocks that are reserved for root: 700 of 750.
        (Usage(1000, 300, 50), ["93 % of the space is used"]),
        (Usage(1000, 500, 500, 100, 5), ["95 % of the inodes is used"]),
        (Usage(1000, 0, 0, 100, 0), ["100 % of the space is used", "100 % of the inodes is used"]),
        # File systems without a fixed number of inodes say 0, and some virtual ones have no blocks.
        (Usage(1000, 900, 900, 0, 0), []),
        (Usage(0, 0, 0), []),
    ],
)
def test_what_is_said(usage: Usage, said: list[str]) -> None:
    assert disk_is_full(usage) == said
