"""Tables without boxes. A column is as wide as its cells, and folds only if the terminal is narrower."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from vsa.core import NOTHING, word

__all__ = ("STYLES", "FittingTable", "fitting_widths", "table")

STYLES = {
    "ok": "green",
    "live": "green",
    "running": "green",
    "healthy": "green",
    "same": "green",
    "due": "green",
    "expiring": "yellow",
    "cannot renew": "yellow",
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
    "not checked": "yellow",
    "down": "red",
    "missing": "red",
    "expired": "red",
    "broken": "red",
    "failed": "red",
    "unreachable": "red",
    "exited": "red",
    "unhealthy": "red",
}
"""The colours of states. Nothing else has a colour."""


_WHOLE = ("HOST", "DOMAIN", "STATE", "STACK", "CONTAINER", "GENERATION", "TIME", "STARTED")
_LEAST = 10
_GAP = 2


def table(titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> FittingTable:
    """Return a table. A cell that begins with a known state gets the colour of the state."""
    return FittingTable(titles, [[word(value) for value in row] for row in rows])


def fitting_widths(titles: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """Return the widths of columns that fit into a line, or None if no widths fit.

    Names, states and times keep their width, so that a domain is never cut. The widest of the other columns give way,
    down to ten letters; their cells fold.
    """
    widths = [max(cell_len(cell) for cell in column) for column in zip(titles, *rows, strict=True)]
    room = width - _GAP * (len(widths) - 1)
    while sum(widths) > room:
        folding = [number for number, title in enumerate(titles) if title not in _WHOLE and widths[number] > _LEAST]
        if not folding:
            return None
        widths[max(folding, key=lambda number: widths[number])] -= 1
    return widths


class FittingTable:
    """A table that folds its cells on a narrow terminal. On a terminal too narrow for that, each row is a block."""

    def __init__(self, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self._titles = titles
        self._rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table or the blocks, whichever fits."""
        del console
        widths = fitting_widths(self._titles, self._rows, options.max_width)
        yield self._blocks() if widths is None else self._table(widths)

    def _table(self, widths: Sequence[int]) -> Table:
        made = Table(box=None, pad_edge=False, show_edge=False, padding=(0, _GAP, 0, 0), header_style="")
        for title, width in zip(self._titles, widths, strict=True):
            made.add_column(title, overflow="fold", width=width)
        for row in self._rows:
            made.add_row(*(_cell(text) for text in row))
        return made

    def _blocks(self) -> Group:
        """Return a line with the host and the name of each row, and a line for each other cell below it."""
        blocks: list[Any] = []
        for row in self._rows:
            blocks.append(Text("  ".join(row[:2])))
            grid = Table.grid(padding=(0, _GAP, 0, 0))
            grid.add_column(width=1)
            grid.add_column(no_wrap=True)
            grid.add_column(overflow="fold")
            for title, text in list(zip(self._titles, row, strict=True))[2:]:
                if text != NOTHING:
                    grid.add_row("", title, _cell(text))
            blocks.append(grid)
        return Group(*blocks)


def _cell(text: str) -> Text:
    return Text(text, style=STYLES.get(text.split(" ")[0].rstrip(":").lower(), ""))
