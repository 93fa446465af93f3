# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a removal under way: /var/lib/vsa/unprovision/<domain>.json.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from ...._core.networks import EDGE
from ...._core.shape import ListOf, MapOf, Object
from ...machine.files import write_atomically
from ...store.documents import read_document
from ...store.layout import Paths

__all__ = ("Journal",)

_TEXTS = ListOf(str)
_SHAPE = Object(
    {},
    {"names": _TEXTS, "network": str, "containers": MapOf(str), "mounts": ListOf(_TEXTS), "projects": _TEXTS},
)


@dataclass(frozen=True)
class Journal:
    """The journal: what the later steps need and can no longer read, because manifest or containers are removed.

    ``containers`` maps names to ids. So a new container that got the same name meanwhile is not touched.
    """

    names: list[str] = dataclasses.field(default_factory=list)
    network: str = EDGE
    containers: dict[str, str] = dataclasses.field(default_factory=dict)
    mounts: list[list[str]] = dataclasses.field(default_factory=list)
    projects: list[str] = dataclasses.field(default_factory=list)

    @staticmethod
    def place(paths: Paths, domain: str) -> Path:
        """Return the path of the journal for a site."""
        return paths.unprovision / f"{domain}.json"

    @classmethod
    def read(cls, paths: Paths, domain: str) -> Journal | None:
        """Return the journal of a removal that was interrupted; None if there is none."""
        data = read_document(cls.place(paths, domain), _SHAPE)
        if data is None:
            return None
        known = {entry.name for entry in dataclasses.fields(cls)}
        return cls(**{key: value for key, value in data.items() if key in known})

    def write(self, paths: Paths, domain: str) -> None:
        """Write the journal. Must run before the first effect of the removal."""
        paths.unprovision.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = json.dumps({"schema": 1, "domain": domain, **dataclasses.asdict(self)}) + "\n"
        write_atomically(self.place(paths, domain), text, mode=0o600)

    @classmethod
    def close(cls, paths: Paths, domain: str) -> None:
        """Remove the journal: the removal is complete, or it had no effect."""
        place = cls.place(paths, domain)
        # A disk that became read-only kept the draft of an earlier run.
        for draft in paths.unprovision.glob(f".{place.name}.*"):
            draft.unlink(missing_ok=True)
        place.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # the journal of another removal is there
            paths.unprovision.rmdir()
