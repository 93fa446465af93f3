# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the reverse proxy's stack asks for besides any other's: its NGINX must take and serve the live generation.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from ..._core.errors import RefusedError
from ..machine.docker import Engine
from ..proxy.nginx import Nginx
from ..proxy.probe import serving
from ..store.generations import Generations
from ..store.layout import CONTAINER_NGINX, Paths

__all__ = ("check_new_image", "proven_sites")


def check_new_image(engine: Engine, paths: Paths, image: str) -> None:
    """Test the live generation with another image of NGINX. RefusedError with its words where it does not take it."""
    number = Generations(paths).live_number()
    if not number:
        return
    argv = ["nginx", "-t", "-q", "-c", f"{CONTAINER_NGINX}/generations/{number}/nginx.conf"]
    result = Nginx(engine, paths).test_once(argv, image=image)
    if result.code:
        raise RefusedError(
            f"the image {image} does not take the live generation {number}",
            field="image",
            value=image,
            expected="an NGINX that passes its own test on it",
            details=result.output.splitlines()[-5:],
        )


def proven_sites(engine: Engine, paths: Paths, *, address: str = "127.0.0.1") -> list[str]:
    """Return the sites of the live generation that answer from their own server block now; empty without a proxy."""
    generations = Generations(paths)
    number = generations.live_number()
    record = generations.record(number) if number else None
    nginx = Nginx(engine, paths)
    master = nginx.master()
    if record is None or master is None or nginx.generation(master) != number:
        return []
    return serving(record.sites, address=address, marker=record.marker, generation=number, sites=record.sites)
