"""``vsa audit``: what was done, by whom and through which door. The verbs read local files and start no Ansible.

These verbs themselves leave no record.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from vsa.command.options import Group, WholeNumber, global_options, option
from vsa.command.verb import config
from vsa.core import EXIT_DUE, EXIT_INTERRUPTED, EXIT_OK, EXIT_UNREACHABLE, STATUS, RefusedError, UsageError

if TYPE_CHECKING:
    from vsa.output.screen import Screen
    from vsa.trail import AuditRecord, Index, Row

__all__ = ("group", "moment")

_AGO = re.compile(r"([1-9][0-9]{0,5})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_HASH = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[0-9a-f][0-9a-f-]{3,35}")
_VERB = re.compile(r"[a-z]+(?:[. ][a-z-]+)?")
_SHOWN = 50
_MOST = 10_000
_FOLLOW_EVERY = 0.5
_SEND_SECONDS = 60.0
_STATES = ("started", *STATUS.values())


@click.group("audit", cls=Group)
def group() -> None:
    """The audit trail of this machine: what was done, and whether the trail is whole."""


def moment(text: str, *, now: datetime) -> str:
    """Return the time that ``--since`` means, in the form of records. Text is ``2h``, a date, or an RFC 3339 time.

    A time without a zone is UTC. Raises :class:`UsageError`.
    """
    ago = _AGO.fullmatch(text)
    try:
        found = now - timedelta(**{_UNITS[ago[2]]: int(ago[1])}) if ago else datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        expected = "2h, 3d, 2026-11-24, or a time as in 2026-11-24T10:00:00Z"
        raise UsageError("this is not a time", field="--since", value=text, expected=expected) from None
    utc = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    return utc.isoformat(timespec="microseconds").replace("+00:00", "Z")


class _Form(click.ParamType[str]):
    """A word that matches a pattern. Any other word is a usage error."""

    def __init__(self, name: str, form: re.Pattern[str], expected: str) -> None:
        self.name = name
        self._form = form
        self._expected = expected

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word."""
        del ctx
        if not self._form.fullmatch(value):
            field = param.opts[0] if isinstance(param, click.Option) else self.name
            raise UsageError("this is not of its form", field=field, value=value, expected=self._expected)
        return str(value)


@group.command("list", examples=("vsa audit list --since 2d --host vps-01", "vsa audit list --verb site -q"))
@option("--since", metavar="TIME", help="Only runs since: 2h, 3d, 2026-11-24, or a time.")
@option("--host", metavar="HOST", help="Only runs that acted on this host.")
@option("--verb", type=_Form("VERB", _VERB, "site, or site.provision"), help="Only this verb, or all of a noun.")
@option("--target", metavar="NAME", help="Only runs that acted on this domain or stack.")
@option(
    "--status",
    type=_Form("STATUS", re.compile("|".join(_STATES)), ", ".join(_STATES)),
    multiple=True,
    help="Only runs that ended so, e.g. failed; repeatable.",
)
@option("--last", type=WholeNumber(1, _MOST), metavar="NUMBER", help=f"At most so many, the newest (else {_SHOWN}).")
@option("--follow", is_flag=True, help="Print new runs until interrupted.")
@click.pass_context
def _list(context: click.Context, /, follow: bool, last: int | None, since: str | None, **wanted: Any) -> int:
    """List the runs, the newest last."""
    from vsa.views import audit as views

    wanted["verb"] = wanted["verb"] and wanted["verb"].replace(" ", ".")
    wanted["since"] = since and moment(since, now=datetime.now(UTC))
    screen = _screen(context)

    def read(index: Index) -> list[Row]:
        return index.runs(**wanted, last=(last or _SHOWN) + 1)

    rows = _from_index(read)
    more = len(rows) > (last or _SHOWN)
    rows = rows[1:] if more else rows
    if screen.json and not follow:
        screen.document(views.list_document(rows, more=more))
        return EXIT_OK
    if not screen.json:
        screen.line(views.lines(rows))
    if more:
        screen.note(f"these are the last {len(rows)}; earlier ones with --last")
    if follow:
        return _follow(screen, read, {(row.id, row.status) for row in rows})
    return EXIT_OK


@group.command("show", examples=("vsa audit show 01a20d5b-6c1e", "vsa audit show 01a20d5b-6c1e --json"))
@click.argument("id", type=_Form("ID", _ID, "an id, or at least the first four characters of one"))
@click.pass_context
def _show(context: click.Context, id: str) -> int:  # noqa: A002 (the argument's name in the help)
    """Show a run in full: arguments, hosts, changes with their diffs."""
    from vsa.views import audit as views

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
@option("--head", type=_Form("HASH", _HASH, "64 hexadecimal digits"), help="The hash of a record, kept elsewhere.")
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
