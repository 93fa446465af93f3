# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hooks of the stack reverse-proxy: its NGINX must accept and serve the live generation, and be on its networks.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..._core.errors import RefusedError
from ..._core.networks import EDGE, ENTRY_BRIDGE
from ..._core.proxy.namespace import strict_script
from ..._core.proxy.outage import outage_note
from ..._core.stack.compose import COMPOSE
from ..cert.certbot import Certbot
from ..machine.compose_hash import config_hash
from ..machine.docker import Container, Engine
from ..machine.files import read_text
from ..machine.groups import ensure_group, refuse_foreign_group
from ..machine.listeners import listeners
from ..machine.lock import host_lock
from ..machine.namespace import ask_as_bridge, run_script
from ..proxy.keys import hand_over_keys
from ..proxy.networks import ensure_entry, leave_all_tenants, rejoin_tenants, tenant_networks, write_override
from ..proxy.nginx import CONTAINER, Nginx
from ..proxy.probe import serving
from ..store.firewall import ensure_firewall
from ..store.generations import Generations
from ..store.layout import CONTAINER_NGINX, KEYS_GID, KEYS_GROUP, Paths
from ..store.settings import read_settings
from .boot_install import install_boot_unit
from .health import service_of
from .hooks import Hooks

__all__ = ("ReverseProxy",)

_SERVICE = "nginx"
_LOCK_MODE = 0o600
_PORTS = (80, 443)


class ReverseProxy(Hooks):
    """The hooks of the stack whose NGINX serves the sites of the host."""

    before_start = "reverse_proxy.yml"
    serves_sites = True
    compose_override = True

    def refuse_host(self, paths: Paths) -> None:
        """Raise RefusedError if another group of the host has the number of the keys' group."""
        refuse_foreign_group(paths.root, KEYS_GROUP, KEYS_GID)

    def refuse_images(self, engine: Engine, paths: Paths, wanted: Mapping[str, str], running: list[Container]) -> None:
        """Raise RefusedError if another image of NGINX than the running one rejects the live generation."""
        image = wanted.get(_SERVICE)
        if image is None:
            return
        for container in running:
            if service_of(container) == _SERVICE and engine.image_id(image) not in (None, container.image_id):
                _test_image(engine, paths, image)

    def refuse_taken_ports(self, engine: Engine, paths: Paths) -> None:
        """Raise RefusedError if NGINX is to start and another process listens on one of its ports."""
        container = engine.container(CONTAINER)
        if container is not None and container.running:
            return
        for port, process in listeners(_PORTS, proc=Path(paths.root) / "proc").items():
            # Docker's own process listens for a container that publishes the port.
            publishing = [
                f"the container {info.name}"
                for info in engine.containers(everything=False)
                if any(entry.host_port == port for entry in info.published)
            ]
            raise RefusedError(
                f"port {port} of this host is taken by {(publishing or [process])[0]}",
                field="port",
                value=port,
                expected="ports 80 and 443 for the reverse proxy",
                hint="stop that program and keep it from starting again, then run the same command",
            )

    def prepare(self, paths: Paths) -> None:
        """Write the CA bundle of the settings, create the host's lock, and install the unit for the next boot.

        The host also gets the name of the keys' group.
        """
        ensure_group(paths.root, KEYS_GROUP, KEYS_GID)
        install_boot_unit(Path(paths.root))
        Certbot(paths).trust(read_settings(paths).ca_bundle)
        # The reloader opens the lock read-only, so it cannot create the file.
        paths.lock.touch(mode=_LOCK_MODE)
        paths.lock.chmod(_LOCK_MODE)  # a lock of before could be held by everybody

    def make_networks(self, engine: Engine, paths: Paths) -> None:
        """Create the entry network, and the rules by which containers reach the sites on it."""
        ensure_entry(engine)
        ask_as_bridge(paths.root, ENTRY_BRIDGE)
        ensure_firewall(paths, engine, check=False)

    def forecast(self, engine: Engine, paths: Paths, compose: str, env: str) -> list[str]:
        """Say how long the sites will be away if Compose recreates NGINX."""
        container = engine.container(CONTAINER)
        if container is None or not container.running or not _is_recreated(container, paths, compose, env):
            return []
        return [outage_note(len(tenant_networks(container)))]

    def leave_networks(self, engine: Engine, paths: Paths) -> list[str]:
        """Disconnect NGINX from the tenants' networks if Compose is about to recreate its container."""
        container = engine.container(CONTAINER)
        state = paths.stack_state("platform", "reverse-proxy")
        compose, env = read_text(state / COMPOSE), read_text(state / ".env")
        if container is None or not container.running:
            return []
        if not _is_recreated(container, paths, compose or "", env or ""):
            return []
        return leave_all_tenants(engine, container)

    def after_start(self, engine: Engine, paths: Paths) -> None:
        """Make NGINX's namespace strict, connect NGINX to the networks of the live sites, and write them down.

        The file with the networks is for an operator who runs Compose by hand.
        """
        generations = Generations(paths)
        number = generations.live_number()
        record = generations.record(number) if number else None
        wanted = [name for name in (record.networks if record else []) if name != EDGE]
        container = engine.container(CONTAINER)
        if container is not None and container.running:
            run_script(container.pid, strict_script())
        joined = rejoin_tenants(engine, container, wanted)
        write_override(paths, wanted)
        if joined and container is not None:
            _resolve_again(engine, paths, container)

    def hand_over(self, engine: Engine, paths: Paths, *, check: bool) -> list[str]:
        """Give the keys of an earlier release to VSA's own group."""
        return hand_over_keys(engine, paths, check=check)

    def answering_sites(self, engine: Engine, paths: Paths) -> list[str]:
        """Return the sites of the live generation that answer from their own server block now."""
        generations = Generations(paths)
        number = generations.live_number()
        record = generations.record(number) if number else None
        nginx = Nginx(engine, paths)
        master = nginx.master()
        if record is None or master is None or nginx.generation(master) != number:
            return []
        return serving(record.sites, address="127.0.0.1", marker=record.marker, generation=number, sites=record.sites)


def _resolve_again(engine: Engine, paths: Paths, container: Container) -> None:
    """Have NGINX look up the containers of the networks that it joined after its start.

    NGINX asks again for a name that it did not find after ``resolver_timeout`` only: until then, the sites answer 502.
    """
    with host_lock(paths.lock):
        Nginx(engine, paths).reload(container.pid)


def _is_recreated(container: Container, paths: Paths, compose: str, env: str) -> bool:
    """Say whether Compose will recreate a container for this Compose file and environment."""
    wanted = config_hash(paths.proxy, compose, env, service=_SERVICE)
    return wanted is None or wanted != container.labels.get("com.docker.compose.config-hash")


def _test_image(engine: Engine, paths: Paths, image: str) -> None:
    """Run ``nginx -t`` of an image on the live generation. RefusedError with NGINX's own message if the test fails."""
    number = Generations(paths).live_number()
    if not number:
        return
    argv = ["nginx", "-t", "-q", "-c", f"{CONTAINER_NGINX}/generations/{number}/nginx.conf"]
    result = Nginx(engine, paths).test_once(argv, image=image)
    if result.code:
        raise RefusedError(
            f"the image {image} refuses the live generation {number}",
            field="image",
            value=image,
            expected="an NGINX that passes its own test on it",
            details=result.said("NGINX").lines(),
        )
