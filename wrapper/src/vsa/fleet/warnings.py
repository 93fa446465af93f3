"""What looks wrong in an inventory and need not be: other providers, lab hosts and shared inventories are normal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vsa.core import distance
from vsa.fleet.check import schema
from vsa.fleet.read import Fleet

__all__ = ("warnings",)

GROUPS = ("infomaniak", "kamatera", "legacy", "hub", "agents")
"""The groups of the example inventory. Only ``hub`` means something to the code."""

_SHORT = 5
_FALSE = (False, "false", "False", "no", "No", "off", "0", 0)


def warnings(fleet: Fleet) -> list[str]:
    """Return one line for each thing that looks wrong."""
    return [*_without_provider(fleet), *_groups(fleet), *_variables(fleet), *_addresses(fleet)]


def _without_provider(fleet: Fleet) -> Iterator[str]:
    for host in fleet.hosts:
        if fleet.provider(host) is None:
            yield f"{host} is in no provider's group (a group whose variables have vsa_provider)"


def _groups(fleet: Fleet) -> Iterator[str]:
    present = {*(fleet.groups or {}), *(variables.of for variables in fleet.group_files)}
    for name in sorted(present - {"all", "ungrouped", *GROUPS}):
        near = _near(name, GROUPS)
        if near is not None and near not in present:
            yield f"the group {name} is not known: did you mean {near}"


def _variables(fleet: Fleet) -> Iterator[str]:
    seen: dict[str, str] = {}
    for variables in fleet.all_variables():
        for name in variables.values:
            seen.setdefault(name, str(variables.file))
    ours = schema()
    for name in sorted(seen.keys() - ours.keys()):
        if name.startswith("ansible_"):
            continue
        near = _near(name, ours)
        if near is not None:
            yield f"the variable {name} in {seen[name]} is not known: did you mean {near}"


def _addresses(fleet: Fleet) -> Iterator[str]:
    for host in fleet.hosts:
        address = fleet.address(host)
        if address is not None and ":" in address[0] and fleet.value(host, "vsa_ipv6") in _FALSE:
            yield f"{host} has an IPv6 address, and its vsa_ipv6 is false"


def _near(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is one or two letters away; a short name may differ in one letter only."""
    for other in known:
        most = 1 if len(other) <= _SHORT else 2
        if distance(name, other, most=most) <= most:
            return other
    return None
