"""Perform a verb: start Ansible, show what happens, print the result."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vsa.ansible.inventory import inventory_folder, one_host, read_groups, refuse_unknown_names, select
from vsa.ansible.private import secret_file
from vsa.ansible.run import Run
from vsa.command.flags import result_in_own_words, with_flag
from vsa.command.options import global_options
from vsa.command.verb import Spec, config
from vsa.core import (
    COMMAND,
    DOOR,
    EXIT_DUE,
    EXIT_INTERNAL,
    EXIT_OK,
    EXIT_REFUSED,
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    UsageError,
    audit_id,
)
from vsa.fleet.check import refuse_wrong_inventory
from vsa.trail import actor_option, recorded, unrecorded

if TYPE_CHECKING:
    from vsa.ansible.report import HostResult, Report
    from vsa.output.screen import Screen
    from vsa.trail import Recording

__all__ = ("BEGUN", "ask_then_perform", "perform", "performed", "quiet_report", "screen_of")

BEGUN = time.monotonic()
"""The time at which the command began; the printed seconds are counted from it."""


def perform(context: click.Context, spec: Spec, run: Run, *, subject: str | None = None) -> int:
    """Execute a run, show its progress, and return the exit code.

    ``subject`` is what the verb acts on (a domain, a stack). It stands in the head of each host's block.
    """
    return performed(context, spec, run, subject=subject).exit_code


def performed(
    context: click.Context, spec: Spec, run: Run, *, subject: str | None = None, began: float = BEGUN
) -> Report:
    """Perform a run as :func:`perform` does, and return the report.

    ``began`` is the time from which the seconds are counted. A run that waited for an answer begins after the answer.
    """
    screen = screen_of(context)
    audit: dict[str, Any] = {"vsa_audit_id": audit_id(), "vsa_actor": actor_option(), DOOR: COMMAND}
    if run.fail_fast:
        audit["vsa_fail_fast"] = True
    arguments = {**run.extravars, **audit, **({"limit": run.limit} if run.limit else {})}
    recorder = unrecorded()
    if spec.recorded:
        recorder = recorded(
            verb=spec.name,
            playbook=run.playbook,
            arguments=arguments,
            check=run.check,
            config=config().path,
            warn=lambda words: screen.error(f"warning: {words}"),
        )
    with recorder as recording:
        report, code = _execute(spec, run, screen, audit=audit, subject=subject, recording=recording, context=context)
        _explain(run, report)
        recording.ended(report, code=code, took=time.monotonic() - began)
    if spec.anywhere and any(host.exit_code == EXIT_OK for host in report.hosts.values()):
        report.hosts = {name: host for name, host in report.hosts.items() if host.exit_code != EXIT_REFUSED}
    _note_due(spec, report)
    if spec.after is not None:
        spec.after(report, screen)
    known = audit["vsa_audit_id"] if spec.recorded else None
    _conclude(context, spec, run, report, screen, audit_id=known, subject=subject, began=began)
    if spec.names is not None:
        _remember(spec.names, report)
    return report


def ask_then_perform(
    context: click.Context,
    spec: Spec,
    run: Run,
    ask: Callable[[str, Mapping[str, HostResult]], None],
    *,
    subject: str | None = None,
) -> int:
    """Check a run, ask, and perform the run on the hosts that the answer was about. Return the exit code.

    So a question comes after every error of usage, and its words can name the hosts and what goes. ``ask`` gets the
    names of the hosts that would change, and what each would change; it raises ``click.Abort`` if the answer is no.
    """
    seen = performed(context, spec, dataclasses.replace(run, check=True), subject=subject)
    hosts = {name: host for name, host in seen.hosts.items() if host.changed}
    if seen.exit_code or not hosts:
        return seen.exit_code
    ask(", ".join(hosts), hosts)
    asked = run if run.local else dataclasses.replace(run, limit=",".join(hosts))
    return performed(context, spec, asked, subject=subject, began=time.monotonic()).exit_code


def quiet_report(context: click.Context, run: Run) -> Report:
    """Perform a run that only reads, on behalf of another verb, print nothing, and return the report.

    The run has a record of its own.
    """
    from vsa.ansible.events import Fold
    from vsa.ansible.runner import Execution

    fold = Fold()
    audit: dict[str, Any] = {"vsa_audit_id": audit_id(), "vsa_actor": actor_option(), DOOR: COMMAND}
    with (
        _environment(context) as caller,
        Execution(run, config=config(), caller=caller, audit=audit) as execution,
    ):
        for event in execution:
            for _seen in fold.feed(event) if event is not None else ():
                pass
    report = fold.finish(execution.code, interrupted=execution.interrupted)
    _explain(run, report)
    return report


def screen_of(context: click.Context) -> Screen:
    """Return the output of a command, as its global options want it."""
    from vsa.output.screen import Screen

    options = global_options(context)
    return Screen(quiet=bool(options.get("quiet")), json=bool(options.get("json")))


def _execute(
    spec: Spec,
    run: Run,
    screen: Screen,
    *,
    audit: Mapping[str, Any],
    subject: str | None,
    recording: Recording,
    context: click.Context,
) -> tuple[Report, int | None]:
    """Execute a run and show its progress. Return the report, and Ansible's exit code."""
    from vsa.ansible.runner import Execution
    from vsa.output.progress import progress

    hosts = _hosts(run, single=spec.single and not spec.finds)
    recording.hosts(hosts or ())
    watcher = progress(screen, verbose=run.verbosity > 0)
    root = context.find_root().command
    # What a stack's start did to sites is one part of it: no verb for one site undoes the start.
    undo_of = "stack" if spec.name.startswith("stack.") else ""
    worded = functools.partial(result_in_own_words, root=root, undo_of=undo_of, local=run.local)
    # Ansible starts first. It needs half a second, in which everything else gets ready.
    with (
        _environment(context) as caller,
        Execution(run, config=config(), caller=caller, audit=audit) as execution,
        watcher.shown(hosts or ()),
    ):
        from vsa.ansible.events import Fold
        from vsa.output.show import Show

        show = Show(
            screen, watcher, subject=subject, steps=spec.shows is None, diffs=run.diff, output=run.verbosity > 0
        )
        fold = Fold(check=run.check, in_own_words=worded, verb=spec.name)
        for event in execution:
            if event is not None:
                show.show(fold.feed(event))
            elif not screen.json:
                # Import what prints the result in the first tenth of a second without an event.
                importlib.import_module("vsa.output.blocks")
                if spec.shows is not None:
                    importlib.import_module("vsa.views.common")
            watcher.tick()
    report = fold.finish(execution.code, interrupted=execution.interrupted)
    if run.fail_fast:
        _name_the_rest(report, hosts or ())
    return report, execution.code


