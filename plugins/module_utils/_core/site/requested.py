# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields of a site that an operator requests: read from text, checked together, and merged into the manifest.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .. import forms
from ..contradictions import refuse_set_and_unset
from ..errors import RefusedError, UsageError
from ..hints import Hint
from .fields import LIST, SWITCH
from .manifest import FIELDS, NEVER_UNSET, SCHEMA, Site, parse, to_manifest

__all__ = (
    "merge",
    "parse_route",
    "parse_setting",
    "parse_upstream",
    "refuse_contradictions",
    "requested_fields",
    "requested_site",
)

# What stands for routes, or changes them, without being a field of the manifest.
_FOR_ROUTES = ("container", "port", "strip_prefix")
_ROUTES = Hint("site.provision", {"routes": "PATH=CONTAINER:PORT"}, same=True)


def parse_route(text: str, *, field: str = "route") -> dict[str, object]:
    """Return the mapping of ``PATH=CONTAINER:PORT[:PROFILE]``. RefusedError if a part has not its form."""
    path, equals, target = text.partition("=")
    name, *rest = target.split(":")
    if not equals or len(rest) not in (1, 2):
        raise RefusedError("this is not a route", field=field, value=text, expected="PATH=CONTAINER:PORT[:PROFILE]")
    route: dict[str, object] = {
        "path": forms.path(path, field=field),
        "container": forms.container(name, field=field),
        "port": forms.port(rest[0], field=field),
    }
    if len(rest) > 1:
        route["profile"] = forms.profile(rest[1], field=field)
    return route


def parse_upstream(text: str, *, field: str = "upstream") -> list[dict[str, object]]:
    """Return the routes of ``NAME:PORT[:PROFILE]``, or of a comma list of ``PATH=NAME:PORT[:PROFILE]``."""
    parts = [part if "=" in part else f"/={part}" for part in text.split(",")]
    return [parse_route(part, field=field) for part in parts]


