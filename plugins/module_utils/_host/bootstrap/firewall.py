# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last step of ``bootstrap``: the firewall of the host.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from ..._core.errors import RefusedError
from ..._core.libraries import MissingLibraryError
from ..._core.result import CHANGED, OK, WARNING, WOULD_CHANGE, Result, Step
from ..machine.docker import Engine
from ..machine.programs import output_of
from ..store.firewall import BridgeEngine, ensure_firewall
from ..store.layout import Paths

__all__ = ("close_host",)


def close_host(*, check: bool, paths: Paths | None = None, engine: BridgeEngine | None = None) -> Result:
    """Close what containers and other hosts must not reach, and return the step ``firewall``.

    A host without an engine has nothing to close. Docker brings iptables, so a host without iptables has no engine.
    """
    if not check and output_of(["iptables", "--version"]) is None:
        return Result(steps=(Step("firewall", OK, "this host has no Docker engine, so there is nothing to close"),))
    try:
        engine = engine or _connect()
    except MissingLibraryError as error:
        if not check:
            raise
        text = f"not looked at: {error.message}, and a run installs the library first"
        return Result(steps=(Step("firewall", WARNING, text),))
    differed = ensure_firewall(paths or Paths(), engine, check=check, close=True)
    if not differed:
        return Result(steps=(Step("firewall", OK, "as it should be"),))
    state = WOULD_CHANGE if check else CHANGED
    text = f"{', '.join(differed)} {'would be written and loaded' if check else 'written and loaded'}"
    return Result(changed=True, steps=(Step("firewall", state, text),))


def _connect() -> Engine | None:
    """Return the engine, None if it does not run yet: then no network has a bridge of another name."""
    try:
        return Engine()
    except RefusedError:
        return None
