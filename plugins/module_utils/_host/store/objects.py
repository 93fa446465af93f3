# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stored files of the sites: each version of a file once, however many generations have it.

A stored file is read-only and has the hash of its content in its name (docs/adr/0015). Under its name there is the
whole content or nothing, unless somebody edits the file: then hash and name differ, in each generation that has it.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ..._core.proxy.plan import EDITED, site_of, stored_name
from ..machine.files import fsync_directory, fsync_files, make_directory, read_bytes, write_new
from .layout import Paths

__all__ = ("Objects",)


class Objects:
    """The stored files of one host."""

    def __init__(self, paths: Paths) -> None:
        self._root = str(paths.nginx)

    def path(self, name: str, digest: str) -> str:
        """Return the path of a site's file with this hash, of which the first digits are enough."""
        return f"{self._root}/{stored_name(name, digest)}"

    def put(self, name: str, digest: str, content: bytes) -> None:
        """Store the content of a site's file, unless it is there. A file that somebody edited stays beside it.

        There is no fsync of a new file: the caller does that for many files at once.
        """
        path = self.path(name, digest)
        there = read_bytes(path)
        if there == content:
            return
        # One run at a time writes here. What a killed run leaves, the next one writes over.
        fresh = f"{self._root}/store/.new"
        make_directory(Path(path).parent, mode=0o755)
        with suppress(FileNotFoundError):
            os.unlink(fresh)
        write_new(fresh, content)
        if there is not None:
            # Generations that are kept rely on this file already, so nothing else makes it safe later.
            fsync_files(Path(fresh).parent, [fresh])
            with suppress(FileNotFoundError):
                os.unlink(f"{path}{EDITED}")
            os.link(path, f"{path}{EDITED}")
        os.replace(fresh, path)
        if there is not None:
            fsync_directory(Path(path).parent)

    def remove(self, files: Iterable[tuple[str, str]]) -> None:
        """Remove stored files, each given by name and hash, and the directories of sites that have none left."""
        domains = set()
        for name, digest in files:
            for ending in ("", EDITED):
                with suppress(OSError):
                    os.unlink(f"{self.path(name, digest)}{ending}")
            domains.add(site_of(name))
        for domain in domains:
            with suppress(OSError):
                os.rmdir(f"{self._root}/store/{domain}")
