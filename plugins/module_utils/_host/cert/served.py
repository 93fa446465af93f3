# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the proxy serves what is new on disk: asked by handshakes until it does.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from ..._core.errors import RefusedError
from ..._core.site.manifest import certificate_authority
from ..machine.files import read_text
from ..store.layout import Paths
from ..store.manifests import parse_manifest
from ..store.settings import read_settings
from .chain import served

__all__ = ("SERVED_WITHIN", "serves_lineage", "wait_until_served")

# How long a renewed certificate may take until the proxy serves it: the reloader looks every two seconds, but reloads
# once a minute at the most; NGINX's own cache of certificates is believed for 30 seconds.
SERVED_WITHIN = 40.0
# Each worker has a cache of its own: one may serve the fresh one while another still has the old.
_IN_A_ROW = 3


def serves_lineage(paths: Paths, domain: str, authority: str) -> bool:
    """Say whether the site of this name serves the lineage: there is one, and its CA is of the same kind."""
    text = read_text(paths.sites / f"{domain}.yml")
    if text is None:
        return False
    try:
        used = certificate_authority(parse_manifest(domain, text), read_settings(paths))
    except RefusedError:
        return False
    return (used == "selfsigned") == (authority == "selfsigned")


def wait_until_served(fresh: Mapping[str, str], *, seconds: float = SERVED_WITHIN) -> dict[str, str]:
    """Wait until the proxy serves the certificates of ``fresh``, fingerprints by domain.

    Returns what is wrong with those that it does not serve in the end; names that it refuses altogether are fine.
    """
    left = dict(fresh)
    seen = dict.fromkeys(fresh, 0)
    deadline = time.monotonic() + seconds
    while True:
        answers = served(left)
        for name, new in left.items():
            seen[name] = seen[name] + 1 if answers[name].fingerprint in (None, new) else 0
        left = {name: new for name, new in left.items() if seen[name] < _IN_A_ROW}
        if not left or time.monotonic() > deadline:
            break
        time.sleep(0.3)
    words = f"after {seconds:.0f} s the proxy still serves the certificate of before: docker logs vsa-nginx"
    return dict.fromkeys(left, words)