def _name_the_rest(report: Report, hosts: tuple[str, ...]) -> None:
    """Add the hosts that were not started because another host failed before."""
    from vsa.ansible.report import HostResult

    failed = next((name for name, host in report.hosts.items() if host.error), None)
    if failed is None:
        return
    for name in hosts:
        if name not in report.hosts:
            error = {"message": f"not started, because {failed} failed before", "state": "nothing was changed"}
            report.hosts[name] = HostResult(error=error, exit_code=EXIT_REFUSED)


def _explain(run: Run, report: Report) -> None:
    """Name what caused an error: a YAML mistake if no host began, and the two keys if a host key has changed."""
    _explain_keys(run, report)
    if report.hosts or report.error_exit not in (EXIT_INTERNAL, EXIT_USAGE):
        return
    from vsa.ansible.failure import not_yaml
    from vsa.ansible.mistakes import find_mistake

    mistake = find_mistake(run.inventory)
    if mistake is not None:
        report.error, report.error_exit = not_yaml(mistake.place, mistake.words)


def _explain_keys(run: Run, report: Report) -> None:
    """Name both fingerprints if a host shows another key than the one in the fleet's file."""
    failed = {name: host for name, host in report.hosts.items() if host.error and host.exit_code == EXIT_UNREACHABLE}
    if not failed or run.inventory is None or "," in run.inventory:
        return
    from vsa.fleet.keys import changed_key

    folder = inventory_folder(Path(run.inventory))
    for name, host in failed.items():
        host.error = changed_key(host.error or {}, host=name, folder=folder) or host.error


