# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out where each line of a site's NGINX file comes from: a field of its manifest, a default, a setting.

Nothing here knows the templates, so this works with an operator's own templates too. Each field is changed by itself
and the site is rendered again. The lines that differ come from that field.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from ..errors import VsaError
from ..settings import Settings
from ..site.manifest import FIELDS, Route, Site
from .profiles import PROFILES

__all__ = ("UNLIKE", "Line", "annotate")

UNLIKE = "not as rendered now"

Render = Callable[[Site, Settings], str]


@dataclass(frozen=True)
class Line:
    """A line of the text and its source; None means that only the template decides."""

    text: str
    source: str | None


def annotate(text: str, *, site: Site, settings: Settings, given: frozenset[str], render: Render) -> list[Line]:
    """Return the lines of a text with their sources.

    ``given`` are the names of the settings in the host's vsa.yml; ``render`` returns the text of a site. The source of
    a line that would be rendered differently now (an edit, other templates, other settings) is UNLIKE.
    """
    rendered = render(site, settings).splitlines()
    sources: list[str | None] = [None] * len(rendered)
    for label, other, others in _variants(site, settings, given):
        try:
            changed = render(other, others).splitlines()
        except VsaError:
            continue  # without that field the site is not valid
        for number in _gone(rendered, changed):
            sources[number] = sources[number] or label
    lines = text.splitlines()
    found: list[str | None] = [UNLIKE] * len(lines)
    for here, there, length in SequenceMatcher(None, lines, rendered, autojunk=False).get_matching_blocks():
        found[here : here + length] = sources[there : there + length]
    return [Line(line, source) for line, source in zip(lines, found, strict=True)]


def _gone(before: list[str], after: list[str]) -> Iterator[int]:
    for kind, start, end, _from, _to in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "delete":
            start, end = _slid(before, start, end)
        if kind in ("replace", "delete"):
            yield from range(start, end)


def _slid(lines: list[str], start: int, end: int) -> tuple[int, int]:
    """Return the range of removed lines, moved to the start of a paragraph if the text allows both ranges."""
    top = start
    while top > 0 and lines[top - 1] == lines[top - 1 + end - start]:
        top -= 1
    while top + end - start < len(lines) and lines[top].strip() and lines[top] == lines[top + end - start]:
        top += 1
    return (top, top + end - start) if not lines[top].strip() else (start, end)


def _variants(site: Site, settings: Settings, given: frozenset[str]) -> Iterator[tuple[str, Site, Settings]]:
    """Yield (source, site, settings), in which the site or the settings lack that source. The clearest come first."""
    for number, route in enumerate(site.routes):
        if route.profile is not None:
            for name in PROFILES:
                other = dataclasses.replace(route, profile=name)
                yield f"routes/{number}/profile", _with_route(site, number, other), settings
        elsewhere = Route("/vsa-annotate/", "vsa-annotate", 1, profile=route.profile)
        yield f"routes/{number}", _with_route(site, number, elsewhere), settings
    defaults: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(Site)}
    for name in FIELDS:
        if name not in ("routes", "profile", "ca") and getattr(site, name) != defaults[name]:
            yield name, dataclasses.replace(site, **{name: defaults[name]}), settings
    label = "profile" if site.profile else "no profile, default"
    for profile in PROFILES:
        yield label, dataclasses.replace(site, profile=profile), settings
    if site.hsts is None:
        yield "hsts, default", dataclasses.replace(site, hsts=False), settings
    label = "ca, vsa.yml" if "ca" in given else "ca, built in"
    if site.ca:
        label = "ca"
    for authority in ("selfsigned", "letsencrypt", "staging"):
        yield label, dataclasses.replace(site, ca=authority), settings
    yield "domain", dataclasses.replace(site, domain="vsa-annotate.invalid"), settings


def _with_route(site: Site, number: int, route: Route) -> Site:
    return dataclasses.replace(site, routes=(*site.routes[:number], route, *site.routes[number + 1 :]))
