"""Show the audit trail. The lines are made without Rich, because a list may be long and has to be quick."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from vsa.core import EXIT_OK, NOTHING, STATUS, word
from vsa.output.text import clean, json_text, seconds
from vsa.views.columns import acted_on, generation_lines, run_state, run_time

if TYPE_CHECKING:
    from vsa.ansible.report import HostResult
    from vsa.trail import AuditRecord, ChainProblem, ChainVerdict, Row, TaskChange

__all__ = (
    "detail",
    "document",
    "line_document",
    "lines",
    "list_document",
    "notes",
    "problem",
    "records_of_hosts",
    "runs_of_hosts",
    "show_document",
    "verdict",
    "verdict_document",
)

_TITLES = ("TIME (UTC)", "ID", "VERB", "TARGET", "HOSTS", "STATUS", "TOOK", "BY")
_ID_SHOWN = 13
_MOST_HOSTS = 3


def lines(rows: Iterable[Row], *, titles: bool = True) -> str:
    """Return runs as a table, one line per run."""
    cells = [_cells(row) for row in rows]
    if titles and not cells:
        return "the trail has no such run"
    table = [_TITLES, *cells] if titles else cells
    # A single line (--follow) has fixed widths, to stand below the earlier lines.
    least = (19, _ID_SHOWN, 14, 20, 10, 12, 7, 0)
    widths = [max([least[n] if not titles else 0, *(len(row[n]) for row in table)]) for n in range(len(_TITLES))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
    )


def _cells(row: Row) -> tuple[str, ...]:
    hosts = ", ".join(row.hosts[:_MOST_HOSTS])
    if len(row.hosts) > _MOST_HOSTS:
        hosts += f" +{len(row.hosts) - _MOST_HOSTS}"
    return (
        run_time(vars(row)),
        row.id[:_ID_SHOWN],
        clean(row.verb),
        word(acted_on(vars(row))),
        word(hosts),
        run_state(vars(row)),
        NOTHING if row.duration is None else seconds(row.duration),
        clean(row.actor),
    )


def notes(rows: Sequence[Row], *, more: bool) -> list[str]:
    """Return what the reader of a list has to know besides."""
    found = [f"these are the last {len(rows)}; earlier ones with --last"] if more else []
    apart = sum(row.apart for row in rows)
    if apart:
        found.append(
            f"{apart} of these times cannot be right (marked ?): the clocks of the machines are or were apart;"
            " the order is that in which the records were written"
        )
    return found


def detail(records: Sequence[AuditRecord]) -> str:
    """Return the records of a run as text: what was run, how it ended, what it changed."""
    last = next((record for record in reversed(records) if record.kind == "finished"), records[-1])
    shown = [f"{name:<12}{clean(value)}" for name, value in _facts(records[0], last) if value is not None]
    shown += [f"{'argument':<12}{clean(name)} = {word(value)}" for name, value in last.arguments.items()]
    shown += [_host_line(last, host) for host in dict.fromkeys([*last.hosts, *last.counts])]
    for record in [last] if last.kind == "finished" else records:
        for change in record.changes:
            shown += _change_lines(change)
    for record in [last] if last.kind == "finished" else records:
        for generation in record.generations:
            shown += [clean(line) for line in generation_lines(generation.as_dict())]
    shown += [f"{record.kind + ' hash':<16}{record.hash}" for record in records if record.hash]
    return "\n".join(shown)


def _facts(first: AuditRecord, last: AuditRecord) -> list[tuple[str, Any]]:
    """Return labels and values of a run; None is not shown."""
    by = last.actor.user
    if last.actor.sudo_user:
        by += f" (sudo by {last.actor.sudo_user})"
    by += f" on {last.controller.name}"
    if last.actor.ssh_client:
        by += f" from {last.actor.ssh_client}"
    return [
        ("id", last.id),
        ("verb", f"{last.verb} --check" if last.check else last.verb),
        ("target", last.target),
        ("playbook", last.playbook),
        ("began", first.time),
        ("by", by),
        ("status", run_state({**vars(last), "changed": last.changed})),
        ("took", None if last.duration is None else seconds(last.duration)),
        ("error", last.error),
        ("version", last.version),
    ]


def _host_line(record: AuditRecord, host: str) -> str:
    """Return a host and how many of its tasks ended how."""
    line = f"{'host':<12}{clean(host)}"
    counts = record.counts.get(host)
    numbers = {} if counts is None else asdict(counts)
    text = ", ".join(f"{number} {key}" for key, number in numbers.items() if number)
    return f"{line}: {text}" if text else line


def _change_lines(change: TaskChange) -> list[str]:
    """Return a changed task and its diff."""
    place = f"{clean(change.host)}: " if change.host else ""
    action = f" ({change.action})" if change.action else ""
    diff = (change.diff or "").splitlines()
    return [
        f"{'changed':<12}{place}{clean(change.task)}{action}",
        *(f"{'':<12}  {clean(line)}" for line in diff),
    ]


def runs_of_hosts(hosts: Mapping[str, HostResult]) -> str:
    """Return the runs of hosts' own trails, as the module returned them."""
    from vsa.trail import row_of

    parts = []
    for result in hosts.values():
        rows = [row_of(run) for run in result.payload.get("runs") or ()]
        parts.append("\n".join([lines(rows), *notes(rows, more=bool(result.payload.get("earlier")))]))
    return "\n".join(parts)


