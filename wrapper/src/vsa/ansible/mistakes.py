"""Find the file and line of a YAML mistake in an inventory. Ansible names neither for a file of variables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vsa.ansible.inventory import yaml_loader

__all__ = ("Mistake", "find_mistake")

_VARIABLES = ("host_vars", "group_vars")
_ENDINGS = (".yml", ".yaml", ".json", "")
_VAULT = "$ANSIBLE_VAULT"


@dataclass(frozen=True)
class Mistake:
    """A file that is not YAML: its path, the line from 1 on (None if unknown), and what the parser says."""

    path: Path
    line: int | None
    words: str

    @property
    def place(self) -> str:
        """Return file and line as an editor takes them."""
        return f"{self.path}:{self.line}" if self.line else str(self.path)


def find_mistake(inventory: str | None) -> Mistake | None:
    """Return the first YAML mistake in an inventory and its files of variables; None if there is none.

    Reads all of these files, so it is called only after Ansible has failed. A vaulted file is left out.
    """
    if inventory is None or "," in inventory:
        return None
    for path in _files(Path(inventory)):
        mistake = _parse(path)
        if mistake is not None:
            return mistake
    return None


def _files(inventory: Path) -> Iterable[Path]:
    top = inventory if inventory.is_dir() else inventory.parent
    if inventory.is_dir():
        yield from (path for path in sorted(inventory.iterdir()) if path.is_file() and path.suffix in _ENDINGS[:2])
    elif inventory.suffix in _ENDINGS[:2]:
        yield inventory
    for name in _VARIABLES:
        for path in sorted((top / name).rglob("*")):
            if path.is_file() and path.suffix in _ENDINGS and not path.name.startswith("."):
                yield path


def _parse(path: Path) -> Mistake | None:
    import yaml  # imported here, because only a failed run needs it

    try:
        text = path.read_text(encoding="utf-8")
        if not text.startswith(_VAULT):
            yaml.load(text, yaml_loader())  # noqa: S506 (a safe loader by inheritance)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        words = " ".join(str(getattr(error, "problem", None) or error).split())
        return Mistake(path, mark.line + 1 if mark else None, words)
    except UnicodeDecodeError:
        return Mistake(path, None, "it is not UTF-8")
    except OSError as error:
        return Mistake(path, None, f"it cannot be read: {error.strerror}")
    return None
