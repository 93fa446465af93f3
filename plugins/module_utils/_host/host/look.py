# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks of `vsa status` look at: the host as VSA keeps it, and its Docker engine. Each is read once.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from ..._core.errors import RefusedError
from ..._core.settings import Settings
from ..machine.docker import Container, Engine
from ..proxy.nginx import Nginx
from ..site.listing import Listed, SiteListRequest, look_at_sites
from ..store.host import Host, read_host
from ..store.layout import Paths

__all__ = ("Look",)

_Value = TypeVar("_Value")

# An engine that does not answer within this time is reported as silent.
_ENGINE_SECONDS = 5


class _Once(Generic[_Value]):
    """A value that is made when the first thread asks for it. If that failed, each thread gets the same error."""

    def __init__(self, make: Callable[[], _Value]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: list[_Value] = []
        self._error: Exception | None = None

    @property
    def made(self) -> _Value | None:
        """Return the value if it was made, else None. Does not wait."""
        return self._made[0] if self._made else None

    def __call__(self) -> _Value:
        """Return the value, or raise the error of the first try."""
        with self._lock:
            if self._error is not None:
                raise self._error
            if not self._made:
                try:
                    self._made.append(self._make())
                except Exception as error:
                    self._error = error
                    raise
            return self._made[0]


class Look:
    """What a check may look at. Several checks look at the same time; each fact is read once, by the first of them.

    * ``fresh``: ask the DNS anew instead of taking answers that were kept.
    * ``probe``: ask the sites through the proxy.
    """

    def __init__(
        self, paths: Paths | None = None, *, engine: Engine | None = None, fresh: bool = False, probe: bool = True
    ) -> None:
        self.paths = paths or Paths()
        self.fresh = fresh
        self.probe = probe
        self.connect = _Once(lambda: engine or Engine(timeout=_ENGINE_SECONDS))
        self._host = _Once(self._read_host)
        self._containers = _Once(self._read_containers)
        self._sites = _Once(self._look_at_sites)

    @property
    def host(self) -> Host:
        """Return the host as VSA keeps it on disk. If its settings are invalid, the built-in ones stand for them."""
        return self._host()

    @property
    def engine(self) -> Engine:
        """Return the Docker engine. RefusedError if the engine does not answer."""
        return self.connect()

    @property
    def nginx(self) -> Nginx:
        """Return the NGINX of the proxy. RefusedError if the engine does not answer."""
        return Nginx(self.engine, self.paths)

    @property
    def containers(self) -> list[Container]:
        """Return all containers of the host, also the stopped ones, by name."""
        return self._containers()

    @property
    def sites_so_far(self) -> Listed | None:
        """Return all sites if a check has looked at them, else None."""
        return self._sites.made

    @property
    def sites(self) -> Listed:
        """Return all sites as ``vsa site list`` has them."""
        return self._sites()

    def _read_host(self) -> Host:
        try:
            return read_host(self.paths, stamped=False)
        except RefusedError:
            # A check of its own names the mistake. The sites are looked at all the same.
            return read_host(self.paths, Settings(), stamped=False)

    def _look_at_sites(self) -> Listed:
        request = SiteListRequest(probe=self.probe, fresh=self.fresh)
        return look_at_sites(self.host, request, connect=self.connect)

    def _read_containers(self) -> list[Container]:
        return self.engine.containers()
