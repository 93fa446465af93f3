# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of a site's removal: what would go, what stays and why.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ...._core.networks import EDGE
from ...._core.proxy.plan import Plan, site_file
from ...._core.site.removal import Held
from ...machine.docker_site import Written
from ...store.generations import Generations
from ...store.layout import Paths
from ..holdings import Holdings
from .data import Purge

__all__ = ("Step", "kept_words", "plan_steps", "step")

Step = dict[str, Any]


def step(name: str, state: str, text: str, notes: Sequence[str] = ()) -> Step:
    """Return one step as modules return it."""
    return {"name": name, "state": state, "text": text, "notes": list(notes)}


def _would(name: str, what: str | None, notes: Sequence[str] = (), *, otherwise: str = "none") -> Step:
    return step(name, "would_change" if what else "ok", what or otherwise, notes)


def _size(number: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return ""


def _age(seconds: float) -> str:
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        number = int(seconds // length)
        if number:
            return f"{number} {unit}{'s' if number > 1 else ''} old"
    return "made just now"


def _container(held: Held, written: Written) -> str:
    holds = "nothing written inside it"
    if written.count:
        more = f" and {written.count - len(written.paths)} more" if written.count > len(written.paths) else ""
        holds = f"holds {_size(written.bytes)} that are on no volume: {', '.join(written.paths)}{more}"
    return f"{held.name} ({held.image}, {_age(time.time() - held.created)}, {held.status}): {holds}"


def plan_steps(
    found: Holdings,
    options: Mapping[str, Any],
    *,
    plan: Plan | None,
    warnings: Sequence[str],
    written: Mapping[str, Written],
    purge: Purge | None,
) -> list[Step]:
    """Return the steps of a run that only looks: what each would remove."""
    domain, going = found.domain, found.verdict.going
    kept = options["keep_cert"] or found.certificate_users
    used = f"kept, used by {', '.join(found.certificate_users)}" if found.certificate_users else "kept, as asked"
    proxy = f"generation {plan.base} → {plan.base + 1}: {plan.summary()}" if plan else None
    containers = [_container(held, written[held.name]) for held in going if held.name in written]
    containers += [f"{held.name} stays, as asked" for held in going if held.name not in written]
    containers += [f"{name} stays: {', '.join(reasons)}" for name, reasons in found.verdict.shared.items()]
    names = ", ".join(held.name for held in going if held.name in written)
    declared = ["it is declared in the inventory: the next vsa site apply brings the site back"]
    steps = [
        _would("proxy", proxy, warnings, otherwise="not served"),
        _would("auth", "its password file would go" if found.passwords else None),
        _would(
            "certificate",
            "lineage, keys and renewal configuration would go" if found.certificate and not kept else None,
            otherwise=used if found.certificate else "none",
        ),
        _would("containers", f"{names} would be stopped and removed" if names else None, containers),
        _would("logs", f"{len(found.logs)} would go" if found.logs else None),
        _would(
            "manifest",
            f"{domain}.yml would go" if found.manifests else None,
            declared if found.origin == "declared" else (),
        ),
    ]
    refused = [f"{what} stays: {why}" for what, why in (purge.refused if purge else {}).items()]
    words = ", ".join(purge.words) if purge else ""
    if options["purge"]:
        steps.append(_would("data", f"{words} would be lost" if words else None, refused))
    elif words or refused:
        steps.append(step("data", "ok", f"{words or 'all'} stays, without --purge", refused))
    return steps


def kept_words(paths: Paths, found: Holdings, options: Mapping[str, Any], purge: Purge | None) -> list[str]:
    """Return what stays on purpose."""
    generations = Generations(paths)
    live = generations.live_number()
    old = [
        number
        for number in generations.numbers()
        if number != live and (generations.directory(number) / site_file(found.domain)).exists()
    ]
    words = []
    if found.verdict.shared:
        words += [f"container {name}, shared" for name in found.verdict.shared]
    if options["keep_container"]:
        words += [f"container {held.name}, as asked" for held in found.verdict.going]
    if found.certificate and (options["keep_cert"] or found.certificate_users):
        words.append("its certificate")
    if purge is not None:
        words += [f"{what}: {why}" for what, why in purge.refused.items()]
        words += [] if options["purge"] else [f"{what}, not purged" for what in purge.words]
    if old:
        words.append(f"history: its files in generation{'s' if len(old) > 1 else ''} {', '.join(map(str, old))}")
    words.append("audit: the trails of this host and of the controller")
    if found.network != EDGE and found.verdict.shared:
        words.append(f"network {found.network}, while a container is on it")
    return words