def records_of_hosts(hosts: Mapping[str, HostResult]) -> str:
    """Return the records of one run in hosts' own trails, as the module returned them."""
    from vsa.trail import record_of

    found = [record_of(record) for result in hosts.values() for record in result.payload.get("records") or ()]
    return detail(found) if found else ""


def problem(found: ChainProblem) -> str:
    """Return what is wrong with a line of the trail."""
    place = f"{found.file}:{found.line}" if found.file else "the trail"
    run = f" (run {clean(found.id)})" if found.id else ""
    return f"✘ {place}: {found.what}: {clean(found.text)}{run}"


def verdict(found: ChainVerdict, log: str) -> str:
    """Return the last line of a check: whether the trail is complete, and the head to keep elsewhere."""
    if found.problems:
        return f"NOT whole: {len(found.problems)} problem(s) in {found.records} records of {log}"
    return f"whole: {found.records} records in {log}\nhead   {found.head}"


def document(verb: str, *, exit_code: int = EXIT_OK, changed: bool = False, **payload: Any) -> str:
    """Return the document of ``--json``. The result of these verbs stands under ``audit``."""
    head = {"schema": 1, "verb": verb, "audit_id": None, "status": STATUS[exit_code], "exit_code": exit_code}
    return json_text({**head, "changed": changed, "hosts": {}, "audit": payload}, indent=2)


def list_document(rows: Sequence[Row], *, more: bool) -> str:
    """Return runs as a document; ``more`` says that there are earlier ones."""
    return document("audit.list", runs=[_run(row) for row in rows], earlier=more)


def line_document(row: Row) -> str:
    """Return one run as a line of JSON."""
    return json_text(_run(row))


def _run(row: Row) -> dict[str, Any]:
    values = asdict(row)
    return {**values, "hosts": list(row.hosts), "sites": list(row.sites)}


def show_document(records: Sequence[AuditRecord]) -> str:
    """Return a run's records as they stand in the trail."""
    found = [{**record.as_dict(), "prev_hash": record.prev_hash, "hash": record.hash} for record in records]
    return document("audit.show", records=found)


def verdict_document(found: ChainVerdict, *, exit_code: int) -> str:
    """Return whether the trail is whole, as a document."""
    problems = [asdict(problem) for problem in found.problems]
    return document("audit.verify", exit_code=exit_code, checked=found.records, head=found.head, problems=problems)
