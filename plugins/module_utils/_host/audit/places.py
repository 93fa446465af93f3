# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The paths of the audit trail of this machine and user, and the id of its writer.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..._core.audit.record import Controller

__all__ = ("Places", "rotated_number", "this_controller")

_ROTATED = re.compile(r"audit\.jsonl\.([1-9][0-9]*)")


@dataclass(frozen=True)
class Places:
    """The directories of one trail.

    ``folder`` holds the trail itself. ``state`` holds the index, the files of the runs under way and the cursor of the
    push to Loki. ``spool`` is on a tmpfs: records wait there while the disk is full.
    """

    folder: Path
    state: Path
    spool: Path

    @classmethod
    def of_host(cls, root: str = "/") -> Places:
        """Return the places of a host's own trail."""
        folder = Path(root, "var/log/vsa")
        return cls(folder, Path(root, "var/lib/vsa"), _spool(folder))

    @classmethod
    def here(cls, environ: Mapping[str, str], *, root: str = "/") -> Places:
        """Return the places for this process: the host's own for root of a managed host, else the user's own."""
        if os.getuid() == 0 and Path(root, "etc/vsa/vsa.yml").exists():
            return cls.of_host(root)
        base = Path(environ.get("HOME") or "~").expanduser() / ".local/state"
        state_home = environ.get("XDG_STATE_HOME", "")
        if state_home.startswith("/"):  # the XDG specification: a relative path is ignored
            base = Path(state_home)
        return cls(base / "vsa", base / "vsa", _spool(base / "vsa"))

    @property
    def log(self) -> Path:
        """Return the file that records are appended to."""
        return self.folder / "audit.jsonl"

    @property
    def lock(self) -> Path:
        """Return the lock for writing. The log itself cannot be the lock: rotation renames the log."""
        return self.folder / ".audit.lock"

    @property
    def reserve(self) -> Path:
        """Return a file of reserved space: it is deleted when the disk is full, so that a last record fits."""
        return self.folder / ".audit.reserve"

    @property
    def runs(self) -> tuple[Path, Path]:
        """Return the directories of the runs under way: on disk, and on the tmpfs for when the disk is full."""
        return self.state / "audit-runs", self.spool / "runs"

    @property
    def database(self) -> Path:
        """Return the index, a SQLite database."""
        return self.state / "audit.db"

    @property
    def loki_cursor(self) -> Path:
        """Return the file that says how far the trail was sent to Loki."""
        return self.state / "loki.json"

    def files(self) -> list[Path]:
        """Return the trail's files that exist, the oldest first."""
        try:
            names = [entry for entry in os.listdir(self.folder) if rotated_number(entry)]
        except OSError:
            names = []
        rotated = [self.folder / name for name in sorted(names, key=rotated_number)]
        return [*rotated, *([self.log] if self.log.exists() else [])]

    def make(self) -> None:
        """Create the directories; only their owner may enter them."""
        for folder in (self.folder, self.state, self.runs[0]):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def rotated_number(name: str) -> int:
    """Return the number of a rotated file by its name; 0 for any other file."""
    found = _ROTATED.fullmatch(name)
    return int(found[1]) if found else 0


def _spool(folder: Path) -> Path:
    # Everybody may write to these directories, so the trail checks the owner of the spool.
    writable = [path for path in ("/dev/shm", "/run") if os.access(path, os.W_OK | os.X_OK)]  # noqa: S108
    parent = writable[0] if writable else "/tmp"  # noqa: S108
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]
    return Path(parent, f"vsa-audit-{os.getuid()}-{digest}")


def this_controller(places: Places) -> Controller:
    """Return this machine's name, and the id of the trail's writer, which is created once."""
    return Controller(name=socket.gethostname(), id=_writer(places.state / "audit-writer"))


def _writer(path: Path) -> str:
    for attempt in (1, 2):
        try:
            text = path.read_text(encoding="ascii").strip()
            if re.fullmatch(r"[0-9a-f]{16}", text):
                return text
        except (OSError, UnicodeDecodeError):
            pass
        if attempt == 1:
            _make_writer(path)
    # The id cannot be stored. Derive one that is always the same for this machine, user and trail.
    try:
        machine = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        machine = socket.gethostname()
    return hashlib.sha256(f"{machine} {os.getuid()} {path}".encode()).hexdigest()[:16]


def _make_writer(path: Path) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.write_text(os.urandom(8).hex() + "\n", encoding="ascii")
        if not path.exists() or not path.read_bytes().strip():
            os.replace(fresh, path)
    except OSError:
        pass  # _writer then derives an id
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink()
