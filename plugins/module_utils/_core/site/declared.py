# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites that an inventory declares: read strictly, and every mistake reported at once.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import forms
from ..errors import RefusedError, VsaError, shown
from ..hints import Hint
from .manifest import DECLARED, FIELDS, Site, parse, to_manifest

__all__ = (
    "WHERE",
    "clashes",
    "declaration",
    "differing_fields",
    "in_one",
    "parse_declared",
)

WHERE = "vsa_sites"
# A declaration that does not name these fields leaves them as the site has them. Only the host knows the users, and a
# path behind a password must not be opened because a file does not mention it.
_KEPT = ("auth",)
# What the place of a declaration says already.
_BESIDE = ("schema", "domain", "origin")
_MOST_CANDIDATES = 5
_MOST_DETAILS = 3


def parse_declared(
    entries: Sequence[Any], before: Callable[[str], Site | None] = lambda domain: None
) -> tuple[dict[str, Site], list[VsaError]]:
    """Return the valid sites by their domain, and every mistake. Each entry has ``domain`` and ``manifest``.

    A declaration is a complete manifest without schema, domain and origin. Protected paths that it does not name stay
    as the site ``before`` has them.
    """
    sites: dict[str, Site] = {}
    wrong: list[VsaError] = []
    for entry in entries:
        if not isinstance(entry, Mapping) or "manifest" not in entry:
            wrong.append(RefusedError("the declared sites are not a mapping by domain", field=WHERE, value=entry))
            continue
        key, fields = entry.get("domain"), entry["manifest"]
        try:
            site = _site(key, fields, before)
        except VsaError as error:
            wrong += _every_mistake(error, key, fields)
            continue
        if site.domain in sites:
            wrong.append(RefusedError("a site is declared twice", field=WHERE, value=site.domain))
        sites[site.domain] = site
    return sites, wrong


def declaration(site: Site) -> dict[str, object]:
    """Return the fields that declare a site."""
    return {key: value for key, value in to_manifest(site).items() if key not in _BESIDE}


def _site(key: object, fields: object, before: Callable[[str], Site | None]) -> Site:
    """Return a declared site. VsaError with its first mistake."""
    domain = forms.domain(key, field=WHERE)
    where = f"{WHERE}/{domain}/"
    if not isinstance(fields, Mapping):
        raise RefusedError(
            "this declared site is not a mapping",
            field=where.rstrip("/"),
            value=fields,
            expected="the fields of a manifest",
        )
    for name in ("domain", "origin"):
        if fields.get(name) is not None:
            raise RefusedError(
                "a declaration must not set this field: the key and the place of the declaration say it",
                field=f"{where}{name}",
                value=fields[name],
            )
    site = parse({**fields, "domain": domain, "origin": DECLARED}, where=where)
    present = before(domain)
    if present is None:
        return site
    kept = {name: getattr(present, name) for name in _KEPT if fields.get(name) is None}
    return dataclasses.replace(site, **kept)


def _every_mistake(first: VsaError, key: object, fields: object) -> list[VsaError]:
    """Return every mistake of a declaration. The first one hides the others, so each field is read by itself."""
    if not isinstance(fields, Mapping):
        return [first]
    of_key = [first] if first.field == WHERE else []
    return [*of_key, *_field_by_field(f"{WHERE}/{shown(key)}/", fields)] or [first]


def _field_by_field(where: str, fields: Mapping[str, Any]) -> list[VsaError]:
    wrong: list[VsaError] = []
    for name, value in fields.items():
        if name not in FIELDS and name != "schema":
            wrong.append(RefusedError("a manifest has no such field", field=f"{where}{shown(name)}", value=name))
        if name not in FIELDS or value is None:
            continue
        try:
            FIELDS[name].read(value, f"{where}{name}")
        except VsaError as error:
            wrong.append(error)
    return wrong


def clashes(sites: Mapping[str, Site], others: Mapping[str, str]) -> list[VsaError]:
    """Return an error for each name that two sites claim. ``others`` maps names of sites that stay to their domain."""
    owners = dict(others)
    wrong: list[VsaError] = []
    for domain, site in sites.items():
        for name in site.names:
            owner = owners.setdefault(name, domain)
            if owner == domain:
                continue
            place = "" if name == domain else "/aliases"
            wrong.append(
                RefusedError(
                    f"{name} already belongs to the site {owner}",
                    field=f"{WHERE}/{domain}{place}",
                    value=name,
                    hint=Hint("site.show", {"domain": owner}),
                )
            )
    return wrong


def in_one(wrong: Sequence[VsaError], *, of: int, state: str | None = None) -> VsaError:
    """Return one error for all mistakes, with the worst exit code. A single mistake is returned as it is.

    ``of`` is the number of declared sites. ``state`` replaces the state of the host in the error.
    """
    worst = max(wrong, key=lambda error: error.exit_code)
    if len(wrong) == 1:
        worst.state = state or worst.state
        return worst
    sites = f"the {of} declared sites" if of > 1 else "the declared site"
    return type(worst)(
        f"{len(wrong)} mistakes in {sites}",
        field=WHERE,
        details=[line for error in wrong for line in _lines(error)],
        state=state or worst.state,
    )


def _lines(error: VsaError) -> list[str]:
    """Return an error as lines among others."""
    text = error.message
    if error.expected:
        text += f" (expected {error.expected})"
    if error.there_are:
        text += f" (there are {', '.join(error.there_are[:_MOST_CANDIDATES])})"
    if error.field and error.value is not None:
        text = f"{error.field} = {shown(error.value)}: {text}"
    elif error.field:
        text = f"{error.field}: {text}"
    return [text, *(f"  {line}" for line in error.details[:_MOST_DETAILS])]


def differing_fields(before: Site, after: Site) -> list[str]:
    """Return the names of the fields in which two sites differ, in the order of a manifest."""
    return [name for name in (*FIELDS, "origin") if getattr(before, name) != getattr(after, name)]
