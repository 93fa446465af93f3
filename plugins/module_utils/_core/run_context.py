# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which run of which verb changes a host, and who started that run.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .actor import Actor

if TYPE_CHECKING:
    from .audit.generations import GenerationChange

__all__ = ("LIVE", "NOT_PUT_BACK", "PUT_BACK", "RunContext")

LIVE, PUT_BACK, NOT_PUT_BACK = "live", "put_back", "not_put_back"
"""How a transaction ended: its generation is live, or it was rolled back, or the rollback failed too."""


@dataclass(frozen=True)
class RunContext:
    """The attribution of a change: it goes into generation.json and into the host's audit trail.

    ``audit_id`` is a UUID of version 7, the same one that the controller's audit record has. ``verb`` is written as
    ``site.provision``. generation.json has the actor as text: ``actor.displayed``.

    ``generations`` is what the run has done to which sites so far. The transaction adds to the list, also if it fails
    or ends what a killed run began, so that the audit trail names the sites of every verb.
    """

    audit_id: str
    actor: Actor
    verb: str
    generations: list[GenerationChange] = field(default_factory=list, compare=False, repr=False)
