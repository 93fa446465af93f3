# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What VSA knows about one field of a manifest: its kind, its form, what it means, and a sample.

The dataclasses of ``manifest.py`` hold one row per field, and that row is the only place that describes the field.
The module options, the documentation fragment, the options of the role ``site`` and its README come from the rows
(``make docs`` writes the literal files).
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .. import forms
from ..errors import RefusedError

__all__ = (
    "HEADERS",
    "LIST",
    "NAMES",
    "NUMBER",
    "REQUEST_ONLY",
    "ROUTES",
    "SWITCH",
    "TEXT",
    "Field",
    "Option",
    "Reader",
    "list_of",
    "number",
    "row",
    "rows_of",
    "switch",
    "text",
)

TEXT = "text"
NUMBER = "number"
SWITCH = "switch"
LIST = "list"
ROUTES = "routes"
# Names of headers with their values.
HEADERS = "headers"
# The names of other fields.
NAMES = "names"

# Returns the value in its normal form. RefusedError, with the name that is given for the field, if it has no such form.
Reader = Callable[[object, str], Any]


@dataclass(frozen=True)
class Option:
    """What the options of a module or role show of one row.

    * ``kind``: TEXT, NUMBER, SWITCH, LIST, ROUTES, HEADERS or NAMES.
    * ``description``: what it means, in plain sentences and Ansible's markup.
    * ``sample``: a value as a manifest has it. Tests use it, and the documentation shows it.
    """

    kind: str
    description: str
    sample: object


@dataclass(frozen=True)
class Field(Option):
    """One row.

    * ``read``: checks a value.
    * ``when_requested``: a further sentence for the options of a module or role, where text may stand for a mapping.
    * ``may_be_unset``: whether ``--unset`` may return the field to its default.
    """

    read: Reader
    when_requested: str = ""
    may_be_unset: bool = True


_METADATA = "vsa_field"


def row(
    kind: str, read: Reader, description: str, *, sample: object, when_requested: str = "", may_be_unset: bool = True
) -> Mapping[str, Field]:
    """Return the metadata of a dataclass field that is a row."""
    return {_METADATA: Field(kind, description, sample, read, when_requested, may_be_unset)}


def rows_of(dataclass_with_rows: Any) -> dict[str, Field]:
    """Return the rows of a dataclass by the name of the field, in their order."""
    return {
        entry.name: entry.metadata[_METADATA]
        for entry in dataclasses.fields(dataclass_with_rows)
        if _METADATA in entry.metadata
    }


def text(form: Callable[..., Any]) -> Reader:
    """Return the reader of one of the forms of ``forms.py``."""

    def read(value: object, field: str) -> Any:
        return form(value, field=field)

    return read


def number(*, least: int, most: int) -> Reader:
    """Return the reader of a whole number within bounds."""

    def read(value: object, field: str) -> int:
        return forms.whole_number(value, field=field, least=least, most=most)

    return read


def switch(value: object, field: str) -> bool:
    """Return true or false."""
    return forms.boolean(value, field=field)


def list_of(form: Callable[..., Any], *, most: int) -> Reader:
    """Return the reader of a list whose entries have a form. An entry that occurs twice is kept once."""

    def read(value: object, field: str) -> tuple[Any, ...]:
        if isinstance(value, str) or not isinstance(value, (list, tuple)):
            raise RefusedError("this is not a list", field=field, value=value, expected="a list")
        if len(value) > most:
            raise RefusedError(
                f"the list has more than {most} entries", field=field, value=len(value), expected=f"at most {most}"
            )
        entries = [form(entry, field=f"{field}/{position}") for position, entry in enumerate(value)]
        return tuple(dict.fromkeys(entries))

    return read


# What an operator can ask for beside the fields of a manifest. ``_core/site/requested.py`` turns it into fields.
REQUEST_ONLY: dict[str, Option] = {
    "upstream": Option(
        TEXT,
        "V(NAME:PORT[:PROFILE]), or a comma list of V(PATH=NAME:PORT[:PROFILE]). An alternative to C(routes), and to "
        "C(container) and C(port).",
        sample="web-1:3000",
    ),
    "container": Option(TEXT, "The container of a site with the single route V(/).", sample="web-1"),
    "port": Option(NUMBER, "The port on which that container listens.", sample=3000),
    "strip_prefix": Option(
        LIST,
        "The paths of routes whose containers get the request without that path. A request for V(/api/x) reaches the "
        "container of V(/api/) as V(/x).",
        sample=("/api/",),
    ),
    "unset": Option(NAMES, "The fields that return to their default.", sample=("profile",)),
}
