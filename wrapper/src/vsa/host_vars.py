"""Write declarations into the variables of hosts, beside the inventory: ``host_vars/HOST/sites.yml``.

Ansible reads the directory ``host_vars/HOST`` and then passes over a file ``host_vars/HOST.yml``. So the directory is
not made beside such a file: the host would lose its other variables.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from vsa.ansible.inventory import inventory_folder
from vsa.core import UsageError

__all__ = ("write_declarations",)

_NAME = "sites.yml"
_FLAG = "--write"
_ENDINGS = (".yml", ".yaml", ".json")
_DECLARES = re.compile(r"(?m)^vsa_sites\s*:")
_OTHER_KEY = re.compile(r"(?m)^(?!vsa_sites\s*:)[^\s#-][^:\n]*:")


def write_declarations(texts: Mapping[str, str], *, inventory: str | None) -> list[Path]:
    """Write the declaration of each host, and return the files. All of them are checked before one is written.

    Raises :class:`UsageError` if the inventory is no file, or if a file would be lost or would no longer be read.
    """
    if inventory is None or "," in inventory:
        raise UsageError(
            "there is no inventory file beside which the variables of hosts lie", field=_FLAG, expected="-i FILE"
        )
    base = inventory_folder(Path(inventory)) / "host_vars"
    targets = {host: base / host / _NAME for host in texts}
    for target in targets.values():
        _refuse_shadowing(target.parent)
        _refuse_other_variables(target)
    for host, target in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{_NAME}.{os.getpid()}")
        draft.write_text(texts[host].rstrip("\n") + "\n", encoding="utf-8")
        draft.replace(target)
    return list(targets.values())


def _refuse_shadowing(folder: Path) -> None:
    """Raise UsageError if the directory would hide a file with the host's variables."""
    files = [folder.with_name(f"{folder.name}{ending}") for ending in _ENDINGS]
    found = next((file for file in (folder, *files) if file.is_file()), None)
    if found is None:
        return
    raise UsageError(
        f"Ansible would no longer read {found}, because the directory {folder.name} comes first",
        field=_FLAG,
        value=str(folder / _NAME),
        hint=f"move it into the directory, then the same again: {folder}/vars{found.suffix or '.yml'}",
    )


def _refuse_other_variables(target: Path) -> None:
    """Raise UsageError if the file has other variables too, or if another file of the host declares sites."""
    if target.is_file() and _OTHER_KEY.search(target.read_text(encoding="utf-8")):
        raise UsageError("the file has other variables than vsa_sites", field=_FLAG, value=str(target))
    for file in sorted(target.parent.glob("*")):
        declares = file.suffix in (".yml", ".yaml") and _DECLARES.search(file.read_text(encoding="utf-8"))
        if file != target and declares:
            raise UsageError("another file of the host declares vsa_sites", field=_FLAG, value=str(file))