def parse_setting(text: str) -> tuple[str, object]:
    """Return field and value of ``FIELD=VALUE``: a list by commas, a switch as on/off, true/false or yes/no.

    UsageError if there is no such field. RefusedError if the value has not the form of the field.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError("this sets nothing", field="set", value=text, expected="FIELD=VALUE")
    if name == "routes" or name not in FIELDS:
        raise UsageError(
            "there is no such field to set",
            field="set",
            value=name,
            expected=", ".join(key for key in FIELDS if key != "routes"),
            hint=_ROUTES if name == "routes" else None,
        )
    if not value:
        raise UsageError(
            "there is no value after =",
            field=f"set {name}",
            value=text,
            hint=Hint("site.provision", {"unset": name}, same=True),
        )
    field = FIELDS[name]
    typed: object = value
    if field.kind == SWITCH:
        typed = forms.switch(value, field=f"set {name}")
    elif field.kind == LIST:
        typed = value.split(",")
    checked = field.read(typed, f"set {name}")
    return name, list(checked) if isinstance(checked, tuple) else checked


def requested_fields(options: Mapping[str, Any]) -> dict[str, object]:
    """Return the fields that the options of a task request. Routes that are text become mappings.

    UsageError if two options contradict each other.
    """
    refuse_contradictions(options)
    requested = {key: options[key] for key in (*FIELDS, *_FOR_ROUTES) if options.get(key) is not None}
    if options.get("upstream") is not None:
        requested["routes"] = parse_upstream(str(options["upstream"]))
    elif "routes" in requested:
        requested["routes"] = [
            parse_route(route, field=f"routes/{number}") if isinstance(route, str) else route
            for number, route in enumerate(requested["routes"])
        ]
    return requested


def refuse_contradictions(options: Mapping[str, Any]) -> None:
    """Raise UsageError if two options contradict each other, whatever the host has. None means: not requested.

    The options are those of a site (the fields of a manifest, ``upstream``, ``container``, ``port``, ``unset``), and
    ``detect`` with ``external_port``.
    """
    given = {name: value for name, value in options.items() if value is not None}
    container = [name for name in ("container", "port") if name in given]
    if "upstream" in given and (container or "routes" in given):
        raise UsageError(
            "say either upstream, or routes, or container and port", field="upstream", value=given["upstream"]
        )
    if "routes" in given and container:
        raise UsageError("say either routes, or container and port", field=container[0], value=given[container[0]])
    _refuse_half_detection(given)
    _refuse_strip_without_route(given)
    refuse_set_and_unset(given, given.get("unset", ()))


def _refuse_half_detection(given: Mapping[str, Any]) -> None:
    """Raise UsageError if a container is to be detected without a port, or beside the name of a container."""
    detect = bool(given.get("detect"))
    if detect and "external_port" not in given:
        raise UsageError("to detect a container its published port is needed", field="external_port")
    if not detect and "external_port" in given:
        raise UsageError("say detect beside it", field="external_port", value=given["external_port"])
    named = [name for name in ("container", "routes", "upstream") if name in given]
    if detect and named:
        raise UsageError("say either detect, or what the container is", field="detect", value="true")


def _refuse_strip_without_route(given: Mapping[str, Any]) -> None:
    """Raise UsageError for a path in ``strip_prefix`` that is none of the requested routes.

    A container that is named or detected stands for the route ``/``, and nothing can be stripped from ``/``.
    """
    paths = [_path_of(route) for route in given.get("routes", ())]
    single = "container" in given or bool(given.get("detect"))
    for path in given.get("strip_prefix", ()):
        if single or (paths and path not in paths):
            raise UsageError("no route has this path", field="strip_prefix", value=path, there_are=paths)


def _path_of(route: object) -> str:
    """Return the path of a route that is text or a mapping."""
    return str(route.get("path")) if isinstance(route, Mapping) else str(route).partition("=")[0]


def requested_site(
    existing: Site | None, domain: str, requested: Mapping[str, object], *, unset: Sequence[str] = ()
) -> Site:
    """Return a site with the requested fields. ``existing`` is the site as its manifest has it, None if it is new."""
    if existing is not None and not requested and not unset:
        return existing
    if existing is None:
        _refuse_without_route(requested)
    manifest = merge(None if existing is None else to_manifest(existing), requested, unset=unset)
    return parse({**manifest, "domain": domain})


def _refuse_without_route(requested: Mapping[str, object]) -> None:
    """Raise UsageError if a new site gets no route, or half of one: only a present site has the other half."""
    if requested.get("routes") is not None:
        return
    missing = [name for name in ("container", "port") if requested.get(name) is None]
    if missing:
        verb = "are" if len(missing) > 1 else "is"
        raise UsageError(
            f"a new site needs a route, and its {' and its '.join(missing)} {verb} missing",
            field=missing[0],
            value="(not given)",
            expected="container and port, or a route",
        )


def merge(
    existing: Mapping[str, object] | None, requested: Mapping[str, object], *, unset: Sequence[str] = ()
) -> dict[str, object]:
    """Return a manifest with the requested fields. All other fields stay; a requested list replaces the present one.

    ``requested`` may also have ``container`` and ``port``, which mean the single route ``/``, and ``strip_prefix``, a
    list of paths of routes. ``container`` and ``port`` are refused if the site has other routes: they would be lost.
    """
    result = {key: value for key, value in (existing or {}).items() if value is not None}
    requested = {key: value for key, value in requested.items() if value is not None}
    refuse_contradictions({**requested, "unset": tuple(unset)})
    _refuse_unset(unset)
    for name in unset:
        result.pop(name, None)
    result.update({key: value for key, value in requested.items() if key not in _FOR_ROUTES})
    single = {key: value for key, value in requested.items() if key in ("container", "port")}
    if single:
        result["routes"] = [_single_route(_mappings(result.get("routes")), single)]
    if requested.get("strip_prefix"):
        result["routes"] = _strip(_mappings(result.get("routes")), requested["strip_prefix"])
    result["schema"] = SCHEMA
    return result


def _refuse_unset(unset: Iterable[str]) -> None:
    """Raise UsageError for a field that cannot return to a default."""
    for name in unset:
        if name not in FIELDS or name in NEVER_UNSET:
            raise UsageError(
                "this field cannot be unset",
                field="unset",
                value=name,
                expected=", ".join(key for key in FIELDS if key not in NEVER_UNSET),
                hint=Hint("auth.remove") if name == "auth" else None,
            )


def _mappings(routes: object) -> list[dict[str, Any]]:
    """Return the routes that are mappings; whatever else stands there is refused when the manifest is parsed."""
    if not isinstance(routes, (list, tuple)):
        return []
    return [dict(route) for route in routes if isinstance(route, Mapping)]


def _single_route(routes: Sequence[Mapping[str, Any]], requested: Mapping[str, object]) -> dict[str, object]:
    """Return the route ``/`` with another container or port. RefusedError if the site has other routes."""
    if [route.get("path") for route in routes] not in ([], ["/"]):
        name, value = next(iter(requested.items()))
        raise RefusedError(
            "this site has other routes than /, so its routes must be said whole",
            field=name,
            value=value,
            there_are=[_typed(route) for route in routes],
        )
    present = routes[0] if routes else {"path": "/"}
    return {**present, **requested}


def _typed(route: Mapping[str, Any]) -> str:
    """Return a route of a manifest as an operator types it; the flag or option around it is the door's."""
    text = f"{route['path']}={route['container']}:{route['port']}"
    if route.get("profile"):
        text += f":{route['profile']}"
    if route.get("strip_prefix"):
        text += " (its prefix is stripped)"
    if route.get("headers"):
        text += f" (it sets {', '.join(map(str, route['headers']))})"
    return text


def _strip(routes: Sequence[Mapping[str, Any]], paths: object) -> list[dict[str, Any]]:
    """Return the routes with ``strip_prefix`` for those at ``paths``. UsageError if no route has such a path."""
    wanted = list(paths) if isinstance(paths, (list, tuple)) else [paths]
    there = [str(route.get("path")) for route in routes]
    for path in wanted:
        if path not in there:
            raise UsageError("no route of the site has this path", field="strip_prefix", value=path, there_are=there)
    return [{**route, "strip_prefix": True} if route.get("path") in wanted else dict(route) for route in routes]
