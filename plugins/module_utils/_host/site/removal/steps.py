# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a removal in the operator's words: what would go, what stays, and why.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...._core.hints import Advice, Hint
from ...._core.networks import EDGE
from ...._core.proxy.plan import Plan
from ...._core.result import OK, WOULD_CHANGE, Step
from ...._core.site.removal import ContainerInfo, origin
from ...machine.docker_site import Written
from ...store.host import Host
from ..resources import SiteResources
from .data import Purge

if TYPE_CHECKING:
    from .run import RemovalRequest

__all__ = ("certificate_stays", "kept_notes", "preview_steps")

_KEEP = Advice("to keep them", Hint("site.unprovision", {"keep_container": True}, same=True))
# So many numbers of generations are listed; of more only the first and the last.
_MOST_NUMBERS = 5
_DECLARED = "it is declared in the inventory: the next site apply brings the site back"


def certificate_stays(request: RemovalRequest, resources: SiteResources) -> bool:
    """Say whether the certificate stays: as requested, or because others use it."""
    return bool(request.keep_cert or resources.certificate_users)


def _would(name: str, text: str | None, notes: Sequence[str] = (), *, otherwise: str = "none") -> Step:
    """Return the step of a run that only checks. ``text`` is None if there is nothing to do."""
    if text is None:
        return Step(name, OK, otherwise, tuple(notes))
    return Step(name, WOULD_CHANGE, text, tuple(notes))


def _size(number: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def _age(seconds: float) -> str:
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        number = int(seconds // length)
        if number:
            return f"{number} {unit}{'s' if number > 1 else ''} old"
    return "made just now"


def _container_note(info: ContainerInfo, written: Written) -> str:
    """Describe a container that would go, and what would be lost with it."""
    holds = "nothing written inside it"
    if written.count:
        paths = ", ".join(written.paths)
        if written.count > len(written.paths):
            paths += f" and {written.count - len(written.paths)} more"
        holds = f"holds {_size(written.bytes)} that are on no volume: {paths}"
    about = ", ".join((origin(info), info.image, _age(time.time() - info.created), info.status))
    return f"{info.name} ({about}): {holds}"


def preview_steps(
    resources: SiteResources,
    request: RemovalRequest,
    *,
    plan: Plan | None,
    warnings: Sequence[str],
    written: Mapping[str, Written],
    purge: Purge | None,
) -> list[Step]:
    """Return the steps of a run that only checks: what each step would remove.

    ``plan`` is None if the proxy does not serve the site. ``written`` has an entry for each container that would go.
    """
    proxy = f"generation {plan.base} → {plan.base + 1}: {plan.summary()}" if plan else None
    manifest = f"{resources.domain}.yml would go" if resources.manifests else None
    declared = (_DECLARED,) if resources.origin == "declared" else ()
    steps = [
        _would("proxy", proxy, warnings, otherwise="not served"),
        _would("auth", "its password file would go" if resources.passwords else None),
        _preview_certificate(resources, request),
        _preview_containers(resources, written),
        _would("logs", f"{len(resources.logs)} would go" if resources.logs else None),
        _would("manifest", manifest, declared),
    ]
    data = _preview_data(request, purge)
    return [*steps, data] if data else steps


def _preview_certificate(resources: SiteResources, request: RemovalRequest) -> Step:
    if not resources.certificate:
        return _would("certificate", None)
    if resources.certificate_users:
        return _would("certificate", None, otherwise=f"kept, used by {', '.join(resources.certificate_users)}")
    if request.keep_cert:
        return _would("certificate", None, otherwise="kept, as asked")
    return _would("certificate", "lineage, keys and renewal configuration would go")


def _preview_containers(resources: SiteResources, written: Mapping[str, Written]) -> Step:
    going = resources.decision.going
    notes = [_container_note(info, written[info.name]) for info in going if info.name in written]
    notes += [f"{info.name} stays, as asked" for info in going if info.name not in written]
    notes += [f"{name} stays: {', '.join(reasons)}" for name, reasons in resources.decision.shared.items()]
    names = ", ".join(info.name for info in going if info.name in written)
    if names:
        notes.append(_KEEP)
    return _would("containers", f"{names} would be stopped and removed" if names else None, notes)


def _sized(purge: Purge) -> list[str]:
    """Return what goes, each directory with its size on disk."""
    sizes = {place: f" ({_size(size)})" for place, size in purge.sizes.items()}
    return [f"{words}{sizes.get(words, '')}" for words in purge.words]


def _preview_data(request: RemovalRequest, purge: Purge | None) -> Step | None:
    """Return the step about data, or None if there is nothing to say."""
    words = ", ".join(_sized(purge)) if purge else ""
    refused = [f"{what} stays: {why}" for what, why in (purge.refused if purge else {}).items()]
    if request.purge:
        return _would("data", f"{words} would be lost" if words else None, refused)
    if words or refused:
        return Step("data", OK, f"{words or 'all'} stays, without --purge", tuple(refused))
    return None


def kept_notes(host: Host, resources: SiteResources, request: RemovalRequest, purge: Purge | None) -> list[str]:
    """Return a line for everything that stays on purpose."""
    shared = resources.decision.shared
    notes = [f"container {name}, shared" for name in shared]
    if request.keep_container:
        notes += [f"container {info.name}, as asked" for info in resources.decision.going]
    if resources.certificate and certificate_stays(request, resources):
        notes.append("its certificate")
    if purge is not None:
        notes += [f"{what}: {why}" for what, why in purge.refused.items()]
        notes += [] if request.purge else [f"{what}, not purged" for what in purge.words]
    if old := _old_generations(host, resources.domain):
        notes.append(f"history: its files in {_generations(old)}")
    notes.append("audit: the trails of this host and of the controller")
    if resources.network != EDGE and shared:
        notes.append(f"network {resources.network}, while a container is on it")
    return notes


def _old_generations(host: Host, domain: str) -> list[int]:
    """Return the numbers of the earlier generations that still have the site's configuration."""
    versions = host.generations.versions(domain)
    return [number for number, version in versions.items() if number != host.number and version is not None]


def _generations(numbers: Sequence[int]) -> str:
    if len(numbers) > _MOST_NUMBERS:
        return f"{len(numbers)} generations, {numbers[0]} to {numbers[-1]}"
    return f"generation{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
