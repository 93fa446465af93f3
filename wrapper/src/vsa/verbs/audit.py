"""``vsa audit``: what was done, by whom and through which door. The verbs read local files and start no Ansible.

These verbs themselves leave no record, also with ``--on HOST``: then a playbook reads the host's own trail.
"""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from vsa.ansible.inventory import one_host, read_groups, select
from vsa.ansible.run import Run, Where
from vsa.command.options import Form, Group, HostPattern, WholeNumber, global_options, option
from vsa.command.perform import perform
from vsa.command.verb import Spec, config, where
from vsa.core import (
    EXIT_DUE,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_UNREACHABLE,
    RUN_STATES,
    RefusedError,
    RunQuery,
    UsageError,
    moment,
)

if TYPE_CHECKING:
    from vsa.output.screen import Screen
    from vsa.trail import AuditRecord, Index, Row

__all__ = ("group", "list_runs", "show")

_HASH = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[0-9a-f][0-9a-f-]{3,35}")
_VERB = re.compile(r"[a-z]+(?:[. ][a-z-]+)?")
_SHOWN = 50
_MOST = 10_000
_FOLLOW_EVERY = 0.5
_SEND_SECONDS = 60.0


@click.group("audit", cls=Group)
def group() -> None:
    """The audit trail of this machine: what was done, and whether the trail is whole."""


def list_runs(to: Where, *, since: str | None = None, last: int | None = None, **wanted: Any) -> Run:
    """Return the run that reads the host's own trail. ``wanted`` are the conditions of ``vsa audit list``."""
    return to.verb("audit.list", since=since, last=last, **wanted)


def show(to: Where, *, run: str) -> Run:
    """Return the run that reads the records of one run in the host's own trail."""
    return to.verb("audit.show", run=run)


class _State(Form):
    """A word of the column STATUS, as it is printed, or with ``_`` or ``-`` instead of a blank."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word of the records."""
        plain = re.sub("[ -]", "_", value)
        return super().convert({"under_way": "started"}.get(plain, plain), param, ctx)


_ON = option("--on", type=HostPattern(), help="The own trail of this host: what everybody did to it.")


@group.command(
    "list", examples=("vsa audit list --changes --since 2d", "vsa audit list --on vps-01 --target a.example.com")
)
@option("--target", metavar="NAME", help="Only runs that acted on this stack, or changed this site.")
@option("--changes", is_flag=True, help="Only what changed something, or may have: no reads, no checks.")
@option("--since", metavar="TIME", help="Only runs since: 2h, 3d, 2026-11-24, or a time.")
@option("--host", metavar="HOST", help="Only runs that acted on this host, also one that is gone.")
@option("--verb", type=Form("VERB", _VERB, "site, or site.provision"), help="Only this verb, or all of a noun.")
@option(
    "--status",
    type=_State("STATUS", re.compile("|".join(RUN_STATES)), ", ".join(RUN_STATES)),
    multiple=True,
    help="Only runs with this result, e.g. changed, failed; repeatable.",
)
@option("--last", type=WholeNumber(1, _MOST), metavar="NUMBER", help=f"At most so many, the last ones (else {_SHOWN}).")
@option("--follow", is_flag=True, help="Print new runs until interrupted.")
@_ON
@click.pass_context
def _list(context: click.Context, /, follow: bool, on: str | None, last: int | None, **wanted: Any) -> int:
    """List the runs that this machine recorded, or a host with --on, in the order of the records."""
    from vsa.views import audit as views

    wanted["verb"] = wanted["verb"] and wanted["verb"].replace(" ", ".")
    since = wanted["since"] and moment(wanted["since"], now=datetime.now(UTC), field="--since")
    if on is not None:
        return _list_on(context, on, follow=follow, last=last, **wanted)
    query = RunQuery(**{**wanted, "since": since, "changes": bool(wanted["changes"])}, hosts=_limited(context))
    screen = _screen(context)

    def read(index: Index) -> list[Row]:
        return index.runs(dataclasses.replace(query, last=(last or _SHOWN) + 1))

    rows = _from_index(read)
    more = len(rows) > (last or _SHOWN)
    rows = rows[1:] if more else rows
    if screen.json and not follow:
        screen.document(views.list_document(rows, more=more))
        return EXIT_OK
    if not screen.json:
        screen.line(views.lines(rows))
        for note in views.notes(rows, more=more):
            screen.note(note)
    if follow:
        return _follow(screen, read, {(row.id, row.status) for row in rows})
    return EXIT_OK


