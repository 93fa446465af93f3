"""Style sheet, script, font and icons: read once, and served under an address that changes with their contents."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from hub.errors import HubError

__all__ = ("OWN", "Assets", "read_assets")

OWN = Path(__file__).with_name("static")
"""The project's own files. Those of other projects are put beside them when the image is built."""
_FOR_EVER = "public, max-age=31536000, immutable"
_PACKED = {".css", ".js", ".svg"}


@dataclass(frozen=True)
class _File:
    content: bytes
    packed: bytes | None
    kind: str


@dataclass(frozen=True)
class Assets:
    """All files by their names. ``mark`` is a part of their addresses, and changes if a file does."""

    mark: str
    files: dict[str, _File]

    def path(self, name: str) -> str:
        """Return the address of a file."""
        return f"/static/{self.mark}/{name}"

    def answer(self, request: Request, name: str) -> Response:
        """Return a file, packed if the client takes that. HubError 404 if there is no such file."""
        found = self.files.get(name)
        if found is None:
            raise HubError(404, "not_found", "there is no such file")
        headers = {"Cache-Control": _FOR_EVER, "Vary": "Accept-Encoding"}
        if found.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(found.packed, media_type=found.kind, headers={**headers, "Content-Encoding": "gzip"})
        return Response(found.content, media_type=found.kind, headers=headers)


def read_assets(folders: Iterable[Path]) -> Assets:
    """Read all files of some folders. A folder that is not there has none: then pages lack their icons."""
    files: dict[str, _File] = {}
    whole = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.glob("*")) if folder.is_dir() else ():
            content = path.read_bytes()
            packed = gzip.compress(content, mtime=0) if path.suffix in _PACKED else None
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            files[path.name] = _File(content, packed, "font/woff2" if path.suffix == ".woff2" else kind)
            whole.update(path.name.encode() + b"\0" + content)
    return Assets(whole.hexdigest()[:12], files)
