"""One thing in full: labels and values under a head."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from vsa.core import word
from vsa.output.blocks import head
from vsa.output.table import STYLES
from vsa.output.text import clean

__all__ = ("detail",)


def detail(host: str, subject: str | None, pairs: Iterable[tuple[str, Any | Sequence[Any]]]) -> Group:
    """Return a block of labels and values. A list has one line per entry."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in pairs:
        lines = [word(entry) for entry in value] if isinstance(value, list) and value else [word(value)]
        for number, line in enumerate(lines):
            state = line.partition(" ")[0].rstrip(",:")
            grid.add_row("" if number else f"  {clean(label)}", Text(line, style=STYLES.get(state, "")))
    return Group(head(host, subject), grid)
