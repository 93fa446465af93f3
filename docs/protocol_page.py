"""The generated part of ``docs/reference/agent-protocol.md``: the sections of a beat, field by field."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.answer import STATUS_OF
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.sections import SECTIONS, Field

__all__ = ("protocol_page",)

PAGE = Path(__file__).parent / "reference/agent-protocol.md"
_PARTS = re.compile(r"(<!-- BEGIN (\w+) -->\n).*?(<!-- END \w+ -->)", re.DOTALL)
_NOTE = "<!-- Made by `make docs`; do not edit. -->"


def protocol_page() -> str:
    """Return the page with its generated parts written again."""
    made = {"sections": "\n".join(_sections()), "errors": "\n".join(_errors())}
    return _PARTS.sub(
        lambda found: f"{found[1]}{_NOTE}\n\n{made[found[2]]}\n\n{found[3]}", PAGE.read_text(encoding="utf-8")
    )


def _sections() -> Iterator[str]:
    for number, (name, section) in enumerate(SECTIONS.items()):
        if number:
            yield ""
        yield from (f"### `{name}`", "", f"{section.means} Key: `{section.key}`.", "")
        yield from ("| field | kind | meaning |", "|---|---|---|")
        yield from _rows(section.fields)


def _rows(fields: Mapping[str, Field], prefix: str = "") -> Iterator[str]:
    for name, field in fields.items():
        yield f"| `{prefix}{name}` | {field.kind} | {field.means} |"
        yield from _rows(field.fields, f"{prefix}{name}.")


def _errors() -> Iterator[str]:
    yield from ("| code | HTTP status |", "|---|---|")
    yield from (f"| `{code}` | {status} |" for code, status in STATUS_OF.items())
