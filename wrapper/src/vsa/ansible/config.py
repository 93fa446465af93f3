"""Find the ``ansible.cfg`` in force, and read the few settings that the wrapper itself needs."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ("Config", "find_config")


@dataclass(frozen=True)
class Config:
    """An ``ansible.cfg`` and the settings in it: inventory, interpreter, callbacks, files that are no inventory.

    ``path`` is None if there is no such file. A setting that the file does not have is None or empty.
    """

    path: Path | None = None
    inventory: str | None = None
    interpreter: str | None = None
    callbacks: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


def find_config(caller: Mapping[str, str], *, here: Path, root: Path) -> Config:
    """Return the configuration in force, as Ansible finds it.

    The order: ``ANSIBLE_CONFIG``, the current directory, the clone, the user's home, ``/etc/ansible``. ``root`` is the
    collections path of our own core; in a clone the project's ``ansible.cfg`` is in the parent of ``root``.
    """
    for candidate in _candidates(caller, here=here, root=root):
        if os.path.isfile(candidate):  # noqa: PTH113 (pathlib raises for a name that is too long)
            return _read(candidate.absolute())
    return Config()


def _candidates(caller: Mapping[str, str], *, here: Path, root: Path) -> Iterator[Path]:
    named = caller.get("ANSIBLE_CONFIG")
    if named:
        yield Path(named)
    # As Ansible does, a directory that everybody can write is passed over.
    if not _world_writable(here):
        yield here / "ansible.cfg"
    if (root.parent / "galaxy.yml").is_file():
        yield root.parent / "ansible.cfg"
    yield Path("~/.ansible.cfg").expanduser()
    yield Path("/etc/ansible/ansible.cfg")


def _world_writable(directory: Path) -> bool:
    return bool(directory.stat().st_mode & stat.S_IWOTH)


def _read(path: Path) -> Config:
    import configparser  # imported here, because --help does not need it

    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        return Config(path)  # Ansible itself says what is wrong with the file
    inventory = parser.get("defaults", "inventory", fallback=None)
    if inventory and "," not in inventory:
        inventory = os.path.normpath(path.parent / Path(inventory).expanduser())
    ignored = parser.get("inventory", "ignore_patterns", fallback="") or parser.get(
        "defaults", "inventory_ignore_patterns", fallback=""
    )
    return Config(
        path,
        inventory or None,
        parser.get("defaults", "interpreter_python", fallback=None),
        _listed(parser.get("defaults", "callbacks_enabled", fallback="")),
        _listed(ignored),
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
