"""The parts of source files that come from the fields of a manifest (``_core/site``), one row per field.

A part stands between a line ``# BEGIN <name>`` and a line ``# END <name>``, and is indented like them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import yaml
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.fields import (
    HEADERS,
    LIST,
    NAMES,
    NUMBER,
    REQUEST_ONLY,
    ROUTES,
    SWITCH,
    TEXT,
    Field,
    Option,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.manifest import FIELDS, ROUTE_FIELDS

__all__ = ("PARTS", "SOURCES", "filled")

REQUESTED: Mapping[str, Option] = {**REQUEST_ONLY, **FIELDS}

# The type of an option, by the kind of its field. The core checks the form of what somebody requests, with a better
# error than Ansible's, so there the types are wide.
_RAW_LIST = {"type": "list", "elements": "raw"}
_MODULE = {
    TEXT: {"type": "raw"},
    NUMBER: {"type": "raw"},
    SWITCH: {"type": "bool"},
    LIST: _RAW_LIST,
    ROUTES: _RAW_LIST,
    NAMES: {"type": "list", "elements": "str"},
}
_ROLE = {**_MODULE, TEXT: {"type": "str"}}
_MANIFEST = {
    TEXT: {"type": "str"},
    NUMBER: {"type": "int"},
    SWITCH: {"type": "bool"},
    LIST: {"type": "list", "elements": "str"},
    ROUTES: {"type": "list", "elements": "dict"},
    HEADERS: {"type": "dict"},
}


def sample(field: Option) -> str | None:
    """Return a sample as one would write it, or None if the description shows one."""
    if field.kind in (SWITCH, ROUTES):
        return None
    if isinstance(field.sample, Mapping):
        return ", ".join(f"{name}: {value}" for name, value in field.sample.items())
    entries = field.sample if isinstance(field.sample, tuple) else (field.sample,)
    text = ", ".join(str(entry) for entry in entries)
    return None if f"V({text})" in field.description else text


def description(field: Option, *, requested: bool) -> str:
    """Return what an option of a field means; ``requested`` if it changes a manifest instead of being one."""
    sentences = [field.description]
    if requested and isinstance(field, Field):
        sentences += [field.when_requested] if field.when_requested else []
        sentences += ["The list replaces the present one."] if field.kind in (LIST, ROUTES) else []
    if text := sample(field):
        sentences.append(f"For example V({text}).")
    return " ".join(sentences)


def _option(field: Option, types: Mapping[str, Mapping[str, str]], *, requested: bool) -> dict[str, object]:
    return {"description": description(field, requested=requested), **types[field.kind]}


def _yaml(data: object) -> list[str]:
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)
    return text.splitlines()


def module_options() -> list[str]:
    """Return the options of a site, for the documentation of modules."""
    return _yaml({name: _option(field, _MODULE, requested=True) for name, field in REQUESTED.items()})


def role_options() -> list[str]:
    """Return the options of the role ``site`` that change a manifest."""
    return _yaml({f"site_{name}": _option(field, _ROLE, requested=True) for name, field in REQUESTED.items()})


def role_defaults() -> list[str]:
    """Return the defaults of these options: each says nothing."""
    return [f"site_{name}: null" for name in REQUESTED]


def task_options() -> list[str]:
    """Return the options of the module as the task of the role passes them on."""
    return [f'{name}: "{{{{ site_{name} }}}}"' for name in REQUESTED]


def manifest_options() -> list[str]:
    """Return the fields of a manifest, for the declarations of an inventory."""
    options: dict[str, dict[str, object]] = {}
    for name, field in FIELDS.items():
        options[name] = _option(field, _MANIFEST, requested=False)
        if not field.may_be_unset and field.kind == ROUTES:
            options[name]["required"] = True
        if field.kind == ROUTES:
            options[name]["options"] = dict(_route_options())
    return _yaml(options)


def _route_options() -> Iterator[tuple[str, dict[str, object]]]:
    for name, field in ROUTE_FIELDS.items():
        option = _option(field, _MANIFEST, requested=False)
        if name in ("path", "container", "port"):
            option["required"] = True
        yield name, option


PARTS: Mapping[str, Callable[[], list[str]]] = {
    "fields of a site": module_options,
    "requested fields": role_options,
    "defaults of the requested fields": role_defaults,
    "options of the requested fields": task_options,
    "fields of a manifest": manifest_options,
}
"""What stands between the two lines, by the name in them."""

SOURCES = (
    Path("plugins/doc_fragments/site.py"),
    Path("roles/site/meta/argument_specs.yml"),
    Path("roles/site/defaults/main.yml"),
    Path("roles/site/tasks/provision.yml"),
)
"""The files that hold such parts."""


def filled(text: str) -> str:
    """Return the text of a source file with its parts written again."""
    for name, lines in PARTS.items():
        part = re.compile(rf"(?m)^( *)# BEGIN {re.escape(name)}\b.*\n(?:.*\n)*?\1# END {re.escape(name)}$")

        def write(found: re.Match[str], name: str = name, lines: Callable[[], list[str]] = lines) -> str:
            indent = found[1]
            written = [f"# BEGIN {name} (made by `make docs`)", *lines(), f"# END {name}"]
            return "\n".join(f"{indent}{line}" for line in written)

        text = part.sub(write, text)
    return text
