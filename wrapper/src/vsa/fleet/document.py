"""A YAML inventory as nodes with their places, for changes by whole lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vsa.ansible.inventory import yaml_loader

__all__ = ("Group", "MappingNode", "NotPlainError", "comparable", "groups_of", "last_line", "parsed", "plain")

# The nodes of PyYAML. The types that are published for PyYAML have no `id`, `style` and `flow_style`.
Node = Any
MappingNode = Any
ScalarNode = Any

_NULL = "tag:yaml.org,2002:null"
# The parser counts these as ends of lines, and a text editor does not.
_OTHER_BREAKS = ("\x85", "\u2028", "\u2029")
# Aliases multiply: a file of one page can name a billion values.
_MOST_VALUES = 200_000


class NotPlainError(ValueError):
    """A file that is no plain YAML inventory. The text says why."""


@dataclass(frozen=True)
class Group:
    """A group in a file: its name, the keys that lead to it, its own key, and its mapping (None if it is empty)."""

    name: str
    path: tuple[str, ...]
    key: ScalarNode
    mapping: MappingNode | None

    def pair(self, name: str) -> tuple[ScalarNode, Node] | None:
        """Return the key and the value of ``hosts``, ``children`` or ``vars``; None if the group has none."""
        return _pair(self.mapping, name)

    def hosts(self) -> MappingNode | None:
        """Return the mapping of the hosts; None if the group has no host."""
        found = self.pair("hosts")
        return found[1] if found is not None and found[1].id == "mapping" else None

    def host(self, name: str) -> tuple[ScalarNode, Node] | None:
        """Return the key and the value of a host; None if the group does not have the host."""
        return _pair(self.hosts(), name)

    @property
    def in_one_line(self) -> bool:
        """Say whether the group, or its hosts, are written in braces."""
        hosts = self.hosts()
        return bool((self.mapping is not None and self.mapping.flow_style) or (hosts is not None and hosts.flow_style))


def parsed(text: str) -> MappingNode:
    """Return the root of a file. Raises :class:`NotPlainError` if it is no plain inventory, or has a key twice."""
    import yaml

    if any(mark in text for mark in _OTHER_BREAKS) or "\r" in text.replace("\r\n", ""):
        raise NotPlainError("the file has unusual ends of lines")
    try:
        root: Node = yaml.compose(text if text.endswith("\n") else f"{text}\n", yaml_loader())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        words = " ".join(str(getattr(error, "problem", None) or error).split())
        raise NotPlainError(f"{line}{words}") from error
    if root is None or root.id != "mapping":
        raise NotPlainError("the file is no mapping of groups")
    _refuse_doubles(root, set())
    return root


def groups_of(root: MappingNode) -> Iterator[Group]:
    """Yield every group of a file, a group before its children. Raises :class:`NotPlainError`."""
    yield from _groups(root, (), ())


def last_line(node: Node, text_lines: list[str]) -> int:
    """Return the number, from 0 on, of the last line that belongs to a node. Comments after it do not belong to it."""
    if node.id == "scalar":
        if node.style not in ("|", ">"):
            return int(node.end_mark.line)
        last = int(node.end_mark.line) - 1
        while last > node.start_mark.line and not text_lines[last].strip():
            last -= 1
        return last
    if node.flow_style:
        return int(node.end_mark.line)
    inner = [part for pair in node.value for part in pair] if node.id == "mapping" else node.value
    # The node of an alias is that of its anchor, which stands before.
    return max([int(node.start_mark.line), *(last_line(part, text_lines) for part in inner)])


def plain(root: Node) -> Any:
    """Return a node as mappings, tuples and pairs of tag and text, so that tags such as ``!vault`` count too.

    Raises :class:`NotPlainError` if aliases make too many values of a file.
    """
    left = [_MOST_VALUES]

    def value(node: Node) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise NotPlainError("the aliases of the file make too many values")
        if node.id == "scalar":
            return None if node.tag == _NULL else (node.tag, node.value)
        if node.id == "sequence":
            return (node.tag, *(value(item) for item in node.value))
        return {_text(key): value(item) for key, item in node.value}

    return value(root)


def comparable(data: Any) -> Any:
    """Return data in which an empty mapping is null, as Ansible reads both the same in an inventory."""
    if isinstance(data, dict):
        return {key: comparable(item) for key, item in data.items()} or None
    return data


def _groups(mapping: MappingNode, path: tuple[str, ...], above: tuple[int, ...]) -> Iterator[Group]:
    for key, value in mapping.value:
        if value.id != "mapping" and value.tag != _NULL:
            raise NotPlainError(f"line {key.start_mark.line + 1}: the group {_text(key)} is no mapping")
        if id(value) in above:
            raise NotPlainError(f"line {key.start_mark.line + 1}: the group {_text(key)} contains itself")
        here = (*path, _text(key))
        group = Group(_text(key), here, key, value if value.id == "mapping" else None)
        for name in ("hosts", "children"):
            found = group.pair(name)
            if found is not None and found[1].id != "mapping" and found[1].tag != _NULL:
                raise NotPlainError(f"line {found[0].start_mark.line + 1}: {name} is no mapping")
        yield group
        below = group.pair("children")
        if below is not None and below[1].id == "mapping":
            yield from _groups(below[1], (*here, "children"), (*above, id(value)))


def _pair(mapping: MappingNode | None, name: str) -> tuple[ScalarNode, Node] | None:
    for key, value in mapping.value if mapping is not None else ():
        if _text(key) == name:
            return key, value
    return None


def _text(key: Node) -> str:
    if key.id != "scalar":
        raise NotPlainError(f"line {key.start_mark.line + 1}: a key is no plain word")
    return str(key.value)


def _refuse_doubles(node: Node, seen: set[int]) -> None:
    """Raise NotPlainError if a mapping has a key twice: the parser would silently take the last one."""
    if id(node) in seen or node.id == "scalar":
        return
    seen.add(id(node))
    if node.id == "mapping":
        names = [_text(key) for key, _ in node.value]
        for key, _ in node.value:
            if names.count(_text(key)) > 1:
                raise NotPlainError(f"line {key.start_mark.line + 1}: {_text(key)} is there twice")
    for part in node.value:
        for inner in part if node.id == "mapping" else (part,):
            _refuse_doubles(inner, seen)
