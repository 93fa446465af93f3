"""The hub's half of a verb about one node: a run on the host of the hub, and the token that the run makes.

A fleet has a hub if its inventory has a host in the group ``hub`` and the variable ``hub_url``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vsa.ansible.private import private_directory
from vsa.ansible.run import Run, Where, given
from vsa.core import RefusedError, UsageError

if TYPE_CHECKING:
    from vsa.fleet.read import Fleet

__all__ = ("HubHost", "hub_host", "kept_token", "on_hub", "require_hub", "token_of")


@dataclass(frozen=True)
class HubHost:
    """The name of the hub's host in the inventory, and the address of the hub."""

    name: str
    url: str


def hub_host(fleet: Fleet) -> HubHost | None:
    """Return the host of the hub, None if the fleet has no hub."""
    from vsa.fleet.hub import hub_of

    hosts = (fleet.groups or {}).get("hub", ())
    hub = hub_of(fleet)
    return HubHost(hosts[0], hub.url) if hosts and hub is not None else None


def require_hub(fleet: Fleet) -> HubHost:
    """Return the host of the hub. UsageError if the fleet has none."""
    found = hub_host(fleet)
    if found is None:
        raise UsageError(
            "this fleet has no hub",
            field="--inventory",
            value=str(fleet.source),
            expected="a host in the group hub, and hub_url in the variables of the fleet",
        )
    return found


def on_hub(to: Where, hub: HubHost, verb: str, **fields: str | None) -> Run:
    """Return the run on the host of the hub that does the hub's half of a verb. Fields are options of the role hub."""
    extravars = {f"hub_{name}": value for name, value in given(fields).items()}
    where = replace(to, limit=hub.name)
    return Run(playbook=f"flowbiz.vsa.{verb}", extravars=extravars, **vars(where))


@contextlib.contextmanager
def kept_token(chosen: str | None) -> Iterator[Path]:
    """Yield the path of the new file that gets a token: the operator's own, or one in a private directory.

    UsageError if the operator's file is there already: a token would be lost.
    """
    if chosen is None:
        with private_directory() as folder:
            yield folder / "token"
        return
    place = Path(chosen).expanduser().resolve()
    if os.path.lexists(place):
        raise UsageError("there is such a file", field="--token-file", value=str(place), expected="a new file")
    if not place.parent.is_dir():
        raise UsageError("there is no such directory", field="--token-file", value=str(place.parent))
    yield place


def token_of(path: Path) -> str:
    """Return the token in a file that a run made. RefusedError if the run made none."""
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise RefusedError("the hub made no token", field="token_file", value=str(path)) from error
