"""The two streams: stdout has the result, stderr has progress and errors. Rich is imported with the first output."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ("Screen",)

# Programs read what goes into a pipe or file, so those lines are not wrapped.
_UNBROKEN = 100_000


class Screen:
    """The output of a verb. ``quiet`` leaves only last lines and errors, ``json`` only the document and errors."""

    def __init__(self, *, quiet: bool = False, json: bool = False) -> None:
        self.quiet = quiet
        self.json = json
        self._consoles: dict[str, Console] = {}
        self._pause: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext

    def line(self, renderable: Any) -> None:
        """Print to stdout, unless the result is a JSON document."""
        if not self.json:
            self._print("stdout", renderable)

    def step(self, renderable: Any) -> None:
        """Print to stdout what ``--quiet`` leaves out."""
        if not self.quiet:
            self.line(renderable)

    def note(self, renderable: Any) -> None:
        """Print progress to stderr."""
        if not self.quiet and not self.json:
            self._print("stderr", renderable)

    def error(self, renderable: Any) -> None:
        """Print an error to stderr, always."""
        self._print("stderr", renderable)

    def document(self, text: str) -> None:
        """Print the one document of ``--json``."""
        with self._pause(), _unbroken_pipe(sys.stdout):
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def animated(self) -> bool:
        """Say whether stderr is a terminal on which lines can be drawn again."""
        return sys.stderr.isatty() and not _dumb()

    @contextlib.contextmanager
    def around_prints(self, pause: Callable[[], contextlib.AbstractContextManager[None]]) -> Iterator[None]:
        """Hide what is drawn at the bottom of the terminal while something else is printed."""
        self._pause = pause
        try:
            yield
        finally:
            self._pause = contextlib.nullcontext

    def console(self, name: str) -> Console:
        """Return the console of ``stdout`` or ``stderr``."""
        if name not in self._consoles:
            from rich.console import Console  # imported here: it takes 10 ms, and --help does not need it

            stream: TextIO = getattr(sys, name)
            width: int | None = _UNBROKEN
            if stream.isatty():
                # On a dumb terminal Rich takes 80 columns, whatever the width of the terminal.
                width = shutil.get_terminal_size().columns if _dumb() else None
            # Rich takes a width only together with a height.
            height = None if width is None else 25
            self._consoles[name] = Console(
                file=stream,
                width=width,
                height=height,
                highlight=False,
                markup=False,
                emoji=False,
                legacy_windows=False,
            )
        return self._consoles[name]

    def _print(self, name: str, renderable: Any) -> None:
        if isinstance(renderable, str):
            text = f"{renderable}\n"
        else:
            console = self.console(name)
            with console.capture() as captured:
                console.print(renderable)
            text = "\n".join(line.rstrip() for line in captured.get().split("\n"))
        stream: TextIO = getattr(sys, name)
        with self._pause(), _unbroken_pipe(stream):
            stream.write(text)
            stream.flush()


def _dumb() -> bool:
    return os.environ.get("TERM", "dumb") in ("dumb", "unknown", "")


@contextlib.contextmanager
def _unbroken_pipe(stream: TextIO) -> Iterator[None]:
    """Continue if nobody reads the stream any more (``vsa … | head``), so that a change still ends well."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
