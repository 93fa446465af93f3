"""Show a run while it happens: progress, and the steps of each host when its modules return."""

from __future__ import annotations

from collections.abc import Iterable

from vsa.ansible.events import HostEnded, Output, Seen, StepsDone, TaskSkipped, TaskStarted
from vsa.output.progress import Progress
from vsa.output.screen import Screen
from vsa.output.text import clean

__all__ = ("Show",)


class Show:
    """Shows what events mean, one after the other. If the host changes, a head comes before the steps."""

    def __init__(
        self, screen: Screen, watcher: Progress, *, subject: str | None, steps: bool, diffs: bool, output: bool
    ) -> None:
        self._screen = screen
        self._watcher = watcher
        self._subject = subject
        self._steps = steps
        self._diffs = diffs
        self._output = output
        self._host: str | None = None

    def show(self, happenings: Iterable[Seen]) -> None:
        """Show the meaning of one event."""
        for seen in happenings:
            if isinstance(seen, TaskStarted):
                self._watcher.task(seen.host, seen.task)
            elif isinstance(seen, TaskSkipped):
                self._watcher.skipped(seen.host)
            elif isinstance(seen, HostEnded):
                self._watcher.ended(seen.host, seen.message)
            elif isinstance(seen, Output):
                if self._output:
                    self._screen.error("\n".join(clean(line) for line in seen.text.splitlines()))
            elif self._steps and not self._screen.json:
                self._done(seen)

    def _done(self, seen: StepsDone) -> None:
        # Rich is imported with the first steps, while Ansible works. A run that shows nothing does not import it.
        from vsa.output import blocks

        self._watcher.flush()
        if seen.host != self._host:
            self._screen.step(blocks.head(seen.host, self._subject))
            self._host = seen.host
        if seen.steps:
            self._screen.step(blocks.steps(seen.steps))
        if self._diffs and seen.diffs:
            self._screen.step(blocks.diff(seen.diffs))
