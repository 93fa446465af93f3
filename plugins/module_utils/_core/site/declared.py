# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites that an inventory declares: read strictly and all at once, and what becomes of them when somebody types.

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
    "refusals",
)

WHERE = "vsa_sites"
# What a declaration that is silent about it leaves as it is: who may pass is known to the host alone, and a path that
# asks for a password must not be opened because somebody's file does not speak of it.
_KEPT = ("auth",)


def parse_declared(
    entries: Sequence[Any], before: Callable[[str], Site | None] = lambda domain: None
) -> tuple[dict[str, Site], list[VsaError]]:
    """Return the sites by their domain, and all that is wrong; each entry has ``domain`` and ``manifest``.

    A declaration is a whole manifest without its schema, domain and origin, which its place says; but for protected
    paths that it does not speak of, which stay as the site has them ``before``.
    """
    sites: dict[str, Site] = {}
    wrong: list[VsaError] = []
    for entry in entries:
        if not isinstance(entry, Mapping) or "manifest" not in entry:
            wrong.append(RefusedError("the declared sites are a mapping by domain", field=WHERE, value=entry))
            continue
        key, fields = entry.get("domain"), entry["manifest"]
        found: list[Site] = []
        errors = refusals(lambda key=key, fields=fields, found=found: found.append(_site(key, fields, before)))  # type: ignore[misc]
        if errors and isinstance(fields, Mapping):
            # One mistake hides the next ones: look at each field by itself.
            of_key = [error for error in errors if error.field == WHERE]
            errors = [*of_key, *_field_by_field(f"{WHERE}/{shown(key)}/", fields)] or errors
        wrong += errors
        for site in found:
            if site.domain in sites:
                wrong.append(RefusedError("a site is declared twice", field=WHERE, value=site.domain))
            sites[site.domain] = site
    return sites, wrong


def declaration(site: Site) -> dict[str, object]:
    """Return what declares a site: its manifest without what the place of a declaration says already."""
    return {key: value for key, value in to_manifest(site).items() if key not in ("schema", "domain", "origin")}


def refusals(call: Callable[[], object]) -> list[VsaError]:
    """Return what a call refuses: nothing, or the one error."""
    try:
        call()
    except VsaError as error:
        return [error]
    return []


def _site(key: object, fields: object, before: Callable[[str], Site | None]) -> Site:
    domain = forms.domain(key, field=WHERE)
    where = f"{WHERE}/{domain}/"
    if not isinstance(fields, Mapping):
        raise RefusedError(
            "a declared site is a mapping", field=where.rstrip("/"), value=fields, expected="the fields of a manifest"
        )
    for name in ("domain", "origin"):
        if fields.get(name) is not None:
            raise RefusedError(
                "a declaration does not say this: its key and its place do", field=f"{where}{name}", value=fields[name]
            )
    site = parse({**fields, "domain": domain, "origin": DECLARED}, where=where)
    there = before(domain)
    unsaid = [name for name in _KEPT if name in FIELDS and fields.get(name) is None]
    return dataclasses.replace(site, **{name: getattr(there, name) for name in unsaid}) if there else site


def _field_by_field(where: str, fields: Mapping[str, Any]) -> list[VsaError]:
    wrong = []
    for name, value in fields.items():
        if value is not None and name in FIELDS:
            wrong += refusals(lambda name=name, value=value: FIELDS[name].read(value, f"{where}{name}"))  # type: ignore[misc]
        elif name not in FIELDS and name not in ("schema",):
            wrong.append(RefusedError("a manifest has no such field", field=f"{where}{shown(name)}", value=name))
    return wrong


def clashes(sites: Mapping[str, Site], others: Mapping[str, str]) -> list[VsaError]:
    """Return an error for each name that two sites claim; ``others`` maps names of sites that stay to their domain."""
    owners = dict(others)
    wrong: list[VsaError] = []
    for domain, site in sites.items():
        for name in site.names:
            owner = owners.setdefault(name, domain)
            if owner != domain:
                wrong.append(
                    RefusedError(
                        f"{name} already belongs to the site {owner}",
                        field=f"{WHERE}/{domain}{'' if name == domain else '/aliases'}",
                        value=name,
                        hint=Hint("site.show", {"domain": owner}),
                    )
                )
    return wrong


def in_one(wrong: Sequence[VsaError], *, of: int, state: str | None = None) -> VsaError:
    """Return all that is wrong as one error, the worst exit code's kind; one alone speaks for itself."""
    worst = max(wrong, key=lambda error: error.exit_code)
    if len(wrong) == 1:
        worst.state = state or worst.state
        return worst
    return type(worst)(
        f"{len(wrong)} mistakes in the {of} declared sites"
        if of > 1
        else f"{len(wrong)} mistakes in the declared site",
        field=WHERE,
        details=[line for error in wrong for line in _lines(error)],
        state=state or worst.state,
    )


def _lines(error: VsaError) -> list[str]:
    where = f"{error.field} = {shown(error.value)}: " if error.value is not None else f"{error.field}: "
    expected = f" (expected {error.expected})" if error.expected else ""
    expected += f" (there are {', '.join(error.there_are[:5])})" if error.there_are else ""
    return [f"{where if error.field else ''}{error.message}{expected}", *(f"  {line}" for line in error.details[:3])]


def differing_fields(before: Site, after: Site) -> list[str]:
    """Return the names of the fields in which two sites differ, in the order of a manifest."""
    return [name for name in (*FIELDS, "origin") if getattr(before, name) != getattr(after, name)]
