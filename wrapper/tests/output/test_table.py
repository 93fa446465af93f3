"""Tables on narrow terminals: a domain is never cut. Finding 18."""

from __future__ import annotations

import pytest

import rendered
from vsa.output.table import fitting_widths, table

TITLES = ("HOST", "DOMAIN", "STATE", "ROUTES", "PROFILE", "AUTH", "CERTIFICATE", "CONTAINERS", "CHANGED")
ROWS = [
    ("vps-01", "blog.example.test", "ok", "/ → blog-app:2368, /api/ → api-1:8000", "web", None, "ok 71 d", "running",
     "2026-11-24 ana"),
    ("vps-01", "a-rather-long-name.shop.example.test", "maintenance", "/ → web-1:3000", "web", ["/admin/"], "ok 71 d",
     "running", None),
]  # fmt: skip


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_finding_18_a_domain_is_whole_at_every_width(width: int) -> None:
    text = rendered.printed(table(TITLES, ROWS), width=width)
    lines = text.splitlines()
    assert max(len(line) for line in lines) <= width
    for row in ROWS:
        assert any(str(row[0]) in line and str(row[1]) in line for line in lines)


def test_the_widest_other_column_gives_way() -> None:
    titles, rows = ("DOMAIN", "ROUTES", "AUTH"), [["shop.example.test", "x" * 40, "y" * 12]]
    assert fitting_widths(titles, rows, 200) == [17, 40, 12]
    assert fitting_widths(titles, rows, 60) == [17, 27, 12]
    assert fitting_widths(titles, rows, 44) == [17, 11, 12]
    assert fitting_widths(titles, rows, 40) is None


def test_what_fits_nowhere_is_a_block_per_row() -> None:
    assert rendered.printed(table(("HOST", "DOMAIN", "STATE", "AUTH"), [(*ROWS[0][:3], None)]), width=26) == (
        "vps-01  blog.example.test\n   STATE  ok"
    )
