"""What there is to know of a verb besides its run, and the one way in which every verb is performed."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vsa.config import Config, find_config
from vsa.core import EXIT_DUE, EXIT_OK, EXIT_REFUSED, EXIT_UNREACHABLE, UsageError, audit_id, collections_root
from vsa.inventory import HOST_SETTINGS, chosen_inventory, one_host, read_groups, select
from vsa.options import said
from vsa.run import Run, Where

if TYPE_CHECKING:
    from vsa.events import Fold
    from vsa.output.progress import Progress
    from vsa.output.screen import Screen
    from vsa.report import HostResult, Report

__all__ = ("BEGUN", "Spec", "confirm", "perform", "where")

BEGUN = time.monotonic()
"""When the command began, for the seconds that it says it took."""

Shown = Callable[[Mapping[str, "HostResult"]], Any]


@dataclass(frozen=True, kw_only=True)
class Spec:
    """How a verb behaves and is shown.

    * ``name``: noun and verb as ``--json`` says them (``site.provision``).
    * ``single``: it acts on exactly one host.
    * ``anywhere``: it shows one thing, on whichever host has it; the others' refusals are then not worth a word.
    * ``shows``: for a verb that shows: what its hosts' payloads look like, as a renderable.
    * ``due``: where ``--exit-code`` was said: whether a host's payload has something that is due.
    * ``names``: the names in a payload that a shell should complete, by kind.
    """

    name: str
    single: bool = False
    anywhere: bool = False
    shows: Shown | None = None
    due: Callable[[Mapping[str, Any]], bool] | None = None
    names: Callable[[Mapping[str, Any]], Mapping[str, list[str]]] | None = None


def where(context: click.Context) -> Where:
    """Return what the global options say of hosts and ways; the inventory is chosen here.

    Raises :class:`UsageError` where they contradict each other or there is no inventory.
    """
    told = said(context)
    inventory, local = None, bool(told.get("local"))
    for name in ("inventory", "limit"):
        if local and told.get(name):
            raise UsageError(
                "--local is this machine alone", field=f"--{name}", value=told[name], expected="one of the two"
            )
    if not local:
        inventory, local = chosen_inventory(
            told.get("inventory"), os.environ, _config(), here=Path.cwd(), host_settings=HOST_SETTINGS
        )
    return Where(
        inventory=inventory,
        local=local,
        limit=told.get("limit"),
        check=bool(told.get("check")),
        diff=bool(told.get("diff")),
        verbosity=told.get("verbosity", 0),
    )


def confirm(context: click.Context, question: str) -> None:
    """Ask before something is destroyed, on a terminal; elsewhere ``-y`` must have been said.

    Raises :class:`UsageError` where nobody can be asked, and ``click.Abort`` for a no.
    """
    told = said(context)
    if told.get("yes") or told.get("check"):
        return
    if told.get("json") or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "this destroys something, and nobody can be asked", field="--yes", value="(not said)", expected="-y"
        )
    click.confirm(question, abort=True, err=True)


def perform(context: click.Context, spec: Spec, run: Run, *, subject: str | None = None) -> int:
    """Execute a run, show it as it goes, and return the exit code.

    ``subject`` is what the verb acts on, as the head of a host's block says it.
    """
    from vsa.output.progress import progress
    from vsa.output.screen import Screen

    told = said(context)
    screen = Screen(quiet=bool(told.get("quiet")), json=bool(told.get("json")))
    hosts = _hosts(run, single=spec.single)
    audit = {"vsa_audit_id": audit_id(), "vsa_actor": _actor(os.environ)}
    watcher = progress(screen, verbose=run.verbosity > 0)
    with watcher.shown(hosts or ()):
        report = _follow(run, audit, screen, watcher, subject=subject, steps=spec.shows is None)
    if spec.anywhere and any(host.exit_code == EXIT_OK for host in report.hosts.values()):
        report.hosts = {name: host for name, host in report.hosts.items() if host.exit_code != EXIT_REFUSED}
    _note_due(spec, report)
    _conclude(spec, run, report, screen, audit_id=audit["vsa_audit_id"], subject=subject)
    if spec.names is not None:
        _remember(spec.names, report)
    return report.exit_code


def _follow(
    run: Run, audit: Mapping[str, str], screen: Screen, watcher: Progress, *, subject: str | None, steps: bool
) -> Report:
    """Execute a run and show its events; return what came of it."""
    from vsa.events import Fold
    from vsa.runner import Execution

    fold = Fold(check=run.check)
    show = _Show(screen, watcher, subject=subject, steps=steps, diffs=run.diff, output=run.verbosity > 0)
    with Execution(run, config=_config(), caller=os.environ, audit=audit) as execution:
        for event in execution:
            if event is not None:
                show.event(fold, event)
            watcher.tick()
    return fold.finish(execution.code, interrupted=execution.interrupted)


class _Show:
    """Shows what the fold has seen, as it is seen; a head stands before the steps of a host when the host changes."""

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

    def event(self, fold: Fold, event: Mapping[str, Any]) -> None:
        """Fold an event in and show what it means."""
        from vsa import events
        from vsa.output import blocks
        from vsa.output.text import clean

        for seen in fold.feed(event):
            if isinstance(seen, events.TaskStarted):
                self._watcher.task(seen.host, seen.task)
            elif isinstance(seen, events.HostEnded):
                self._watcher.ended(seen.host, seen.message)
            elif isinstance(seen, events.Output):
                if self._output:
                    self._screen.note("\n".join(clean(line) for line in seen.text.splitlines()))
            elif self._steps and not self._screen.json:
                if seen.host != self._host:
                    self._screen.step(blocks.head(seen.host, self._subject))
                    self._host = seen.host
                if seen.steps:
                    self._screen.step(blocks.steps(seen.steps))
                if self._diffs and seen.diffs:
                    self._screen.step(blocks.diff(seen.diffs))


def _conclude(spec: Spec, run: Run, report: Report, screen: Screen, *, audit_id: str, subject: str | None) -> None:
    """Print what stands at the end: the document, or the table, the errors, the summary and the last line."""
    from vsa.output import blocks
    from vsa.output.document import document

    took = time.monotonic() - BEGUN
    if screen.json:
        screen.document(document(report, verb=spec.name, audit_id=audit_id, check=run.check, took=took))
    elif spec.shows is not None and report.hosts:
        screen.line(spec.shows(report.hosts))
    for host, result in report.hosts.items():
        # A table has a row for an unreachable host already.
        if result.error and not (spec.shows and result.exit_code == EXIT_UNREACHABLE and not screen.json):
            screen.error(blocks.error(result.error, host=host, subject=subject, audit_id=audit_id))
    if report.error:
        screen.error(blocks.error(report.error, host=None, subject=None, audit_id=audit_id))
    if spec.shows is None:
        if len(report.hosts) > 1:
            screen.step(blocks.summary(report.hosts, check=run.check))
        if report.exit_code == EXIT_OK:
            screen.line(blocks.last_line(report, check=run.check, took=took, audit_id=audit_id))


def _hosts(run: Run, *, single: bool) -> tuple[str, ...] | None:
    """Return the hosts that a run will act on, where that is known; raises a usage error where they are wrong."""
    if run.local:
        from vsa.runner import local_name

        return (local_name(),)
    groups = read_groups(run.inventory)
    hosts = None if groups is None else select(groups, run.limit)
    one_host(hosts, limit=run.limit, single=single)
    return hosts


def _note_due(spec: Spec, report: Report) -> None:
    if spec.due is not None:
        for host in report.hosts.values():
            if host.exit_code == EXIT_OK and spec.due(host.payload):
                host.exit_code = EXIT_DUE


def _remember(names: Callable[[Mapping[str, Any]], Mapping[str, list[str]]], report: Report) -> None:
    from vsa.names import remember

    seen = {name: names(host.payload) for name, host in report.hosts.items() if host.error is None}
    if seen:
        remember(seen)


def _config() -> Config:
    return find_config(os.environ, here=Path.cwd(), root=collections_root())


def _actor(caller: Mapping[str, str]) -> str:
    """Return who runs this: the login user, and whose sudo it is."""
    user = caller.get("USER") or caller.get("LOGNAME") or str(os.getuid())
    behind = caller.get("SUDO_USER")
    return f"{user}@{socket.gethostname()}" + (f" (sudo by {behind})" if behind and behind != user else "")
