# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container that publishes a port of the host.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import RefusedError
from ..hints import Hint

__all__ = ("Publication", "detect")


@dataclass(frozen=True)
class Publication:
    """A TCP port of a container, and the port of the host that it is published on."""

    container: str
    port: int
    host_port: int


def _listed(publications: Iterable[Publication]) -> list[str]:
    published = sorted({(entry.container, entry.host_port, entry.port) for entry in publications})
    return [f"{container} publishes {host_port} → {port}" for container, host_port, port in published]


def detect(publications: Iterable[Publication], *, external_port: int, port: int | None = None) -> tuple[str, int]:
    """Return the name and the inner port of the one container that publishes a port of the host.

    A port that is published on several addresses counts once. RefusedError if no container publishes the port, if
    several do, or if ``port`` was requested and is not the inner port. The error lists what is published.
    """
    everything = list(publications)
    matching = [entry for entry in everything if entry.host_port == external_port]
    found = sorted({(entry.container, entry.port) for entry in matching})
    if not found:
        raise RefusedError(
            "no running container publishes this port",
            field="external_port",
            value=external_port,
            there_are=_listed(everything) or ["no container publishes a TCP port"],
            hint="docker ps on the host",
        )
    if len(found) > 1:
        raise RefusedError(
            "several containers publish this port",
            field="external_port",
            value=external_port,
            there_are=_listed(matching),
            hint=Hint(
                "site.provision",
                {"container": found[0][0], "port": found[0][1]},
                same=True,
                note="instead of the detection",
            ),
        )
    name, inner = found[0]
    if port is not None and port != inner:
        raise RefusedError(
            f"{name} listens on {inner} behind the published port {external_port}",
            field="port",
            value=port,
            expected=str(inner),
        )
    return name, inner
