# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the proxy transaction needs of NGINX and of the Docker engine.

The real ones are Nginx (nginx.py) and Engine (machine/docker.py). tests/support/fakeproxy.py has fakes of both, with
which the transaction is tested without a host. This file is imported for type checks only.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from ..._core.settings import Settings
from ..machine.docker import Container, ExecResult
from .nginx import ConfigTest, Worker
from .values import Answer

__all__ = ("NetworkEngine", "ProxyEngine", "ProxyNginx")


class NetworkEngine(Protocol):
    """The networks of the Docker engine. The docstrings stand at Engine."""

    def network(self, name: str) -> dict[str, Any] | None: ...

    def ensure_network(
        self, name: str, *, subnet6: str | None, labels: dict[str, str] | None, bridge: str | None = None
    ) -> bool: ...

    def connect(self, network: str, container: str) -> None: ...

    def disconnect(self, network: str, container: str) -> None: ...


class ProxyEngine(NetworkEngine, Protocol):
    """The Docker engine: containers and networks. The docstrings stand at Engine."""

    def container(self, name: str) -> Container | None: ...

    def exec(self, name: str, argv: list[str]) -> ExecResult: ...

    def run_once(
        self,
        image: str,
        argv: list[str],
        *,
        binds: list[str],
        entrypoint: list[str] | None,
        tmpfs: dict[str, str] | None,
        cap_add: tuple[str, ...] = ...,
    ) -> ExecResult: ...

    def remove_network(self, name: str) -> None: ...

    def joined(self, name: str, network: str) -> bool: ...

    def members(self, network: str) -> list[str]: ...

    def on_network(self, network: str) -> list[Container]: ...

    def containers(self, *, everything: bool = ...) -> list[Container]: ...

    def firewall_backend(self) -> str: ...

    def remove_edge(self, network: str) -> list[str] | None: ...


class ProxyNginx(Protocol):
    """NGINX: its configuration test, its reload, and probes of what it serves. The docstrings stand at Nginx."""

    def container(self) -> Container | None: ...

    def master(self) -> int | None: ...

    def test(self, generation: int, *, main: str = ...) -> ConfigTest: ...

    def addresses(self, names: Collection[str]) -> dict[str, frozenset[str]]: ...

    def workers(self, master: int) -> list[Worker]: ...

    def end_oldest_workers(self, master: int) -> int: ...

    def next_generation(self, master: int) -> int: ...

    def set_next(self, master: int, number: int) -> bool: ...

    def reload(self, master: int) -> None: ...

    def generation(self, master: int) -> int | None: ...

    def error_log_size(self) -> int: ...

    def wait_for_generation(
        self, master: int, number: int, *, before: set[int], log_offset: int, timeout: float
    ) -> list[str]: ...

    def serving(
        self, domains: Collection[str], *, marker: str, generation: int, sites: Mapping[str, Mapping[str, Any]]
    ) -> list[str]: ...

    def prove_sites(
        self,
        wanted: Mapping[str, str | None],
        *,
        marker: str,
        generation: int,
        sites: Mapping[str, Mapping[str, Any]],
    ) -> list[str]: ...

    def prove_refused(self, names: Collection[str]) -> list[str]: ...

    def prove_closed(self, places: Collection[tuple[str, str]]) -> list[str]: ...

    def answering(self, sites: Mapping[str, Mapping[str, Any]]) -> list[str]: ...

    def fetch(self, domain: str, entry: Mapping[str, Any], *, settings: Settings) -> Answer: ...
