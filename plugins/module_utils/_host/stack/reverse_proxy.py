# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hooks of the stack reverse-proxy: its NGINX must accept and serve the live generation.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..._core.errors import RefusedError
from ..cert.certbot import Certbot
from ..machine.docker import Container, Engine
from ..proxy.nginx import Nginx
from ..proxy.probe import serving
from ..store.generations import Generations
from ..store.layout import CONTAINER_NGINX, Paths
from ..store.settings import read_settings
from .health import service_of
from .hooks import Hooks

__all__ = ("ReverseProxy",)

_SERVICE = "nginx"
_LOCK_MODE = 0o644


class ReverseProxy(Hooks):
    """The hooks of the stack whose NGINX serves the sites of the host."""

    before_start = "reverse_proxy.yml"
    serves_sites = True

    def refuse_images(self, engine: Engine, paths: Paths, wanted: Mapping[str, str], running: list[Container]) -> None:
        """Raise RefusedError if another image of NGINX than the running one rejects the live generation."""
        image = wanted.get(_SERVICE)
        if image is None:
            return
        for container in running:
            if service_of(container) == _SERVICE and engine.image_id(image) not in (None, container.image_id):
                _test_image(engine, paths, image)

    def prepare(self, paths: Paths) -> None:
        """Write the CA bundle of the host's settings for certbot, and create the host's lock."""
        Certbot(paths).trust(read_settings(paths).ca_bundle)
        # The reloader opens the lock read-only, so it cannot create the file.
        paths.lock.touch(mode=_LOCK_MODE)

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
            details=result.output.splitlines()[-5:],
        )
