# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which run of which verb changes a host, and who started that run.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from dataclasses import dataclass

from .actor import Actor

__all__ = ("RunContext",)


@dataclass(frozen=True)
class RunContext:
    """The attribution of a change: it goes into generation.json and into the host's audit trail.

    ``audit_id`` is a UUID of version 7, the same one that the controller's audit record has. ``verb`` is written as
    ``site.provision``. generation.json has the actor as text: ``actor.displayed``.
    """

    audit_id: str
    actor: Actor
    verb: str
