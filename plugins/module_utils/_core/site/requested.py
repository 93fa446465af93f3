# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields of a site that an operator asks for: read from text, and merged into the manifest that the site has.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import forms
from ..errors import RefusedError, UsageError
from .fields import LIST, SWITCH
from .manifest import FIELDS, NEVER_UNSET, SCHEMA

__all__ = ("merge", "parse_route", "parse_setting", "parse_upstream", "requested_fields")


def parse_route(text: str, *, field: str = "route") -> dict[str, object]:
    """Return the mapping of ``PATH=CONTAINER:PORT[:PROFILE]``; the parts have passed their forms."""
    path, equals, target = text.partition("=")
    name, *rest = target.split(":")
    if not equals or len(rest) not in (1, 2):
        raise RefusedError("this is not a route", field=field, value=text, expected="PATH=CONTAINER:PORT[:PROFILE]")
    return {
        "path": forms.path(path, field=field),
        "container": forms.container(name, field=field),
        "port": forms.port(rest[0], field=field),
        **({"profile": forms.profile(rest[1], field=field)} if len(rest) > 1 else {}),
    }


def parse_upstream(text: str, *, field: str = "upstream") -> list[dict[str, object]]:
    """Return the routes of Ansible's door: ``NAME:PORT[:PROFILE]``, or a comma list of ``PATH=NAME:PORT[:PROFILE]``."""
    return [parse_route(part if "=" in part else f"/={part}", field=field) for part in text.split(",")]


def parse_setting(text: str) -> tuple[str, object]:
    """Return field and value of ``FIELD=VALUE``: lists by comma, switches as on/off, true/false or yes/no.

    Raises UsageError for what is no field, and RefusedError for a value that is not of the field's form.
    """
    name, equals, value = text.partition("=")
    if name == "routes" or name not in FIELDS or not equals:
        raise UsageError(
            "there is no such field to set" if equals else "this sets nothing",
            field="set",
            value=text if not equals else name,
            expected=", ".join(key for key in FIELDS if key != "routes") if equals else "FIELD=VALUE",
            hint="--route PATH=CONTAINER:PORT" if name == "routes" else None,
        )
    if not value:
        raise UsageError("there is no value after =", field=f"set {name}", value=text, hint=f"--unset {name}")
    read: object = value
    if FIELDS[name].kind == SWITCH:
        read = forms.switch(value, field=f"set {name}")
    elif FIELDS[name].kind == LIST:
        read = value.split(",")
    return name, _plain(FIELDS[name].read(read, f"set {name}"))


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _strip(routes: object, paths: object) -> list[object]:
    """Return routes with ``strip_prefix`` said for those at ``paths``. UsageError where no route has such a path."""
    known = [dict(route) for route in routes if isinstance(route, Mapping)] if isinstance(routes, (list, tuple)) else []
    wanted = list(paths) if isinstance(paths, (list, tuple)) else [paths]
    there = [str(route.get("path")) for route in known]
    for path in wanted:
        if path not in there:
            raise UsageError("no route of the site has this path", field="strip_prefix", value=path, there_are=there)
    return [{**route, "strip_prefix": True} if route.get("path") in wanted else route for route in known]


def _typed(route: Mapping[str, Any]) -> str:
    """Return a route of a manifest as one would type it."""
    profile = f":{route['profile']}" if route.get("profile") else ""
    stripped = f" --strip-prefix {route['path']}" if route.get("strip_prefix") else ""
    return f"--route {route['path']}={route['container']}:{route['port']}{profile}{stripped}"


# Words about a site that are no fields of its manifest.
_SHORT = ("container", "port", "strip_prefix")


def merge(
    existing: Mapping[str, object] | None,
    said: Mapping[str, object],
    *,
    unset: list[str] | tuple[str, ...] = (),
) -> dict[str, object]:
    """Return the manifest after words typed: what they do not say stays, lists replace lists, ``unset`` drops a field.

    Besides the fields of a manifest ``said`` may have ``container`` and ``port``: the single route ``/``. On a site
    with other routes they would have to guess, so they are refused there. ``strip_prefix`` lists paths of its routes.
    """
    result = {key: value for key, value in (existing or {}).items() if value is not None}
    short = {key: said[key] for key in ("container", "port") if said.get(key) is not None}
    for name in unset:
        if name not in FIELDS or name in NEVER_UNSET:
            raise UsageError(
                "this field cannot be unset",
                field="unset",
                value=name,
                expected=", ".join(key for key in FIELDS if key not in NEVER_UNSET),
                hint="vsa auth remove" if name == "auth" else None,
            )
        if said.get(name) is not None:
            raise UsageError("a field is both said and unset", field="unset", value=name)
        result.pop(name, None)
    result.update({key: value for key, value in said.items() if value is not None and key not in _SHORT})
    if short and said.get("routes") is not None:
        raise UsageError("say either routes, or container and port", field="container", value=short.get("container"))
    if short:
        routes = list((existing or {}).get("routes") or [])  # type: ignore[call-overload]
        paths = [route.get("path") if isinstance(route, Mapping) else None for route in routes]
        if paths not in ([], ["/"]):
            raise RefusedError(
                "this site has other routes than /, so its routes must be said whole",
                field=next(iter(short)),
                value=next(iter(short.values())),
                there_are=[_typed(route) for route in routes if isinstance(route, Mapping)],
            )
        result["routes"] = [{**(dict(routes[0]) if routes else {"path": "/"}), **short}]
    if said.get("strip_prefix"):
        result["routes"] = _strip(result.get("routes"), said["strip_prefix"])
    result["schema"] = SCHEMA
    return result


def requested_fields(options: Mapping[str, Any]) -> dict[str, object]:
    """Return the fields that a task's options name, without those left out; texts of routes become mappings."""
    said = {key: options[key] for key in (*FIELDS, *_SHORT) if options.get(key) is not None}
    upstream = options.get("upstream")
    if upstream is not None:
        if any(key in said for key in ("routes", "container", "port")):
            raise UsageError("say either upstream, or routes, or container and port", field="upstream", value=upstream)
        said["routes"] = parse_upstream(str(upstream))
    elif "routes" in said:
        said["routes"] = [
            parse_route(route, field=f"routes/{number}") if isinstance(route, str) else route
            for number, route in enumerate(said["routes"])
        ]
    return said
