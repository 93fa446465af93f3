# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The field ``refused_images`` of stack.yml: versions of an image that must never run, such as one with a stealer.

Values in, values out. Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import RefusedError
from .config import Project
from .entries import entries

__all__ = ("RefusedImage", "refuse_images", "refused_images")

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_VERSION = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6}){0,3}")
_KEYS = ("image", "versions", "reason")


@dataclass(frozen=True)
class RefusedImage:
    """Versions of an image that a stack never runs, and why.

    * ``image``: the last part of the repository's path. Its variants (``litellm-database`` of ``litellm``) count too.
    * ``versions``: ``1.82.7`` is one version, ``1.107`` stands for every version that begins so.
    """

    image: str
    versions: tuple[str, ...]
    reason: str

    def is_of(self, repository: str) -> bool:
        """Say whether a repository holds this image, from whatever registry."""
        name = repository.rpartition("/")[2].lower()
        return name == self.image or name.startswith(f"{self.image}-")

    def refuses(self, tag: str) -> bool:
        """Say whether a tag names one of the versions: ``v1.107.0``, ``main-v1.82.7-stable``."""
        return any(re.search(rf"(?<![0-9.]){re.escape(version)}(?![0-9])", tag) for version in self.versions)


def refused_images(value: object, field: str) -> tuple[RefusedImage, ...]:
    """Return the refused images of a stack.yml. RefusedError if one has not its form."""
    return tuple(_image(entry, place) for entry, place in entries(value, field, _KEYS))


def _image(entry: Mapping[str, Any], place: str) -> RefusedImage:
    name, versions, reason = (entry.get(key) for key in _KEYS)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise RefusedError(
            "this is not the name of an image", field=f"{place}/image", value=name, expected="litellm, without a path"
        )
    if not isinstance(versions, list) or not versions:
        raise RefusedError("this is no list of versions", field=f"{place}/versions", value=versions, expected="[1.2.3]")
    for number, version in enumerate(versions):
        # Only text: YAML reads 1.10 as the number 1.1.
        if not isinstance(version, str) or not _VERSION.fullmatch(version):
            raise RefusedError(
                "this is not a version",
                field=f"{place}/versions/{number}",
                value=version,
                expected='"1.107", in quotes',
            )
    if not isinstance(reason, str) or not reason.strip() or "\n" in reason.strip():
        raise RefusedError("a refusal needs a reason", field=f"{place}/reason", value=reason, expected="one line")
    return RefusedImage(name, tuple(versions), reason.strip())


def refuse_images(project: Project, refused: tuple[RefusedImage, ...], *, where: str) -> None:
    """Raise RefusedError if a service runs a version that stack.yml refuses, or if its image does not say its version.

    A digest alone tells no version, so such an image needs its tag besides.
    """
    for service in project.services.values():
        name = service.image.partition("@")[0]
        path, _slash, last = name.rpartition("/")
        repository, _colon, tag = last.partition(":")
        for entry in refused:
            if not entry.is_of(f"{path}/{repository}"):
                continue
            if entry.refuses(tag):
                raise RefusedError(
                    f"the image of {service.name} must not run: {entry.reason}",
                    field=f"compose.yml/services/{service.name}/image",
                    value=service.image,
                    expected=f"another version than {', '.join(entry.versions)} ({where})",
                )
            if not re.search(r"\d", tag):
                raise RefusedError(
                    f"the image of {service.name} does not say its version, and some versions of it must not run",
                    field=f"compose.yml/services/{service.name}/image",
                    value=service.image,
                    expected=f"a tag with the version, besides a digest too ({where})",
                )
