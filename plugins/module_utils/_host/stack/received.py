# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archives of stacks that came from a controller: the host keeps the newest of each name, so that it travels once.

They lie in /var/cache/vsa-stacks, for root alone, and may be removed at any time.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..._core.errors import RefusedError
from ..._core.forms import stack_name
from ..._core.stack.files import File, unpack
from ..machine.files import make_directory, read_bytes, write_new
from ..store.layout import Paths
from .folder import find_stack

__all__ = ("Archive", "files_of", "kept_files")

_CACHE = "var/cache/vsa-stacks"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Archive:
    """The archive of a stack's folder by its hash, and where the controller put it; None if it did not send it yet."""

    sha256: str
    place: str | None = None


def files_of(name: str, archive: Archive, *, paths: Paths, check: bool) -> Mapping[str, File] | None:
    """Return the files of an archive; None if the controller has to send it first. Check mode keeps nothing.

    RefusedError if the archive that came is not the one that was meant.
    """
    name = stack_name(name)
    if not _SHA256.fullmatch(archive.sha256):
        raise RefusedError("this is not the hash of an archive", field="archive_sha256", value=archive.sha256)
    cache = Path(paths.root, _CACHE)
    kept = cache / f"{name}-{archive.sha256}.tar"
    content = read_bytes(archive.place or kept)
    if content is None or hashlib.sha256(content).hexdigest() != archive.sha256:
        if archive.place is None:
            return None
        raise RefusedError("the archive of the stack did not arrive whole", field="archive", value=archive.place)
    if archive.place is not None and not check:
        _keep(cache, kept, name, content)
    return unpack(content)


def _keep(cache: Path, kept: Path, name: str, content: bytes) -> None:
    make_directory(cache, mode=0o700)
    draft = kept.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    write_new(draft, content, mode=0o600)
    os.replace(draft, kept)
    before = re.compile(rf"{re.escape(name)}-[0-9a-f]{{64}}\.(?:tar|draft)")
    for path in cache.iterdir():
        if path != kept and before.fullmatch(path.name):
            path.unlink(missing_ok=True)


def kept_files(name: str, *, tenant: str | None, paths: Paths) -> tuple[Mapping[str, File], str, bool]:
    """Return the files of a stack of this host, its tenant, and whether it is one of the collection.

    RefusedError if there is no such stack.
    """
    folder, stack = find_stack(paths, name, tenant=tenant)
    version = folder.version()
    return version.files, stack.tenant, not version.judged_config
