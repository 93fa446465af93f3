# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of a verb that reads, as plain lines: what Ansible's own door shows at the end of the run.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .agent.shown import agent_lines
from .audit.shown import RUNS, record_lines
from .auth.shown import USERS
from .cert.shown import CERTIFICATES, renewal_problem
from .host.shown import ping_words, status_lines
from .listing import Listing, plain_pairs, plain_table
from .proxy.shown import GENERATIONS, VHOSTS, about_vhost
from .site.shown import SITES, causes, site_pairs
from .stack.backup.shown import BACKUPS
from .stack.shown import CONTAINERS, STACKS, log_lines, with_containers
from .words import escaped

__all__ = ("VERBS", "as_lines")

Payload = Mapping[str, Any]


def as_lines(payload: Payload, *, verb: str) -> list[str]:
    """Return the lines that show a module's result. KeyError if the verb is none of :data:`VERBS`.

    No line holds a character that acts on a terminal.
    """
    return [escaped(line) for line in VERBS[verb](payload)]


def _listed(listing: Listing) -> Callable[[Payload], list[str]]:
    return lambda payload: plain_table(payload, listing)


def _causes(payload: Payload) -> list[str]:
    return [f"{text}  try {remedy}" if remedy else text for text, remedy in causes(payload)]


def _ping(payload: Payload) -> list[str]:
    return [f"reached as {(payload.get('ping') or {}).get('user')}, {ping_words(payload)}"]


def _sites(payload: Payload) -> list[str]:
    return [*_causes(payload), *plain_table(payload, SITES)]


def _site(payload: Payload) -> list[str]:
    blocks = [plain_pairs(site.get("domain"), site_pairs(site)) for site in payload.get("sites") or ()]
    return [*_causes(payload), *(line for block in blocks for line in block)]


def _certificates(payload: Payload) -> list[str]:
    problem = renewal_problem(payload)
    return [*plain_table(payload, CERTIFICATES), *([problem] if problem else [])]


def _containers(payload: Payload) -> list[str]:
    return plain_table(with_containers(payload), CONTAINERS)


def _logs(payload: Payload) -> list[str]:
    return [f"{container}  {text}" for container, text in log_lines(payload)] or ["no lines"]


def _vhost(payload: Payload) -> list[str]:
    lines: list[str] = []
    for vhost in payload.get("vhosts") or ():
        lines += [f"{vhost.get('domain')}  generation {payload.get('generation')}", *about_vhost(vhost)]
        lines += str(vhost.get("text") or "").rstrip("\n").split("\n")
    return lines


VERBS: Mapping[str, Callable[[Payload], list[str]]] = {
    "agent.status": agent_lines,
    "audit.list": _listed(RUNS),
    "audit.show": record_lines,
    "auth.list": _listed(USERS),
    "cert.status": _certificates,
    "host.ping": _ping,
    "host.status": status_lines,
    "site.list": _sites,
    "site.show": _site,
    "stack.backups": _listed(BACKUPS),
    "stack.list": _listed(STACKS),
    "stack.logs": _logs,
    "stack.ps": _containers,
    "vhost.history": _listed(GENERATIONS),
    "vhost.list": _listed(VHOSTS),
    "vhost.show": _vhost,
}
"""The verbs whose results can be shown so. ``site.export`` is YAML, which the filter writes."""
