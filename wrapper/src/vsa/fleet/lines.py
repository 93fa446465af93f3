"""Add a host to a YAML inventory, and remove a host from it, by whole lines.

The file is parsed only to find the place of a change. The text is changed by whole lines, parsed again, and compared:
the data must be the old data plus or minus the host, and every other line must be the same byte for byte. If the proof
fails, nothing is changed, and :class:`CannotEditError` has the lines to type by hand.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vsa.fleet.document import Group, MappingNode, NotPlainError, comparable, groups_of, last_line, parsed, plain

__all__ = ("CannotEditError", "groups_with", "with_host", "with_variables", "without_host")

Entry = Mapping[str, str | int]
"""The variables of a host."""

_STEP = 2
_STRING = "tag:yaml.org,2002:str"
_NUMBER = "tag:yaml.org,2002:int"


class CannotEditError(ValueError):
    """A file that cannot be changed by whole lines: ``reason``, and the ``lines`` to type or to remove by hand."""

    def __init__(self, reason: str, lines: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.lines = tuple(lines)


@dataclass(frozen=True)
class _Change:
    """Lines ``first`` to ``end`` (exclusive, from 0 on) are replaced by ``new`` lines without their ends."""

    first: int
    end: int
    new: tuple[str, ...] = ()


def groups_with(text: str, name: str) -> list[str]:
    """Return the groups of a file in which a host stands. Raises :class:`CannotEditError`."""
    try:
        return [group.name for group in groups_of(parsed(text)) if group.host(name) is not None]
    except NotPlainError as error:
        raise CannotEditError(str(error)) from error


def with_host(text: str, name: str, *, group: str, entry: Entry) -> str:
    """Return an inventory with one more host in a group. The group is made if the file does not have it.

    Raises :class:`CannotEditError`.
    """
    lines = [f"{_scalar(name)}:", *(f"{'':{_STEP}}{line}" for line in _entry_lines(entry))]
    by_hand = [f"{group}:", "  hosts:", *(f"{'':{2 * _STEP}}{line}" for line in lines)]
    with _said_as(by_hand):
        root = parsed(text)
        if any(found.host(name) is not None for found in groups_of(root)):
            raise NotPlainError(f"{name} is in the file already")
        path, change = _place_of_host(root, text, group, lines)
        expected = copy.deepcopy(plain(root))
        _descend(expected, (*path, "hosts"))[name] = _entry_data(entry)
        return _proven(text, [change], expected)


def with_variables(text: str, name: str, *, entry: Entry) -> str:
    """Return an inventory in which a host has further variables, at the place that defines the host.

    Raises :class:`CannotEditError`.
    """
    by_hand = [f"{_scalar(name)}:", *(f"{'':{_STEP}}{line}" for line in _entry_lines(entry))]
    with _said_as(by_hand):
        root = parsed(text)
        group = _definition(root, name)
        key, value = group.host(name) or (None, None)
        if key is None or value is None or group.in_one_line or (value.id == "mapping" and value.flow_style):
            raise NotPlainError(f"the entry of {name} is not written in lines of its own")
        if value.id == "mapping":
            column, last = value.value[0][0].start_mark.column, last_line(value, text.split("\n"))
        else:
            column, last = key.start_mark.column + _STEP, key.end_mark.line
        new = tuple(f"{'':{column}}{line}" for line in _entry_lines(entry))
        expected = copy.deepcopy(plain(root))
        _descend(expected, (*group.path, "hosts", name)).update(_entry_data(entry))
        return _proven(text, [_Change(last + 1, last + 1, new)], expected)


def without_host(text: str, name: str) -> str:
    """Return an inventory without a host, in all of its groups. Raises :class:`CannotEditError`."""
    by_hand = [f"remove {name} below hosts of each group"]
    with _said_as(by_hand):
        root = parsed(text)
        found = [group for group in groups_of(root) if group.host(name) is not None]
        by_hand[:] = [f"remove {name} below {'/'.join((*group.path, 'hosts'))}" for group in found]
        lines = text.split("\n")
        changes, expected = [], copy.deepcopy(plain(root))
        for group in found:
            changes.append(_removal(group, name, lines))
            del _descend(expected, (*group.path, "hosts"))[name]
        return _proven(text, changes, expected)


class _said_as:  # noqa: N801 (used like a function)
    """Turn NotPlainError into CannotEditError with the lines to type by hand."""

    def __init__(self, by_hand: Sequence[str]) -> None:
        self._by_hand = by_hand

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Raise the error that an operator reads."""
        if isinstance(error, NotPlainError):
            raise CannotEditError(str(error), self._by_hand) from error


def _removal(group: Group, name: str, lines: list[str]) -> _Change:
    """Return the change that takes a host's lines out of a group."""
    found = group.host(name)
    if found is None or group.in_one_line:
        raise NotPlainError(f"the hosts of {group.name} are written in one line")
    key, value = found
    end = max(key.end_mark.line, last_line(value, lines)) + 1
    return _Change(key.start_mark.line, _past_own_comments(lines, end, key.start_mark.column))


