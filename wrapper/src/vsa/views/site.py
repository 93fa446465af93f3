"""Show sites."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group

from vsa.ansible.report import HostResult
from vsa.output.detail import detail
from vsa.views.common import certificate, changed_by, hosts_without_result, left, listing

__all__ = ("site_detail", "site_table")


def _state(site: Mapping[str, Any]) -> str:
    state = str(site.get("state") or "")
    unlike = any(str(problem).startswith("not live") for problem in site.get("problems") or ())
    if state == "warning" and unlike:
        return "not live"
    return "maintenance" if state == "ok" and site.get("maintenance") else state


def _route(route: Mapping[str, Any]) -> str:
    path = f"{route.get('path')} stripped" if route.get("strip_prefix") else route.get("path")
    return f"{path} → {route.get('container')}:{route.get('port')}"


def _containers(site: Mapping[str, Any]) -> str:
    states = {str(route.get("container")): route.get("state") for route in site.get("routes") or ()}
    wrong = [f"{name} {state}" for name, state in states.items() if state not in (None, "running")]
    unknown = not states or any(state is None for state in states.values())
    return ", ".join(wrong) or ("" if unknown else "running")


def site_table(hosts: Mapping[str, HostResult]) -> Group:
    """Return the table of ``site list``."""
    return listing(
        hosts,
        "sites",
        [
            ("DOMAIN", lambda site: site.get("domain")),
            ("STATE", _state),
            ("ROUTES", lambda site: [_route(route) for route in site.get("routes") or ()]),
            ("PROFILE", lambda site: list(dict.fromkeys(route.get("profile") for route in site.get("routes") or ()))),
            ("AUTH", lambda site: site.get("auth")),
            ("CERTIFICATE", lambda site: certificate(site.get("certificate"))),
            ("CONTAINERS", _containers),
            ("CHANGED", lambda site: changed_by(site.get("last_change"), short=True)),
        ],
        state=_state,
    )


def site_detail(hosts: Mapping[str, HostResult]) -> Group:
    """Return the blocks of ``site show``."""
    blocks: list[Any] = [
        detail(name, site.get("domain"), _pairs(site))
        for name, host in hosts.items()
        for site in host.payload.get("sites") or ()
    ]
    return Group(*blocks, *hosts_without_result(hosts))


def _pairs(site: Mapping[str, Any]) -> list[tuple[str, Any]]:
    found = site.get("certificate") or {}
    served = found.get("served")
    routes = [
        "  ".join(str(part) for part in (_route(route), route.get("profile"), route.get("state")) if part)
        for route in site.get("routes") or ()
    ]
    remains = f"{left(found.get('seconds_left'), found.get('fraction_left'))} left, until {found.get('not_after')}"
    pairs = [
        ("state", _state(site)),
        ("problems", list(site.get("problems") or ())),
        ("routes", routes),
        ("served as", site.get("served")),
        ("aliases", list(site.get("aliases") or ())),
        ("certificate", f"{found.get('state')}, {remains}" if found.get("not_after") else found.get("state")),
        ("proxy serves", served if served in (None, "same") else str(served).upper()),
        ("ca", site.get("ca")),
        ("email", site.get("email")),
        ("tenant", site.get("tenant")),
        ("network", site.get("network")),
        ("auth", list(site.get("auth") or ())),
        ("changed", changed_by(site.get("last_change"))),
    ]
    shown = {"schema", "domain", "routes", "aliases", "ca", "email", "tenant", "auth"}
    return pairs + [(key, value) for key, value in (site.get("manifest") or {}).items() if key not in shown]
