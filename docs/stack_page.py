"""The reference of stack.yml, made of its JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vsa.stack_file import stack_schema

__all__ = ("stack_pages",)

_INTRODUCTION = """\
`stack.yml` lies beside the `compose.yml` of a stack and says what Compose cannot say: the tenant, the secrets, the
directories, the sites and the ports. [Start, change and stop a stack](../howto/stacks.md) shows its use.
A field that is unknown is refused.

An editor with the language server of YAML checks the file while you write, if its first line names the schema:

```yaml
# yaml-language-server: $schema=./docs/reference/stack.schema.json
```

The path is that of [stack.schema.json](stack.schema.json) in a clone of this repository. The schema is a part of what
the host checks: a domain, for example, has more rules than a schema can hold."""


def stack_pages(note: str) -> dict[Path, str]:
    """Return the JSON Schema and the page, each by its name below docs/reference."""
    schema = stack_schema()
    lines = ["# The file `stack.yml`", "", note, "", _INTRODUCTION, "", "| field | type | default | meaning |"]
    lines += ["|---|---|---|---|", *_rows(schema, schema)]
    return {
        Path("stack.md"): "\n".join(lines) + "\n",
        Path("stack.schema.json"): json.dumps(schema, indent=2, ensure_ascii=False) + "\n",
    }


def _rows(node: Mapping[str, Any], schema: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield one row per field, those inside of another below it with a dotted name."""
    required = set(node.get("required", ()))
    for name, field in node["properties"].items():
        inner, is_list = _inner(field, schema)
        default = "**required**" if name in required else _default(field)
        meaning = str(field.get("description", "")).replace("|", r"\|")
        yield f"| `{prefix}{name}` | {_kind(field, is_list=is_list, inner=inner)} | {default} | {meaning} |"
        if inner:
            yield from _rows(inner, schema, f"{prefix}{name}{'[]' if is_list else ''}.")


def _without_null(field: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the one alternative of a field that may be left empty, which YAML reads as null."""
    others = [entry for entry in field.get("anyOf", ()) if entry != {"type": "null"}]
    return others[0] if len(others) == 1 else field


def _inner(field: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """Return the mapping inside of a field, empty if there is none, and whether the field is a list."""
    said = _without_null(field)
    is_list = said.get("type") == "array"
    entry = said["items"] if is_list else said
    forms = [form for form in (entry, *entry.get("anyOf", ())) if "$ref" in form]
    if not forms:
        return {}, is_list
    return schema["$defs"][forms[0]["$ref"].rpartition("/")[2]], is_list


def _kind(field: Mapping[str, Any], *, is_list: bool, inner: Mapping[str, Any]) -> str:
    said = _without_null(field)
    if is_list:
        return f"list of {'mappings' if inner else said['items']['type']}"
    if inner:
        return "mapping"
    if "anyOf" in said:
        kinds = [_kind(entry, is_list=entry.get("type") == "array", inner={}) for entry in said["anyOf"]]
        return " or ".join(kind for kind in kinds if kind != "null")
    if "enum" in said:
        return ", ".join(f"`{value}`" for value in said["enum"])
    if "const" in said:
        return f"`{said['const']}`"
    kind = said.get("type", "")
    return kind if isinstance(kind, str) else " or ".join(kind)


def _default(field: Mapping[str, Any]) -> str:
    value = field.get("default")
    if value in (None, ""):
        return "—"
    return f"`{value}`"
