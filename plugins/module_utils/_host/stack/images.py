# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images of a stack: pull them, keep the digest of each image that was pulled, and refuse a tag that moved.

A tag is a name that its registry can give to another image. The digests lie among what VSA keeps of the stack, in
images.json. Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from ..._core.errors import RefusedError
from ..._core.hints import Hint
from ..._core.shape import MapOf, Object
from ..._core.stack.manifest import Stack
from ..machine.docker import Engine
from ..machine.files import write_atomically
from ..store.documents import read_document
from ..store.layout import Paths

__all__ = ("StackImages",)

_FILE = "images.json"
_MODE = 0o600
_SHAPE = Object({"images": MapOf(str)}, {"schema": int})


class StackImages:
    """The images of one stack, and their digests."""

    def __init__(self, paths: Paths, stack: Stack) -> None:
        self._stack = stack
        self._path = paths.stack_state(stack.tenant, stack.name) / _FILE
        self._known = self._read()
        self._fresh = dict(self._known)

    def _read(self) -> dict[str, str]:
        found = read_document(self._path, _SHAPE)
        return dict(found["images"]) if found else {}

    def pull(self, engine: Engine, references: Iterable[str], *, again: bool, check: bool) -> list[str]:
        """Pull the images that the host lacks, or all of them ``again``. Returns the notes for the operator.

        RefusedError if a tag names another image than the one that was pulled for this stack, unless ``again``, and if
        a registry does not give an image. What is refused is neither pulled nor started.
        """
        wanted = list(dict.fromkeys(references))
        missing = [reference for reference in wanted if engine.image_id(reference) is None]
        if not again:
            for reference in wanted:
                self._refuse_moved(engine, reference, missing=reference in missing)
        notes = []
        for reference in wanted if again else missing:
            if check:
                notes.append(f"the image {reference} would be pulled")
                continue
            engine.pull(reference)
            notes.append(f"the image {reference} was pulled")
            self._note(engine, reference)
        return notes

    def _refuse_moved(self, engine: Engine, reference: str, *, missing: bool) -> None:
        known = self._known.get(reference)
        if known is None:
            return
        digest = engine.registry_digest(reference) if missing else None
        found = {digest} - {None} if missing else set(engine.image_digests(reference) or ())
        if known in found or (missing and not found):
            return
        raise RefusedError(
            f"the tag {reference} has moved: it names another image than the one that this stack ran",
            field="image",
            value=reference,
            expected=f"{known}, and found {', '.join(sorted(map(str, found))) or 'an image of no registry'}",
            hint=Hint("stack.up", {"name": self._stack.name, "pull": True}, note="if you trust the new image"),
        )

    def _note(self, engine: Engine, reference: str) -> None:
        digests = engine.image_digests(reference) or ()
        if digests and "@" not in reference:
            self._fresh[reference] = digests[0]

    def keep(self, references: Iterable[str]) -> None:
        """Keep the digests of the images that the stack still names."""
        wanted = set(references)
        kept = {name: digest for name, digest in sorted(self._fresh.items()) if name in wanted}
        if kept == self._known:
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(self._path, f"{json.dumps({'schema': 1, 'images': kept}, indent=1)}\n", mode=_MODE)
