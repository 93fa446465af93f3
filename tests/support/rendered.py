"""Rich renderables as the text that a terminal or a pipe gets."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console


def printed(renderable: Any, *, width: int) -> str:
    """Return a renderable as lines of at most ``width`` columns, without trailing spaces."""
    console = Console(file=io.StringIO(), width=width, height=25, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(renderable)
    return "\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n"))
