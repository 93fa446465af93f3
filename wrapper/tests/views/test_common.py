"""The time that a certificate is still valid."""

from __future__ import annotations

import pytest

from vsa.views.common import left


@pytest.mark.parametrize(
    ("seconds", "fraction", "expected"),
    [(None, None, "—"), (0, 0.0, "0 d"), (-5, None, "0 d"), (3_600, 0.004, "1 h (0 %)"), (172_800, 0.5, "2 d (50 %)"),
     (172_799, None, "47 h")],
)  # fmt: skip
def test_what_is_left(seconds: float | None, fraction: float | None, expected: str) -> None:
    assert left(seconds, fraction) == expected
