"""``vsa init``: an inventory to begin with."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from vsa.command.options import Verb
from vsa.core import EXIT_OK, UsageError

__all__ = ("EXAMPLE", "init_command", "write_inventory")

EXAMPLE = Path(__file__).parent.parent / "inventory"
"""The example inventory, which comes with the command. In a clone it is a link to ``inventories/example``."""


def write_inventory(folder: Path) -> list[Path]:
    """Copy the example inventory into a folder, and return the files. UsageError if one of them is there already."""
    names = sorted(path.relative_to(EXAMPLE) for path in EXAMPLE.rglob("*") if path.is_file())
    present = [str(folder / name) for name in names if (folder / name).exists()]
    if folder.exists() and not folder.is_dir():
        present = [str(folder)]
    if present:
        raise UsageError("this would overwrite what is there", field="DIR", value=str(folder), there_are=present)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(EXAMPLE / name, folder / name)
    return [folder / name for name in names]


@click.command("init", cls=Verb, examples=("vsa init inventories/production", "vsa init ~/fleet"))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def init_command(folder: Path) -> int:
    """Write an example inventory into a directory, to put your own hosts in. No host is asked."""
    files = write_inventory(folder.expanduser())
    lines = [f"wrote {file}" for file in files]
    click.echo("\n".join([*lines, f"next: edit them, then vsa bootstrap --check -i {folder / 'hosts.yml'}"]))
    return EXIT_OK
