"""Perform a verb that changes files of this workstation: lock, write, record, and say what changed."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vsa.command.options import global_options
from vsa.command.perform import screen_of
from vsa.command.verb import config
from vsa.core import EXIT_OK, audit_id
from vsa.trail import recorded

if TYPE_CHECKING:
    from vsa.output.screen import Screen

__all__ = ("Change", "performed_here")


@dataclass(frozen=True)
class Change:
    """A change of files of an inventory, after every question was answered.

    * ``host``: the host that it concerns. ``folder``: the folder that is locked while the files are read and written.
    * ``texts``: returns the new text of each file, read under the lock.
    * ``steps`` and ``payload``: what is printed, as a module returns it.
    """

    host: str
    folder: Path
    texts: Callable[[], Mapping[Path, str]]
    steps: list[dict[str, Any]]
    payload: dict[str, Any] = field(default_factory=dict)


def performed_here(
    context: click.Context, verb: str, *, target: str, arguments: Mapping[str, Any], make: Callable[[], Change]
) -> int:
    """Make a change and perform it, with a record in the audit trail, and return the exit code.

    ``make`` asks and refuses by raising :class:`VsaError`. With ``--check`` nothing is written.
    """
    from vsa.ansible.report import HostResult, Report

    began = time.monotonic()
    screen, options = screen_of(context), global_options(context)
    check = bool(options.get("check"))
    known = audit_id()
    given = {name: value for name, value in arguments.items() if value not in (None, [], ())}
    limit = {"limit": options["limit"]} if options.get("limit") else {}
    with recorded(
        verb=verb,
        arguments={**given, **limit, "vsa_audit_id": known},
        check=check,
        target=target,
        config=config().path,
        warn=lambda words: screen.error(f"warning: {words}"),
    ) as recording:
        recording.hosts((target,))
        change = make()
        diffs = _write(change, check=check)
        steps = [_announced(step) for step in change.steps] if check else change.steps
        report = Report(
            hosts={
                change.host: HostResult(
                    steps=steps,
                    payload=change.payload,
                    diffs=diffs if options.get("diff") else [],
                    changed=bool(diffs),
                    seconds=time.monotonic() - began,
                )
            }
        )
        if diffs and not check:
            task = "; ".join(str(step["text"]) for step in steps)
            recording.changed(change.host, task, "\n".join(str(diff["prepared"]) for diff in diffs))
        recording.close("ok", duration=round(time.monotonic() - began, 3))
    _say(screen, report, verb=verb, check=check, took=time.monotonic() - began, known=known)
    return EXIT_OK


def _write(change: Change, *, check: bool) -> list[dict[str, Any]]:
    """Write the files of a change, unless ``check``, and return the diffs in Ansible's form."""
    from vsa.fleet.files import alone_in, read, write_all

    with alone_in(change.folder):
        texts = change.texts()
        diffs = [made for path, text in texts.items() if (made := _diff(path, read(path), text))]
        if not check:
            write_all(texts)
    return diffs


def _diff(path: Path, before: str, after: str) -> dict[str, Any]:
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"before  {path}", f"after  {path}", n=1, lineterm=""
    )
    text = "\n".join(lines)
    return {"prepared": text} if text else {}


def _announced(step: Mapping[str, Any]) -> dict[str, Any]:
    return {**step, "state": "would_change" if step["state"] == "changed" else step["state"]}


def _say(screen: Screen, report: Any, *, verb: str, check: bool, took: float, known: str) -> None:
    if screen.json:
        from vsa.output.document import document

        screen.document(document(report, verb=verb, audit_id=known, check=check, took=took))
        return
    from vsa.output import blocks

    for name, host in report.hosts.items():
        screen.step(blocks.head(name, None))
        screen.step(blocks.steps(host.steps))
        if host.diffs:
            screen.step(blocks.diff(host.diffs))
    screen.line(blocks.last_line(report, check=check, took=took, audit_id=known))
