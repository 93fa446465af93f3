# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How sites are shown.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..cert.shown import certificate, served
from ..listing import Listing, changed_by, time_left

__all__ = ("SITES", "causes", "site_pairs")


def _state(site: Mapping[str, Any]) -> str:
    state = str(site.get("state") or "")
    unlike = any(str(problem).startswith("not live") for problem in site.get("problems") or ())
    if state == "warning" and unlike:
        return "not live"
    return "maintenance" if state == "ok" and site.get("maintenance") else state


def _route(route: Mapping[str, Any]) -> str:
    path = f"{route.get('path')} stripped" if route.get("strip_prefix") else route.get("path")
    return f"{path} → {route.get('container')}:{route.get('port')}"


def _state_of(route: Mapping[str, Any]) -> str:
    """Return the state of a route's container, with what hurts its site later."""
    return ", ".join(str(part) for part in (route.get("state"), *(route.get("remarks") or ())) if part)


def _profiles(site: Mapping[str, Any]) -> list[str]:
    named = (route.get("profile") for route in site.get("routes") or ())
    return list(dict.fromkeys(name for name in named if name))


def _containers(site: Mapping[str, Any]) -> str:
    states = {str(route.get("container")): route.get("state") for route in site.get("routes") or ()}
    wrong = [f"{name} {state}" for name, state in states.items() if state not in (None, "running")]
    unknown = not states or any(state is None for state in states.values())
    return ", ".join(wrong) or ("" if unknown else "running")


SITES = Listing(
    "sites",
    (
        ("DOMAIN", lambda site: site.get("domain")),
        ("STATE", _state),
        ("ROUTES", lambda site: [_route(route) for route in site.get("routes") or ()]),
        ("PROFILE", _profiles),
        ("AUTH", lambda site: site.get("auth")),
        ("CERTIFICATE", lambda site: certificate(site.get("certificate"))),
        ("CONTAINERS", _containers),
        ("CHANGED", lambda site: changed_by(site.get("last_change"), short=True)),
    ),
    state=_state,
)


def causes(payload: Mapping[str, Any]) -> Iterable[tuple[str, str | None]]:
    """Yield what is wrong with a host and concerns its sites, each with the remedy."""
    for cause in payload.get("causes") or ():
        yield f"{cause.get('subject')}: {cause.get('text')}", cause.get("remedy")


def site_pairs(site: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the labels and values of one site in full."""
    found = site.get("certificate") or {}
    routes = [
        "  ".join(str(part) for part in (_route(route), route.get("profile"), _state_of(route)) if part)
        for route in site.get("routes") or ()
    ]
    remains = f"{time_left(found.get('seconds_left'), found.get('fraction_left'))} left, until {found.get('not_after')}"
    pairs = [
        ("state", _state(site)),
        ("problems", list(site.get("problems") or ())),
        ("routes", routes),
        ("served as", site.get("served")),
        ("aliases", list(site.get("aliases") or ())),
        ("certificate", f"{found.get('state')}, {remains}" if found.get("not_after") else found.get("state")),
        ("proxy serves", served(found)),
        ("ca", site.get("ca")),
        ("email", site.get("email")),
        ("tenant", site.get("tenant")),
        ("network", site.get("network")),
        ("auth", list(site.get("auth") or ())),
        ("changed", changed_by(site.get("last_change"))),
    ]
    shown = {"schema", "domain", "routes", "aliases", "ca", "email", "tenant", "auth"}
    return pairs + [(key, value) for key, value in (site.get("manifest") or {}).items() if key not in shown]
