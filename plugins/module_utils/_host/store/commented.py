# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change a YAML file that somebody wrote by hand: comments, order and quotes of what does not change stay.

Most manifests are as VSA writes them, and need nothing of this. Only a text of another form is read by ruamel.yaml,
which keeps comments and takes ten times as long as PyYAML.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import difflib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..._core.errors import RefusedError
from ..._core.libraries import library
from ..machine.files import dump_yaml, load_yaml

__all__ = ("rewritten",)

_INDENTED_LIST = re.compile(
    r"^(?P<key> *)[^\s#-][^#\n]*:[ \t]*(?:#.*)?\n(?:[ \t]*(?:#.*)?\n)*(?P=key)  +- ", re.MULTILINE
)
_MOST_LETTERS = 1 << 15  # hundreds of routes; ruamel.yaml would take seconds for more
_COMMENT = re.compile(r"[ \t]*#")
_NO_CONTENT = re.compile(r"[ \t]*(?:#|\Z)|[.]{3}")


def rewritten(text: str, data: Mapping[str, Any]) -> str:
    """Return the text of a YAML file after it changes to ``data``.

    What does not change stays as it is written; a text of more than 32 KiB is written anew. MissingLibraryError if the
    text is written by hand and the host lacks ruamel.yaml.
    """
    try:
        before = load_yaml(text, where="the file")
    except RefusedError:
        before = None
    plain = dump_yaml(data)
    if not isinstance(before, dict) or len(text) > _MOST_LETTERS or dump_yaml(before) == text:
        return plain
    wanted = load_yaml(plain, where="the file")
    ends = "\r\n" if "\r\n" in text else "\n"
    text = text.replace("\r\n", "\n")
    kept = [key for key, value in before.items() if key in wanted and repr(wanted[key]) == repr(value)]
    changed = _with_kept_lines(text, _round_trip(text, before, wanted), kept)
    changed = _with_comments_in_place(text, changed).replace("\n", ends)
    try:
        same = load_yaml(changed, where="the file") == wanted
    except RefusedError:
        same = False
    # What ruamel.yaml cannot express is written anew: the meaning comes before the comments.
    return changed if same else plain


