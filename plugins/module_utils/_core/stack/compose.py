# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Compose file of a stack: fill in its variables, and read the image of each service.

Mappings and texts in, values out; YAML and files are read elsewhere.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..errors import RefusedError

__all__ = ("COMPOSE", "images", "interpolate")

COMPOSE = "compose.yml"

# $$, ${NAME}, ${NAME:-default}, ${NAME-default}, $NAME
_INTERPOLATION = re.compile(
    r"\$(?:(?P<escaped>\$)|\{(?P<braced>[A-Za-z_]\w*)(?:(?P<operator>:?-)(?P<default>[^}]*))?\}|(?P<bare>[A-Za-z_]\w*))",
    re.ASCII,
)


def interpolate(text: str, env: Mapping[str, str]) -> str:
    """Return a value of a Compose file with its variables filled in, as Compose does.

    Knows ``$NAME``, ``${NAME}``, ``${NAME:-default}``, ``${NAME-default}`` and ``$$``.
    Source: https://docs.docker.com/reference/compose-file/interpolation/
    """

    def value(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        found = env.get(match["braced"] or match["bare"])
        default = match["default"] or ""
        # ":-" gives the default also if the variable is empty, "-" only if the variable is not set.
        if found is None or (match["operator"] == ":-" and not found):
            return default
        return found

    return _INTERPOLATION.sub(value, text)


def images(compose: object, env: Mapping[str, str]) -> dict[str, str]:
    """Return the image of each service of a Compose file, by the name of the service.

    RefusedError if a service has no image, or if the tag is missing or ``latest``: the host must run what was tested.
    """
    services = compose.get("services") if isinstance(compose, Mapping) else None
    if not isinstance(services, Mapping) or not services:
        raise RefusedError("the compose file has no services", field=COMPOSE, expected="services")
    return {str(name): _image_of(name, service, env) for name, service in services.items()}


def _image_of(name: object, service: object, env: Mapping[str, str]) -> str:
    field = f"{COMPOSE}/services/{name}/image"
    written = service.get("image") if isinstance(service, Mapping) else None
    if not isinstance(written, str):
        raise RefusedError("a service has no image", field=field, expected="an image with its tag")
    image = interpolate(written, env)
    tag = image.rpartition("/")[2].partition(":")[2]
    if "@" not in image and tag in ("", "latest"):
        raise RefusedError("an image is not pinned", field=field, value=image, expected="a tag other than latest")
    return image
