# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the proxy serves what is new on disk: asked by handshakes until it does.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from .lineages import served

__all__ = ("SERVED_WITHIN", "wait_until_served")

# How long a renewed certificate may take until the proxy serves it: the reloader looks every two seconds, but reloads
# once a minute at the most; NGINX's own cache of certificates is believed for 30 seconds.
SERVED_WITHIN = 40.0


def wait_until_served(before: Mapping[str, str], *, seconds: float = SERVED_WITHIN) -> dict[str, str]:
    """Wait until the proxy no longer serves the certificates of ``before``, fingerprints by domain.

    Returns what is wrong with those that it still serves in the end; names that it does not serve at all are fine.
    """
    left = dict(before)
    deadline = time.monotonic() + seconds
    while True:
        answers = served(left)
        left = {name: old for name, old in left.items() if answers[name].fingerprint == old}
        if not left or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    words = f"after {seconds:.0f} s the proxy still serves the certificate of before: docker logs vsa-nginx"
    return dict.fromkeys(left, words)
