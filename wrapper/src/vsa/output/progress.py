"""The progress of a run: one live line per host on a terminal, one plain line per task elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from vsa.output.screen import Screen
from vsa.output.text import clean, seconds

__all__ = ("Progress", "progress")

_HEARTBEAT_SECONDS = 10.0
_PATIENCE_SECONDS = 0.3
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_MOST_LINES = 12


class Progress:
    """Shows nothing. It is the base of the two classes that show progress."""

    def __init__(self, screen: Screen, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._screen = screen
        self._clock = clock
        self._begun = clock()
        self._tasks: dict[str, tuple[str, float]] = {}

    @contextlib.contextmanager
    def shown(self, hosts: Sequence[str]) -> Iterator[None]:
        """Show progress while the block runs. ``hosts`` are the hosts that are known before the start."""
        del hosts
        yield

    def task(self, host: str, task: str) -> None:
        """Note that a host starts a task."""
        self._tasks[host] = (task, self._clock())

    def skipped(self, host: str) -> None:
        """Note that the host skipped its task."""

    def ended(self, host: str, message: str) -> None:
        """Note that a host has failed."""
        self._tasks[host] = (message, self._clock())

    def flush(self) -> None:
        """Print what waits; called before anything else is printed."""

    def tick(self) -> None:
        """Draw or print what is due; called about ten times a second."""


class _Plain(Progress):
    """Prints a line per task that is not skipped, and a line every ten seconds during a long task.

    Ansible reports the start of a task before it decides whether to skip the task. So the line waits for the result of
    the task, or for a moment.
    """

    def __init__(self, screen: Screen, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(screen, clock=clock)
        self._said = self._begun
        self._waiting: dict[str, str] = {}

    @contextlib.contextmanager
    def shown(self, hosts: Sequence[str]) -> Iterator[None]:
        self._say(f"starting on {', '.join(hosts)}" if hosts else "starting")
        yield

    def task(self, host: str, task: str) -> None:
        self._print_waiting(host)
        super().task(host, task)
        self._waiting[host] = task

    def skipped(self, host: str) -> None:
        self._waiting.pop(host, None)

    def ended(self, host: str, message: str) -> None:
        self._print_waiting(host)
        super().ended(host, message)
        if len(self._tasks) > 1:
            # With one host the error itself follows at once.
            self._say(f"{host}: {message}")

    def flush(self) -> None:
        for host in list(self._waiting):
            self._print_waiting(host)

    def tick(self) -> None:
        for host in list(self._waiting):
            if self._clock() - self._tasks[host][1] >= _PATIENCE_SECONDS:
                self._print_waiting(host)
        if self._clock() - self._said >= _HEARTBEAT_SECONDS:
            for host, (task, since) in self._tasks.items():
                self._say(f"{host}: {task}, {seconds(self._clock() - since)} so far")

    def _print_waiting(self, host: str) -> None:
        task = self._waiting.pop(host, None)
        if task is not None:
            self._say(f"{host}: {task}")

    def _say(self, text: str) -> None:
        self._said = self._clock()
        self._screen.note(clean(text))


class _Live(Progress):
    """Draws a line per host at the bottom of the terminal, again and again in place."""

    @contextlib.contextmanager
    def shown(self, hosts: Sequence[str]) -> Iterator[None]:
        from rich.live import Live  # imported here, because --help does not need it

        self._tasks = dict.fromkeys(hosts, ("starting", self._begun))
        self._live = Live(
            console=self._screen.console("stderr"), transient=True, auto_refresh=False, get_renderable=self._lines
        )
        with self._live, self._screen.around_prints(self._hidden):
            yield

    def tick(self) -> None:
        self._live.refresh()

    @contextlib.contextmanager
    def _hidden(self) -> Iterator[None]:
        self._live.stop()
        try:
            yield
        finally:
            self._live.start()

    def _lines(self) -> Any:
        from rich.table import Table
        from rich.text import Text

        now = self._clock()
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True, overflow="ellipsis")
        grid.add_column(no_wrap=True)
        sign = _SPINNER[int(now * 10) % len(_SPINNER)]
        shown = list(self._tasks.items())[:_MOST_LINES] or [("starting", ("", self._begun))]
        for host, (task, since) in shown:
            grid.add_row(Text(f"{sign} {clean(host)}"), Text(clean(task)), Text(seconds(now - since), style="dim"))
        if len(self._tasks) > _MOST_LINES:
            grid.add_row(Text(f"  and {len(self._tasks) - _MOST_LINES} more"), "", "")
        return grid


def progress(screen: Screen, *, verbose: bool) -> Progress:
    """Return the right progress: live on a terminal, plain elsewhere, none if Ansible's own output is shown."""
    if screen.quiet or verbose or (screen.json and not screen.animated()):
        return Progress(screen)
    return _Live(screen) if screen.animated() else _Plain(screen)
