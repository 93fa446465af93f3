# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens after a run's last record is written: the record is indexed, and the trail is sent to Loki.

Ansible is not imported here: the wrapper does the same for verbs that need no Ansible.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import Places, this_controller

from .._loki.settings import LokiSettings

if TYPE_CHECKING:
    from .._loki.ship import ShipResult

__all__ = ("index_and_send", "send")

# A run waits at most this long for its record to be indexed and sent.
_SECONDS = 2.0


def index_and_send(places: Places, loki: LokiSettings | None, *, began: float) -> str | None:
    """Index the new records and send them to Loki, within two seconds of ``began`` (monotonic clock).

    Returns a warning for the operator, or None.
    """
    # Imported here: the callback is loaded before a run begins, and SQLite is needed only now.
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.index import Index

    Index(places).catch_up()
    left = _SECONDS - (time.monotonic() - began)
    if loki is None or left <= 0:
        return None
    result = send(places, loki, seconds=left)
    return f"Loki: {result.error}; the next run sends the records again" if result.error else None


def send(places: Places, loki: LokiSettings, *, seconds: float) -> ShipResult:
    """Send the records that Loki does not have yet, for at most ``seconds``."""
    # Imported here: most controllers send nothing and need no TLS.
    from .._loki.ship import ship

    return ship(
        trail=places.files(),
        cursor=places.loki_cursor,
        url=loki.url,
        writer=this_controller(places).id,
        auth_file=loki.auth_file,
        ca_bundle=loki.ca_bundle,
        deadline=seconds,
    )
