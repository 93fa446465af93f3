"""Programs built from their Go modules: exactly what a ``go.sum`` names, once for each content of their folder."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from ._shell import RigError, cache_dir, lock, run, say, step

__all__ = ["go_binary"]

#: What the newest dependencies, those of golang.org/x, are written in.
_GO = (1, 26)
#: How many builds of one program are kept.
_KEPT = 2


def go_binary(name: str, *, folder: Path, key: str, package: str, words: str) -> Path:
    """Return the program ``name``. Build it from ``package`` in the module ``folder``, if no build for ``key`` is kept.

    ``words`` say what the program is and how long the build takes. RigError if the build fails.
    """
    binary = cache_dir(name, key) / name
    with lock(name):
        if not binary.exists():
            _build(binary, folder, package, words)
        os.utime(binary.parent)
        kept = sorted(cache_dir(name).iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in kept[_KEPT:]:
            shutil.rmtree(old)
    return binary


def _build(binary: Path, folder: Path, package: str, words: str) -> None:
    go = _go(binary.name)
    say(f"  · {words}")
    fresh = binary.with_name(f"{binary.name}.new")
    log = cache_dir("log") / f"{binary.name}.log"
    log.unlink(missing_ok=True)
    # Exactly the modules in go.sum, with the installed Go. The machine's own settings say where modules come from.
    argv = ["nice", "env", "CGO_ENABLED=0", "GOTOOLCHAIN=local", "GOWORK=off", go, "build", "-mod=readonly"]
    argv += ["-p", "2", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", str(fresh), package]
    with step(binary.name):
        run(argv, cwd=folder, log=log, timeout=3600)
    fresh.rename(binary)


def _go(name: str) -> str:
    """A Go that is new enough: the machine's own, else the one from its packages."""
    found = _new_enough(("go", "/usr/local/go/bin/go"))
    if found is None:
        with step("installing Go from this machine's packages"):
            run(["apt-get", "install", "--yes", "--no-install-recommends", "golang-go"], check=False)
        found = _new_enough(("go", "/usr/bin/go"))
    if found is None:
        raise RigError(f"{name} cannot be built: it needs Go {_GO[0]}.{_GO[1]} or newer, on PATH or in the packages")
    return found


def _new_enough(names: Sequence[str]) -> str | None:
    for name in names:
        path = shutil.which(name)
        said = run([path, "version"], check=False).stdout if path else ""
        version = re.search(r"\bgo(\d+)\.(\d+)", said)
        if path and version and (int(version[1]), int(version[2])) >= _GO:
            return path
    return None
