"""Which ``ansible.cfg`` is in force, and the few settings of it that the wrapper itself must know."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ("Config", "find_config")


@dataclass(frozen=True)
class Config:
    """An ``ansible.cfg`` (no ``path``: there is none), and its inventory, interpreter, callbacks if it says them."""

    path: Path | None = None
    inventory: str | None = None
    interpreter: str | None = None
    callbacks: tuple[str, ...] = ()


def find_config(caller: Mapping[str, str], *, here: Path, root: Path) -> Config:
    """Return the configuration in force: ``ANSIBLE_CONFIG``, then the one here, the clone's, the user's, the machine's.

    ``root`` is the collections path of our own core: in a clone its parent has the project's ``ansible.cfg``. As
    Ansible does, a world-writable directory is passed over.
    """
    named = caller.get("ANSIBLE_CONFIG")
    candidates = [
        *([Path(named)] if named else []),
        *([here / "ansible.cfg"] if not _world_writable(here) else []),
        *([root.parent / "ansible.cfg"] if (root.parent / "galaxy.yml").is_file() else []),
        Path("~/.ansible.cfg").expanduser(),
        Path("/etc/ansible/ansible.cfg"),
    ]
    path = next((candidate for candidate in candidates if candidate.is_file()), None)
    return Config() if path is None else _read(path.absolute())


def _world_writable(directory: Path) -> bool:
    return bool(directory.stat().st_mode & stat.S_IWOTH)


def _read(path: Path) -> Config:
    import configparser  # only when a verb runs

    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        return Config(path)  # Ansible will say what is wrong with it, in its own words
    inventory = parser.get("defaults", "inventory", fallback=None)
    if inventory and "," not in inventory:
        inventory = os.path.normpath(path.parent / Path(inventory).expanduser())
    enabled = parser.get("defaults", "callbacks_enabled", fallback="")
    callbacks = tuple(name.strip() for name in enabled.split(",") if name.strip())
    return Config(path, inventory or None, parser.get("defaults", "interpreter_python", fallback=None), callbacks)
