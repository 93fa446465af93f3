# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services of a Compose file that belong to profiles.

What ``docker compose config`` says lacks the services of profiles that are off. stack.yml may name these services all
the same, so their names are taken from the Compose file itself.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ("profiled_services",)


def profiled_services(document: object) -> frozenset[str]:
    """Return the services of a parsed Compose file that name a profile; empty if the document is no Compose file."""
    services = document.get("services") if isinstance(document, Mapping) else None
    if not isinstance(services, Mapping):
        return frozenset()
    return frozenset(
        str(name) for name, service in services.items() if isinstance(service, Mapping) and service.get("profiles")
    )
