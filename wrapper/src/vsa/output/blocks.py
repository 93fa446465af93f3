"""A host's block: its head, steps, diffs, error and last line, as Rich renderables."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from vsa.ansible.report import HostResult, Report
from vsa.core import word
from vsa.output.text import clean, seconds

__all__ = ("diff", "error", "head", "last_line", "steps", "summary")

_SIGNS = {
    "ok": ("✔", "green"),
    "changed": ("✔", "yellow"),
    "would_change": ("~", "yellow"),
    "warning": ("!", "yellow"),
    "skipped": ("-", "dim"),
    "failed": ("✘", "red"),
}
_NAME_WIDTH = 12
_LABEL_WIDTH = 10
_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}
_UNDO_FITS = 100


def head(host: str, subject: str | None) -> Text:
    """Return the first line of a block."""
    return Text(clean(f"{host}  {subject}" if subject else host), style="bold")


def steps(done: Sequence[Mapping[str, Any]]) -> Table:
    """Return steps as lines of sign, name and text. The notes of a step stand below its text."""
    width = max([_NAME_WIDTH, *(len(clean(step.get("name", ""))) for step in done)])
    grid = _grid(1, width)
    for step in done:
        sign, style = _SIGNS.get(str(step.get("state")), _SIGNS["ok"])
        text = clean(step.get("text") or step.get("state") or "")
        grid.add_row("", Text(sign, style=style), clean(step.get("name", "")), text)
        for note in step.get("notes") or ():
            grid.add_row("", "", "", Text(clean(note), style="dim"))
    return grid


def diff(entries: Iterable[Mapping[str, Any]]) -> Text:
    """Return Ansible's diffs (``prepared``, or ``before`` and ``after`` with headers) as unified ones, indented."""
    text = Text()
    for entry in entries:
        for line in _diff_lines(entry):
            is_header = line.startswith(("+++", "---"))
            style = "bold" if is_header else _DIFF_STYLES.get(line[:1], "")
            text.append(f"    {clean(line)}\n", style=style)
    text.right_crop(1 if text else 0)
    return text


def error(found: Mapping[str, Any], *, host: str | None, subject: str | None, audit_id: str | None) -> Group:
    """Return an error: what is wrong, where, what would be right, the state of the host, and the next step."""
    where = ""
    if host:
        where = f"{host}  {subject}: " if subject else f"{host}: "
    grid = _grid(0, _LABEL_WIDTH)
    field, value = found.get("field"), found.get("value")
    if field:
        grid.add_row("", "field", clean(field if value is None else f"{field} = {value}"))
    for label, key in (("expected", "expected"), ("there are", "there_are")):
        if found.get(key):
            grid.add_row("", label, word(found[key]))
    for line in found.get("details") or ():
        grid.add_row("", "", Text(clean(line), style="dim"))
    states = (found.get("state"), f"audit {audit_id}" if audit_id else None)
    state = " · ".join(clean(part) for part in states if part)
    parts: list[Any] = [Text(f"✘ {clean(where)}{clean(found.get('message') or 'it failed')}", style="red")]
    parts += [grid] if grid.rows else []
    parts += [Padding(Text(state), (0, 0, 0, 2), expand=False)] if state else []
    if found.get("try"):
        attempt = _grid(0, _LABEL_WIDTH)
        attempt.add_row("", "try", clean(found["try"]))
        parts.append(attempt)
    return Group(*parts)


def last_line(report: Report, *, check: bool, took: float, audit_id: str | None) -> Text:
    """Return the last line of a verb that changes something, after a run without errors."""
    changed = [name for name, host in report.hosts.items() if host.changed]
    what = "changed" if changed else "unchanged"
    what = "would change" if check and changed else f"{what} in {seconds(took)}"
    if len(report.hosts) > 1:
        what += f" · {len(changed)} of {len(report.hosts)} hosts"
    line = Text(f"{what} · audit {audit_id}" if audit_id else what)
    commands = [_undo(host.payload) for host in report.hosts.values()]
    undo = next((command for command in commands if command), None)
    if changed and undo and not check:
        separator = " · " if len(line) + len(str(undo)) + 9 <= _UNDO_FITS else "\n"
        line.append(f"{separator}undo: {clean(undo)}")
    return line


def summary(hosts: Mapping[str, HostResult], *, check: bool) -> Table:
    """Return the table that ends a run over several hosts: host, result, seconds and the first line of each error."""
    table = Table(box=None, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0), header_style="")
    for title in ("HOST", "RESULT", "SECONDS", ""):
        table.add_column(title, overflow="fold", justify="right" if title == "SECONDS" else "left")
    for name, host in hosts.items():
        result, style = "unchanged", "green"
        if host.changed:
            result, style = "would change" if check else "changed", "yellow"
        if host.exit_code:
            result, style = host.status.replace("_", " "), "red"
        message = clean(host.error.get("message", "")).splitlines()[:1] if host.error else []
        table.add_row(clean(name), Text(result, style=style), f"{host.seconds:.1f}", *message)
    return table


def _undo(payload: Mapping[str, Any]) -> str | None:
    """Return the command that undoes a change, if the module named one."""
    return str(payload["undo"]) if payload.get("undo") else None


def _grid(*fixed: int) -> Table:
    """Return a grid whose last column takes the rest of the line. Its text wraps within the column."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=1)
    for width in fixed:
        if width:
            grid.add_column(width=width, no_wrap=True)
    grid.add_column(overflow="fold")
    return grid


def _diff_lines(entry: Mapping[str, Any]) -> Iterable[str]:
    if entry.get("prepared"):
        yield from str(entry["prepared"]).rstrip("\n").split("\n")
    if "before" in entry or "after" in entry:
        before, after = (_lines(entry.get(side)) for side in ("before", "after"))
        headers = (
            f"before  {entry.get('before_header') or ''}".rstrip(),
            f"after  {entry.get('after_header') or ''}".rstrip(),
        )
        yield from (line.rstrip("\n") for line in difflib.unified_diff(before, after, *headers, lineterm=""))


def _lines(side: Any) -> list[str]:
    if isinstance(side, Mapping):
        return [f"{key}: {value}" for key, value in side.items()]
    return str(side or "").splitlines()