def _limited(context: click.Context) -> tuple[str, ...] | None:
    """Return the hosts that ``--limit`` names, by the inventory; None without ``--limit``."""
    if not global_options(context).get("limit"):
        return None
    to = where(context)
    groups = read_groups(to.inventory)
    hosts = None if groups is None else select(groups, to.limit)
    if hosts is None:
        raise UsageError(
            "only Ansible can tell which hosts these are, and this verb does not ask it",
            field="--limit",
            value=to.limit,
            expected="names and groups of a plain YAML inventory",
            hint="vsa audit list --host NAME",
        )
    one_host(hosts, limit=to.limit, single=False)
    return hosts


def _list_on(context: click.Context, on: str, *, follow: bool, last: int | None, **wanted: Any) -> int:
    """List the runs of a host's own trail."""
    for name, typed in (("--follow", follow), ("--host", wanted.pop("host"))):
        if typed:
            raise UsageError("with --on the host itself is asked, once", field=name, expected="one of the two")
    run = list_runs(_on(context, on), last=last or _SHOWN, **wanted)
    return perform(context, Spec(name="audit.list", single=True, shows=_runs_shown, recorded=False), run)


def _on(context: click.Context, host: str) -> Where:
    """Return where to ask for a host's own trail."""
    to = where(context)
    if to.limit:
        raise UsageError("--on names the host", field="--limit", value=to.limit, expected="one of the two")
    return dataclasses.replace(to, limit=host)


def _runs_shown(hosts: Any) -> Any:
    from vsa.views import audit as views

    return views.runs_of_hosts(hosts)


def _records_shown(hosts: Any) -> Any:
    from vsa.views import audit as views

    return views.records_of_hosts(hosts)


@group.command("show", examples=("vsa audit show 01a20d5b-6c1e", "vsa audit show 01a20d5b-6c1e --on vps-01"))
@click.argument("id", type=Form("ID", _ID, "an id, or at least the first four characters of one"))
@_ON
@click.pass_context
def _show(context: click.Context, id: str, on: str | None) -> int:  # noqa: A002 (the argument's name in the help)
    """Show a run in full: arguments, hosts, and the sites that it changed, with their diffs."""
    from vsa.views import audit as views

    if on is not None:
        spec = Spec(name="audit.show", single=True, shows=_records_shown, recorded=False)
        return perform(context, spec, show(_on(context, on), run=id))

    def read(index: Index) -> list[AuditRecord]:
        return index.records(id)

    records = _from_index(read)
    ids = list(dict.fromkeys(record.id for record in records))
    if not ids:
        raise RefusedError("no run has this id", field="id", value=id, hint="vsa audit list")
    if len(ids) > 1:
        raise RefusedError("several runs begin so", field="id", value=id, there_are=ids[:20])
    screen = _screen(context)
    if screen.json:
        screen.document(views.show_document(records))
    else:
        screen.line(views.detail(records))
    return EXIT_OK


@group.command("verify", examples=("vsa audit verify", f"vsa audit verify --head {'9f' * 32}"))
@option(
    "--head", type=Form("HASH", _HASH, "64 hexadecimal digits"), help="The hash of a record that you keep elsewhere."
)
@click.pass_context
def _verify(context: click.Context, head: str | None) -> int:
    """Check that no line of the trail was edited, removed, added, moved or cut; exit 7 if one was."""
    from vsa import trail
    from vsa.views import audit as views

    found = trail.verdict(head)
    code = EXIT_DUE if found.problems else EXIT_OK
    screen = _screen(context)
    if screen.json:
        screen.document(views.verdict_document(found, exit_code=code))
    for problem in found.problems:
        screen.error(views.problem(problem))
    screen.line(views.verdict(found, str(trail.places().log)))
    return code