@contextlib.contextmanager
def _environment(context: click.Context) -> Iterator[Mapping[str, str]]:
    """Yield the environment for Ansible. With ``-K`` it names a file with the sudo password, which is removed again."""
    if not global_options(context).get("ask_become_pass"):
        yield os.environ
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "there is no terminal to ask for the sudo password",
            field="--ask-become-pass",
            hint="ANSIBLE_BECOME_PASSWORD_FILE, with the path of a file of mode 0600",
        )
    with secret_file(click.prompt("Sudo password", hide_input=True, err=True)) as path:
        yield {**os.environ, "ANSIBLE_BECOME_PASSWORD_FILE": path}


def _conclude(
    context: click.Context,
    spec: Spec,
    run: Run,
    report: Report,
    screen: Screen,
    *,
    audit_id: str | None,
    subject: str | None,
    began: float,
) -> None:
    """Print the end of the output: the document, or the table, the errors, the summary and the last line."""
    took = time.monotonic() - began
    kept = report.exit_code == EXIT_OK if spec.reveals_if is None else spec.reveals_if(report)
    revealed = spec.reveals if kept and not run.check else {}
    if screen.json:
        from vsa.output.document import document

        text = document(report, verb=spec.name, audit_id=audit_id, check=run.check, took=took, reveals=revealed)
        screen.document(text)
        if report.exit_code == EXIT_OK:
            return
    from vsa.output import blocks

    # One host that failed needs no table. In a table of several hosts, the row of a failed host says why.
    tabled = spec.shows is not None and (len(report.hosts) > 1 or not any(host.error for host in report.hosts.values()))
    if spec.shows is not None and tabled and report.hosts and not screen.json:
        screen.line(spec.shows(report.hosts))
    for host, result in report.hosts.items():
        if result.error and (not tabled or screen.json or result.exit_code != EXIT_UNREACHABLE):
            error = with_flag(result.error, command=context.command)
            screen.error(blocks.error(error, host=host, subject=subject, audit_id=audit_id))
    if report.error:
        found = with_flag(report.error, command=context.command)
        screen.error(blocks.error(found, host=None, subject=None, audit_id=audit_id))
    if spec.shows is None:
        if len(report.hosts) > 1:
            screen.step(blocks.summary(report.hosts, check=run.check))
        for name, secret in revealed.items():
            screen.line(f"{name}  {secret}")
        if report.exit_code in (EXIT_OK, EXIT_DUE):
            screen.line(blocks.last_line(report, check=run.check, took=took, audit_id=audit_id))


def _hosts(run: Run, *, single: bool) -> tuple[str, ...] | None:
    """Return the hosts that a run will act on, None if only Ansible can tell. UsageError if the hosts are wrong."""
    if run.local:
        from vsa.ansible.runner import local_name

        return (local_name(),)
    refuse_wrong_inventory(run.inventory)
    groups = read_groups(run.inventory)
    if groups is not None:
        refuse_unknown_names(groups, run.limit)
    hosts = None if groups is None else select(groups, run.limit)
    one_host(hosts, limit=run.limit, single=single)
    return hosts


def _note_due(spec: Spec, report: Report) -> None:
    if spec.due is not None:
        for host in report.hosts.values():
            if host.exit_code == EXIT_OK and spec.due(host.payload):
                host.exit_code = EXIT_DUE


def _remember(names: Callable[[Mapping[str, Any]], Mapping[str, list[str]]], report: Report) -> None:
    from vsa.command.names import remember

    seen = {name: names(host.payload) for name, host in report.hosts.items() if host.error is None}
    if seen:
        remember(seen)
