"""Tables without boxes. A column is as wide as its cells, and folds only if the terminal is narrower."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from vsa.output.text import word

__all__ = ("STYLES", "table")

STYLES = {
    "ok": "green",
    "live": "green",
    "running": "green",
    "healthy": "green",
    "same": "green",
    "due": "green",
    "expiring": "yellow",
    "older": "red",
    "mismatch": "red",
    "invalid": "red",
    "warning": "yellow",
    "edited": "yellow",
    "maintenance": "yellow",
    "changed": "yellow",
    "pending": "yellow",
    "locked": "yellow",
    "unused": "yellow",
    "missing": "red",
    "expired": "red",
    "broken": "red",
    "failed": "red",
    "unreachable": "red",
    "exited": "red",
    "unhealthy": "red",
}
"""The colours of states. Nothing else has a colour."""


def table(titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """Return a table. A cell that begins with a known state gets the colour of the state."""
    made = Table(box=None, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0), header_style="")
    for title in titles:
        made.add_column(title, overflow="fold")
    for row in rows:
        cells = [word(value) for value in row]
        made.add_row(*(Text(cell, style=STYLES.get(cell.split(" ")[0].rstrip(":").lower(), "")) for cell in cells))
    return made