def _round_trip(text: str, before: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    with library("ruamel"):
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 1 << 16
    yaml.allow_unicode = True
    yaml.explicit_start = bool(re.search(r"(?m)^---", text))
    if _INDENTED_LIST.search(text):
        yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    try:
        document = yaml.load(text)
        _change_mapping(document, before, data)
        yaml.dump(document, out)
    except (YAMLError, ValueError, TypeError, AttributeError, LookupError, RecursionError):
        return dump_yaml(data)
    return out.getvalue()


def _change_mapping(node: Any, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Change a mapping of the document. ``before`` is the same mapping as PyYAML reads it, which knows YAML 1.1."""
    for key in [key for key in before if key not in after]:
        del node[key]
    for key, value in after.items():
        node[key] = _changed(node[key], before[key], value) if key in before else _written(value)


def _changed(node: Any, before: Any, after: Any) -> Any:
    """Return a node of the document after its change; the same node if it can hold the change."""
    if before == after and type(before) is type(after):
        return node
    if isinstance(before, dict) and isinstance(after, Mapping):
        _change_mapping(node, before, after)
        return node
    if isinstance(before, list) and isinstance(after, (list, tuple)):
        _change_list(node, before, list(after))
        return node
    return _written(after)


def _change_list(node: Any, before: Sequence[Any], after: Sequence[Any]) -> None:
    """Change a list of the document, from its end to its beginning: entries that stay keep their comments."""
    old, new = [_name(entry) for entry in before], [_name(entry) for entry in after]
    steps = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for kind, start, end, first, last in reversed(steps):
        if kind == "equal":
            for there, wanted in zip(range(start, end), range(first, last), strict=True):
                node[there] = _changed(node[there], before[there], after[wanted])
            continue
        for there in reversed(range(start, end)):
            del node[there]
        for entry in reversed(after[first:last]):
            node.insert(start, _written(entry))


def _name(entry: Any) -> str:
    """Return by what an entry of a list is known: a route by its path."""
    return f"path {entry['path']}" if isinstance(entry, dict) and "path" in entry else repr(entry)


def _written(value: Any) -> Any:
    """Return a new value as ruamel.yaml shall write it: quoted if YAML 1.1 would read another value."""
    if isinstance(value, Mapping):
        return {key: _written(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_written(item) for item in value]
    if isinstance(value, str) and not _is_plain(value):
        with library("ruamel"):
            from ruamel.yaml.scalarstring import DoubleQuotedScalarString

        return DoubleQuotedScalarString(value)
    return value


def _is_plain(text: str) -> bool:
    try:
        return bool(load_yaml(text, where="the value") == text)
    except RefusedError:
        return False


def _with_kept_lines(before: str, after: str, kept: Sequence[str]) -> str:
    """Return the new text with the old lines of each field that keeps its value.

    ruamel.yaml drops the comments inside brackets, and moves the comment behind an alias to a line of its own.
    """
    old, new = _spans(before), _spans(after)
    lines, written = after.splitlines(), before.splitlines()
    for key in sorted((key for key in kept if key in old and key in new), key=lambda key: new[key], reverse=True):
        start, end = new[key]
        value = written[slice(*old[key])]
        if end < len(lines) and _COMMENT.match(lines[end]) and value[-1].endswith(lines[end].strip()):
            end += 1  # the comment behind an alias
        lines[start:end] = value
    return "".join(f"{line}\n" for line in lines)


def _spans(text: str) -> dict[str, tuple[int, int]]:
    """Return the lines of each field, from its name to the end of its value; nothing if fields share a line."""
    with library("yaml"):
        import yaml

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return {}
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        return {}
    lines = text.splitlines()
    starts = [key.start_mark.line for key, _value in root.value]
    found = {}
    for (key, _value), start, end in zip(root.value, starts, [*starts[1:], len(lines)], strict=True):
        while end > start + 1 and _NO_CONTENT.match(lines[end - 1]):
            end -= 1
        found[str(key.value)] = (start, end)
    return found


def _with_comments_in_place(before: str, after: str) -> str:
    """Return the new text with each block of whole comment lines before the line that it was written for.

    ruamel.yaml keeps such a block with the value above. It drops the block with that value, and leaves the block there
    if that value grows. If the line of a block is gone, the block stays where it is, or goes before the next line that
    both texts have.
    """
    lines = after.splitlines()
    for block, following in _blocks(before.splitlines()):
        place = _place_of(block, lines)
        anchor = next((line for line in following if line in lines), None)
        meant = anchor is not None and anchor == following[0]
        if place is not None and not meant:
            continue
        at = len(lines) if anchor is None else lines.index(anchor)
        if lines[max(0, at - len(block)) : at] == block:
            continue
        if place is not None:
            del lines[place : place + len(block)]
            at = len(lines) if anchor is None else lines.index(anchor)
        lines[at:at] = block
    return "".join(f"{line}\n" for line in lines)


def _blocks(lines: Sequence[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Yield each run of comment lines and blank lines, with the lines of content that follow in the text."""
    block: list[str] = []
    for number, line in enumerate([*lines, ""]):
        blank = number < len(lines) and not line.strip()
        if number < len(lines) and (blank or _COMMENT.match(line)):
            block.append(line)
            continue
        if any(entry.strip() for entry in block):
            yield block, [text for text in lines[number:] if text.strip() and not _COMMENT.match(text)]
        block = []


def _place_of(block: Sequence[str], lines: Sequence[str]) -> int | None:
    """Return where a block of lines begins among other lines, None if the block is not there as a whole."""
    found = (
        number for number in range(len(lines) - len(block) + 1) if list(lines[number : number + len(block)]) == block
    )
    return next(found, None)
