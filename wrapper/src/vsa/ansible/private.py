"""The private directory of one run: mode 0700, on a tmpfs if there is one, removed afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ("private_directory", "secret_file", "tmpfs")

# SIGKILL leaves a directory behind. A later run removes the directory when no run can be that old.
_STALE_SECONDS = 86_400


def tmpfs() -> Path:
    """Return the directory for private files: a tmpfs if this machine has one, else the temporary directory."""
    for candidate in ("/dev/shm", os.environ.get("XDG_RUNTIME_DIR", "")):  # noqa: S108 (a tmpfs, and the directory in it is ours)
        if candidate and os.access(candidate, os.W_OK | os.X_OK) and Path(candidate).is_dir():
            return Path(candidate)
    return Path(tempfile.gettempdir())


@contextlib.contextmanager
def private_directory() -> Iterator[Path]:
    """Yield a new directory that nobody else can read. It is removed at the end, after an error too."""
    prefix = f"vsa-{os.getuid()}-"
    _remove_stale(tmpfs(), prefix)
    path = Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-", dir=tmpfs()))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def secret_file(secret: str) -> Iterator[str]:
    """Yield the path of a file with a secret. Nobody else can read the file, and it is removed at the end."""
    with private_directory() as directory:
        path = directory / "secret"
        path.touch(mode=0o600, exist_ok=False)
        path.write_text(f"{secret}\n", encoding="utf-8")
        yield str(path)


def _remove_stale(parent: Path, prefix: str) -> None:
    for path in parent.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            facts = path.lstat()
            if facts.st_uid == os.getuid() and facts.st_mtime < time.time() - _STALE_SECONDS and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
