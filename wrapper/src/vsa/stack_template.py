"""The folder of a new stack, made of a template of the collection. Nothing here contacts a host."""

from __future__ import annotations

import shutil
from pathlib import Path

from vsa.core import UsageError, collections_root

__all__ = ("TEMPLATES", "default_folder", "template_folder", "write_stack")

TEMPLATES = ("static", "worker", "web-postgres", "postgres", "redis")

_BESIDE = "stacks"


def template_folder(template: str) -> Path:
    """Return the folder of a template of the collection."""
    return collections_root() / "ansible_collections/flowbiz/vsa/stacks/templates" / template


def default_folder(inventory: str | None, *, here: Path) -> Path:
    """Return the folder of the operator's own stacks: beside the inventory, if it is a file or directory."""
    if inventory is None or "," in inventory:
        return here / _BESIDE
    path = Path(inventory)
    # Ansible reads every file inside an inventory directory as a part of the inventory.
    return path.parent / _BESIDE


def write_stack(template: str, *, name: str, to: Path, tenant: str | None = None) -> list[Path]:
    """Write the folder of a new stack below ``to``, and return its files. UsageError if its name is taken there."""
    folder = to / name
    if folder.exists() or folder.is_symlink():
        raise UsageError(
            "this would overwrite what is there", field="NAME", value=str(folder), expected="another name, or --to DIR"
        )
    source = template_folder(template)
    # Complete, or not there at all: a run that is killed leaves no half of a stack under its name.
    partial = to / f".{name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    written = [path.relative_to(source) for path in sorted(source.rglob("*")) if path.is_file()]
    for path in written:
        (partial / path).parent.mkdir(parents=True, exist_ok=True)
        text = (source / path).read_text(encoding="utf-8")
        (partial / path).write_text(_filled(text, name=name, tenant=tenant), encoding="utf-8")
    partial.rename(folder)
    return [folder / path for path in written]


def _filled(text: str, *, name: str, tenant: str | None) -> str:
    said = f"tenant: {tenant}" if tenant else "# tenant: acme"
    return text.replace("@NAME@", name).replace("# @TENANT@", said)