@group.command("rebuild", examples=("vsa audit rebuild", "vsa audit rebuild --json"))
@click.pass_context
def _rebuild(context: click.Context) -> int:
    """Build the index of the trail again."""
    import sqlite3

    from vsa import trail
    from vsa.views import audit as views

    try:
        runs = trail.index().rebuild()
    except (OSError, sqlite3.Error) as error:
        where = str(trail.places().database)
        raise RefusedError(f"the index cannot be written: {error}", field="database", value=where) from error
    screen = _screen(context)
    if screen.json:
        screen.document(views.document("audit.rebuild", changed=True, indexed=runs))
    screen.line(f"{runs} runs indexed in {trail.places().database}")
    return EXIT_OK


@group.command("ship", examples=("vsa audit ship", "vsa audit ship --json"))
@click.pass_context
def _ship(context: click.Context) -> int:
    """Push the records that Loki does not have yet; every run does so at its end."""
    from vsa import trail
    from vsa.views import audit as views

    sent = skipped = 0
    until = time.monotonic() + _SEND_SECONDS
    while True:
        done = trail.send(config().path, seconds=max(1.0, until - time.monotonic()))
        if done is None:
            raise RefusedError(
                "no Loki is set",
                field="VSA_LOKI_URL",
                expected="the environment, [callback_audit] loki_url in ansible.cfg, or loki_url in a host's settings",
            )
        sent, skipped = sent + done.sent, skipped + len(done.skipped)
        if done.error or not done.pending or not done.sent or time.monotonic() > until:
            break
    code = EXIT_UNREACHABLE if done.error else EXIT_OK
    screen = _screen(context)
    if screen.json:
        counts = {"sent": sent, "skipped": skipped, "pending": done.pending, "message": done.error}
        screen.document(views.document("audit.ship", exit_code=code, changed=bool(sent), **counts))
    if done.error:
        screen.error(f"✘ {done.error}: {done.pending} records wait for the next time")
    screen.line(f"{sent} records sent, {skipped} that Loki does not take, {done.pending} to be sent")
    return code


def _screen(context: click.Context) -> Screen:
    from vsa.output.screen import Screen

    options = global_options(context)
    return Screen(quiet=bool(options.get("quiet")), json=bool(options.get("json")))


def _from_index[Result](read: Callable[[Index], Result]) -> Result:
    """Read from the index after it is up to date, or from an index for this call alone if that is not possible."""
    import sqlite3

    from vsa import trail

    try:
        kept = trail.index()
        if kept.catch_up():
            return read(kept)
    except (sqlite3.Error, OSError, ValueError):
        pass  # another process uses the index for long, or we may not write it
    with trail.scratch_index() as made:
        return read(made)


def _follow(screen: Screen, read: Callable[[Index], list[Row]], seen: set[tuple[str, str]]) -> int:
    from vsa.views import audit as views

    try:
        for row in _coming(read, seen):
            if screen.json:
                screen.document(views.line_document(row))
            else:
                screen.line(views.lines([row], titles=False))
    except KeyboardInterrupt:
        pass  # Ctrl-C ends --follow
    return EXIT_INTERRUPTED


def _coming(read: Callable[[Index], list[Row]], seen: set[tuple[str, str]]) -> Iterator[Row]:
    """Yield a run when it begins and when it ends."""
    from vsa import trail

    state: list[tuple[str, int]] = []
    while True:
        try:
            now = [(file.name, file.stat().st_size) for file in trail.places().files()]
        except OSError:
            now = []  # the files were rotated in between
        if now != state:
            state = now
            for row in _from_index(read):
                if (row.id, row.status) not in seen:
                    seen.add((row.id, row.status))
                    yield row
        time.sleep(_FOLLOW_EVERY)
