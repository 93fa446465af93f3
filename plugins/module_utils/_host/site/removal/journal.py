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
from ...machine.files import read_json, write_atomically
from ...store.layout import Paths

__all__ = ("Journal",)


@dataclass(frozen=True)
class Journal:
    """A removal under way: what its later steps can no longer read from a manifest or a container that is gone.

    ``containers`` maps names to ids, so that another container that took a name meanwhile is left alone.
    """

    names: list[str] = dataclasses.field(default_factory=list)
    network: str = EDGE
    containers: dict[str, str] = dataclasses.field(default_factory=dict)
    mounts: list[list[str]] = dataclasses.field(default_factory=list)
    projects: list[str] = dataclasses.field(default_factory=list)

    @staticmethod
    def place(paths: Paths, domain: str) -> Path:
        """Return where the journal of a site's removal lies."""
        return paths.unprovision / f"{domain}.json"

    @classmethod
    def read(cls, paths: Paths, domain: str) -> Journal | None:
        """Return the journal that a run left which did not end, or None."""
        data = read_json(cls.place(paths, domain))
        if not isinstance(data, dict):
            return None
        known = {entry.name for entry in dataclasses.fields(cls)}
        return cls(**{key: value for key, value in data.items() if key in known})

    def write(self, paths: Paths, domain: str) -> None:
        """Note the removal, before its first effect."""
        paths.unprovision.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = json.dumps({"schema": 1, "domain": domain, **dataclasses.asdict(self)}) + "\n"
        write_atomically(self.place(paths, domain), text, mode=0o600)

    @classmethod
    def close(cls, paths: Paths, domain: str) -> None:
        """Forget the removal: it is whole, or nothing of it was done."""
        cls.place(paths, domain).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # another removal has its own there
            paths.unprovision.rmdir()