def _place_of_host(root: MappingNode, text: str, name: str, entry: Sequence[str]) -> tuple[tuple[str, ...], _Change]:
    """Return the path of the group that gets a host, and the change."""
    found = [group for group in groups_of(root) if group.name == name]
    lines = text.split("\n")
    if not found:
        return _place_of_group(root, lines, name, entry)
    group = next((one for one in found if one.hosts() is not None), found[0])
    hosts = group.hosts()
    if group.in_one_line:
        raise NotPlainError(f"the hosts of {name} are written in one line")
    if hosts is not None:
        key, value = hosts.value[-1]
        column = hosts.value[0][0].start_mark.column
        end = max(key.end_mark.line, last_line(value, lines)) + 1
        at = _past_own_comments(lines, end, column)
        return group.path, _inserted(at, entry, column)
    heading = group.pair("hosts")
    if heading is not None:
        column = heading[0].start_mark.column + _STEP
        at = _past_own_comments(lines, heading[0].end_mark.line + 1, column)
        return group.path, _inserted(at, entry, column)
    column = group.key.start_mark.column + _STEP
    if group.mapping is not None:
        column = group.mapping.value[0][0].start_mark.column
    new = ["hosts:", *(f"{'':{_STEP}}{line}" for line in entry)]
    at = _past_own_comments(lines, group.key.end_mark.line + 1, column + _STEP)
    return group.path, _inserted(at, new, column)


def _place_of_group(
    root: MappingNode, lines: list[str], name: str, entry: Sequence[str]
) -> tuple[tuple[str, ...], _Change]:
    """Return the path of a new group with one host, and the change: below ``all``, if that is how the file is made."""
    new = [f"{_scalar(name)}:", f"{'':{_STEP}}hosts:", *(f"{'':{2 * _STEP}}{line}" for line in entry)]
    top = next((group for group in groups_of(root) if group.path == ("all",)), None)
    below = top.pair("children") if top is not None else None
    if below is not None and below[1].id == "mapping" and not below[1].flow_style and not _in_braces(top):
        column = below[1].value[0][0].start_mark.column
        end = last_line(below[1], lines) + 1
        return ("all", "children", name), _inserted(_past_own_comments(lines, end, column), new, column)
    if root.flow_style:
        raise NotPlainError("the file is written in one line")
    column = root.value[0][0].start_mark.column
    at = _past_own_comments(lines, last_line(root, lines) + 1, column)
    return (name,), _inserted(at, new, column)


def _in_braces(group: Group | None) -> bool:
    """Say whether a group is written in braces."""
    return group is not None and group.mapping is not None and bool(group.mapping.flow_style)


def _definition(root: MappingNode, name: str) -> Group:
    """Return the group that gives a host its variables, or else the first group that has the host."""
    groups = [group for group in groups_of(root) if group.host(name) is not None]
    if not groups:
        raise NotPlainError(f"{name} is not in the file")

    def defines(group: Group) -> bool:
        found = group.host(name)
        return found is not None and found[1].id == "mapping"

    return next((group for group in groups if defines(group)), groups[0])


def _inserted(at: int, lines: Iterable[str], column: int) -> _Change:
    return _Change(at, at, tuple(f"{'':{column}}{line}" for line in lines))


def _past_own_comments(lines: Sequence[str], end: int, column: int) -> int:
    """Return the end of a host's lines with the comments below it that are indented more than its name."""
    at = end
    while at < len(lines):
        line = lines[at].rstrip("\r")
        text = line.lstrip(" ")
        if text.startswith("#") and len(line) - len(text) > column:
            end = at + 1
        elif text:
            break
        at += 1
    return end


def _proven(text: str, changes: Sequence[_Change], expected: Any) -> str:
    """Return the changed text, if its data are those expected. Raises NotPlainError."""
    made = _changed(text, changes)
    try:
        found = plain(parsed(made))
    except NotPlainError as error:
        raise NotPlainError(f"the change would not be proven: {error}") from error
    if comparable(found) != comparable(expected):
        raise NotPlainError("the change would change other data too (an alias or an anchor)")
    return made


def _changed(text: str, changes: Sequence[_Change]) -> str:
    """Return a text with changed lines. New lines end as the others do, and the end of the file stays as it is."""
    end = "\r\n" if "\r\n" in text else "\n"
    kept = _lines(text)
    closed = text.endswith("\n") or not text
    if not closed:
        kept[-1] += end
    for change in sorted(changes, key=lambda change: change.first, reverse=True):
        kept[change.first : change.end] = [f"{line}{end}" for line in change.new]
    made = "".join(kept)
    return made if closed else made.removesuffix(end)


def _lines(text: str) -> list[str]:
    """Return the lines of a text with their ends. A line ends with a line feed, and nothing else."""
    lines = text.split("\n")
    return [*(f"{line}\n" for line in lines[:-1]), *([lines[-1]] if lines[-1] else [])]


def _descend(data: Any, path: Sequence[str]) -> Any:
    """Return the mapping at a path; mappings that are missing or null are made."""
    for name in path:
        if data.get(name) is None:
            data[name] = {}
        data = data[name]
    return data


def _entry_lines(entry: Entry) -> list[str]:
    return [f"{name}: {value if isinstance(value, int) else _scalar(value)}" for name, value in entry.items()]


def _entry_data(entry: Entry) -> dict[str, Any]:
    return {name: (_NUMBER if isinstance(value, int) else _STRING, str(value)) for name, value in entry.items()}


def _scalar(text: str) -> str:
    """Return a text as YAML, in quotes if it would be anything else without them."""
    import yaml

    bare = text.replace(".", "").replace("-", "").replace("_", "").isalnum() and text[0] not in "-."
    resolver: Any = yaml.resolver.Resolver()
    if bare and resolver.resolve(yaml.ScalarNode, text, (True, False)) == _STRING:
        return text
    # Single quotes: the only letter that means anything inside is the quote itself.
    quoted = text.replace("'", "''")
    return f"'{quoted}'"
