"""Check an inventory before Ansible starts: the variables that are ours, the hub, and the addresses of the hosts.

``schema.json`` says which values are right. It is made of the types in ``variables.py``, and has only a few words of
JSON Schema, which :func:`fits` knows. A file is parsed with the places of its lines only if something is wrong.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vsa.core import NOTHING_CHANGED, SECRET_OPTIONS, UsageError, checked
from vsa.fleet.read import Fleet, Variables, is_unknown, read_fleet

__all__ = ("Problem", "fits", "problems", "refuse_wrong_inventory", "schema")

_SCHEMA = Path(__file__).parent / "schema.json"
_HUB = "hub"
_TYPES: Mapping[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "null": (type(None),),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}


@dataclass(frozen=True)
class Problem:
    """What is wrong in an inventory: the file, the keys that lead there, and the texts of the error."""

    file: Path
    keys: tuple[str, ...]
    message: str
    field: str
    value: str
    expected: str

    def error(self) -> UsageError:
        """Return the error that an operator reads, with file and line."""
        line = line_of(self.file, self.keys)
        place = f"{self.file}:{line}" if line else str(self.file)
        return UsageError(
            f"{place}: {self.message}",
            field=self.field,
            value=self.value,
            expected=self.expected,
            state=NOTHING_CHANGED,
        )


def refuse_wrong_inventory(inventory: str | None) -> None:
    """Raise UsageError for the first thing that is wrong in an inventory. What only Ansible can read is passed over."""
    fleet = read_fleet(inventory)
    if fleet is None:
        return
    for problem in problems(fleet):
        raise problem.error()


def problems(fleet: Fleet) -> Iterator[Problem]:
    """Yield what is wrong in an inventory."""
    for variables in fleet.all_variables():
        yield from _wrong_values(variables)
    if fleet.groups is not None:
        yield from _second_hub(fleet)
        yield from _same_address(fleet)


@functools.cache
def schema() -> Mapping[str, Mapping[str, Any]]:
    """Return what each variable of ours may be, by its name."""
    made: Mapping[str, Mapping[str, Any]] = json.loads(_SCHEMA.read_text(encoding="utf-8"))
    return made


def fits(value: Any, rule: Mapping[str, Any]) -> bool:
    """Say whether a value fits a rule of the schema."""
    if "anyOf" in rule and not any(fits(value, one) for one in rule["anyOf"]):
        return False
    if "enum" in rule and not any(value == one and type(value) is type(one) for one in rule["enum"]):
        return False
    if "type" in rule and not _is_of(value, rule["type"]):
        return False
    if isinstance(value, str):
        return _text_fits(value, rule)
    if isinstance(value, int) and not isinstance(value, bool):
        return bool(rule.get("minimum", value) <= value <= rule.get("maximum", value))
    if isinstance(value, list):
        return "items" not in rule or all(fits(item, rule["items"]) for item in value)
    if isinstance(value, dict):
        return _mapping_fits(value, rule)
    return True


def line_of(file: Path, keys: Iterable[str]) -> int | None:
    """Return the line, from 1 on, of the place to which keys lead in a YAML file; None if it cannot be found."""
    import yaml

    from vsa.ansible.inventory import yaml_loader

    try:
        node: Any = yaml.compose(file.read_text(encoding="utf-8"), yaml_loader())
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    line = None
    for key in keys:
        if node is None or node.id != "mapping":
            return line
        found = next((pair for pair in node.value if pair[0].value == key), None)
        if found is None:
            return line
        line, node = int(found[0].start_mark.line) + 1, found[1]
    return line


def _wrong_values(variables: Variables) -> Iterator[Problem]:
    rules = schema()
    for name in variables.values:
        rule = rules.get(name)
        value = variables.values[name]
        if rule is None or fits(value, rule):
            continue
        is_secret = name in SECRET_OPTIONS
        yield Problem(
            file=variables.file,
            keys=(*variables.keys, name),
            message=f"this is no value for {name}",
            field=name,
            value="(not shown, because it may be a secret)" if is_secret else _shown(value),
            expected=str(rule["expected"]),
        )


def _second_hub(fleet: Fleet) -> Iterator[Problem]:
    hubs = (fleet.groups or {}).get(_HUB, ())
    if len(hubs) < 2:
        return
    file, keys = _place_of_group(fleet, _HUB, hubs[1])
    yield Problem(
        file=file,
        keys=keys,
        message="a fleet has one hub",
        field=f"group {_HUB}",
        value=", ".join(hubs),
        expected="one host",
    )


def _same_address(fleet: Fleet) -> Iterator[Problem]:
    seen: dict[tuple[Any, ...], str] = {}
    for host in fleet.hosts:
        address = fleet.address(host)
        if address is None or fleet.own_value(host, "ansible_host") is None:
            continue
        # Behind two different jump hosts, one address can be two hosts.
        ways = [str(fleet.value(host, f"ansible_ssh_{name}")) for name in ("common_args", "extra_args", "args")]
        other = seen.setdefault((*address, *ways), host)
        if other != host:
            file, keys = _place_of_address(fleet, host)
            yield Problem(
                file=file,
                keys=keys,
                message=f"{host} has the address and port of {other}",
                field="ansible_host",
                value=f"{address[0]} port {address[1]}",
                expected="an address and port of its own for each host",
            )


def _place_of_group(fleet: Fleet, name: str, host: str) -> tuple[Path, tuple[str, ...]]:
    """Return the file and the keys of a group's host, or else of the group."""
    from vsa.ansible.inventory import inventory_files, load_yaml

    best: tuple[Path, tuple[str, ...]] = (fleet.source, ())
    for file in inventory_files(fleet.source):
        content = load_yaml(file) if file is not None else None
        for keys, group in _walk(content if isinstance(content, dict) else {}, ()):
            if keys[-1] == name and file is not None:
                has = isinstance(group, dict) and host in (group.get("hosts") or {})
                best = (file, (*keys, "hosts", host) if has else keys)
                if has:
                    return best
    return best


def _walk(groups: Mapping[Any, Any], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, group in groups.items():
        keys = (*above, str(name))
        yield keys, group
        below = group.get("children") if isinstance(group, dict) else None
        if isinstance(below, dict):
            yield from _walk(below, (*keys, "children"))


def _place_of_address(fleet: Fleet, host: str) -> tuple[Path, tuple[str, ...]]:
    for variables in (*fleet.host_files, *fleet.inline_hosts):
        if variables.of == host and "ansible_host" in variables.values:
            return variables.file, (*variables.keys, "ansible_host")
    return fleet.source, ()


def _is_of(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES[kind])


def _text_fits(value: str, rule: Mapping[str, Any]) -> bool:
    if "pattern" in rule and not _compiled(rule["pattern"]).search(value):
        return False
    form = rule.get("format")
    if form is None or not value or is_unknown(value):
        return True
    return _has_form(str(form).removeprefix("vsa-"), value)


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    # In JSON Schema `$` is the end of the text. In Python a line feed may follow.
    return re.compile(pattern.replace("$", r"\Z"))


@functools.cache
def _has_form(form: str, value: str) -> bool:
    try:
        checked(form, value, field=form)
    except UsageError:
        return False
    return True


def _mapping_fits(value: Mapping[Any, Any], rule: Mapping[str, Any]) -> bool:
    if any(name not in value for name in rule.get("required", ())):
        return False
    own = rule.get("properties", {})
    rest = rule.get("additionalProperties", True)
    for name, item in value.items():
        inner = own.get(name, rest)
        if inner is False or (isinstance(inner, dict) and not fits(item, inner)):
            return False
    return True


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 100 else f"{text[:99]}…"
