# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes of the JSON files that VSA writes itself: a file may be damaged, and then has another shape.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Union

__all__ = ("ListOf", "MapOf", "Maybe", "Object", "Shape", "misfit")

_NAMES = {int: "a whole number", str: "a text", bool: "true or false", dict: "an object", list: "a list"}


@dataclass(frozen=True)
class ListOf:
    """A list whose entries have one shape."""

    entry: Shape


@dataclass(frozen=True)
class MapOf:
    """An object with any keys whose values have one shape."""

    value: Shape


@dataclass(frozen=True)
class Maybe:
    """A value of a shape, or null."""

    value: Shape


@dataclass(frozen=True)
class Object:
    """An object that must have the fields ``required``, and may have the fields ``optional`` and others."""

    required: Mapping[str, Shape]
    optional: Mapping[str, Shape]


Shape = Union[type, ListOf, MapOf, Maybe, Object]


def misfit(data: object, shape: Shape) -> str | None:
    """Return where data has not its shape and what was expected there, None if it fits."""
    # The record of 1,000 sites has 20,000 values, and no run needs a place for each of them.
    return None if _fits(data, shape) else _misfit(data, shape, place="")


def _fits(data: Any, shape: Shape) -> bool:
    """Say whether data has its shape. JSON has no subclasses, so the type of a value is exactly that of its shape."""
    if isinstance(shape, type):
        return data.__class__ is shape
    if isinstance(shape, ListOf):
        return data.__class__ is list and _all_fit(data, shape.entry)
    if isinstance(shape, Maybe):
        return data is None or _fits(data, shape.value)
    if data.__class__ is not dict:
        return False
    if isinstance(shape, MapOf):
        return _all_fit(data.values(), shape.value)
    if not shape.required.keys() <= data.keys():
        return False
    for part in (shape.required, shape.optional):
        for name, inner in part.items():
            if name in data and data[name].__class__ is not inner and not _fits(data[name], inner):
                return False
    return True


def _all_fit(values: Collection[Any], shape: Shape) -> bool:
    if isinstance(shape, type):
        return set(map(type, values)) <= {shape}
    if isinstance(shape, Object):
        return _all_objects_fit(values, shape)
    return all(_fits(value, shape) for value in values)


def _all_objects_fit(values: Collection[Any], shape: Object) -> bool:
    """Say whether each value is an object of one shape. Objects with the same fields and types are judged once."""
    judged: dict[tuple[Any, ...], list[tuple[str, Shape]]] = {}
    for value in values:
        if value.__class__ is not dict:
            return False
        kinds = (*value, *map(type, value.values()))
        lists = judged.get(kinds)
        if lists is None:
            if not _fits(value, shape):
                return False
            judged[kinds] = _unjudged(value, shape)
            continue
        for name, entry in lists:
            if not _fits(value[name], entry):
                return False
    return True


def _unjudged(value: Mapping[str, Any], shape: Object) -> list[tuple[str, Shape]]:
    """Return the fields of an object whose type alone does not say that they fit, with their shapes."""
    parts = [*shape.required.items(), *shape.optional.items()]
    return [
        (name, inner)
        for name, inner in parts
        if name in value and not isinstance(inner, type) and inner != Maybe(value[name].__class__)
    ]


def _misfit(data: object, shape: Shape, *, place: str) -> str | None:
    if isinstance(shape, Maybe):
        return None if data is None else _misfit(data, shape.value, place=place)
    if isinstance(shape, type):  # a kind of value that JSON has
        # To Python true is a number too.
        fits = isinstance(data, shape) and (shape is bool or not isinstance(data, bool))
        return None if fits else f"{place or 'it'} is not {_NAMES.get(shape, shape.__name__)}"
    parts: list[tuple[str, object, Shape]]
    if isinstance(shape, ListOf):
        if not isinstance(data, list):
            return f"{place or 'it'} is not a list"
        parts = [(f"{place}/{number}", value, shape.entry) for number, value in enumerate(data)]
    elif not isinstance(data, dict):
        return f"{place or 'it'} is not an object"
    elif isinstance(shape, MapOf):
        parts = [(f"{place}/{key}", value, shape.value) for key, value in data.items()]
    else:
        missing = [name for name in shape.required if name not in data]
        if missing:
            return f"{place}/{missing[0]} is missing"
        known = {**shape.required, **shape.optional}
        parts = [(f"{place}/{name}", data[name], known[name]) for name in known if name in data]
    problems = (_misfit(value, inner, place=where) for where, value, inner in parts)
    return next((problem for problem in problems if problem), None)
