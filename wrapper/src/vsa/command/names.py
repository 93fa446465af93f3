"""Names for shell completion. A cache keeps what ``list`` returned, so completion contacts no host."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

__all__ = ("known", "remember")

_KINDS = ("domains", "containers", "stacks")


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "vsa" / "names.json"


def _read() -> dict[str, dict[str, list[str]]]:
    """Return the names of each kind by host, nothing if the cache cannot be read."""
    try:
        hosts = json.loads(_cache().read_text(encoding="utf-8"))["hosts"]
        return {str(host): dict(entry) for host, entry in hosts.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def known(kind: str) -> list[str]:
    """Return the known names of a kind: ``hosts``, ``domains``, ``containers`` or ``stacks``."""
    hosts = _read()
    if kind == "hosts":
        return sorted({*hosts, *_inventory_names()})
    return sorted({str(name) for entry in hosts.values() for name in entry.get(kind) or ()})


def remember(seen: Mapping[str, Mapping[str, Iterable[str]]]) -> None:
    """Store the names that hosts have, by kind. The names of other hosts and kinds stay.

    A cache that cannot be written is no error, because only completion needs the cache.
    """
    hosts = _read()
    for host, kinds in seen.items():
        entry: dict[str, Any] = hosts.setdefault(host, {})
        entry.update({kind: sorted(set(names)) for kind, names in kinds.items() if kind in _KINDS})
    path = _cache()
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.write_text(json.dumps({"schema": 1, "hosts": hosts}), encoding="utf-8")
        draft.replace(path)


def _inventory_names() -> Iterable[str]:
    """Return the hosts and groups of the inventory that a verb would use."""
    from vsa.ansible.config import find_config
    from vsa.ansible.inventory import HOST_SETTINGS, chosen_inventory, read_groups
    from vsa.core import UsageError, collections_root

    here = Path.cwd()
    config = find_config(os.environ, here=here, root=collections_root())
    try:
        path, _ = chosen_inventory(None, os.environ, config, here=here, host_settings=HOST_SETTINGS)
    except UsageError:
        return ()
    groups = read_groups(path) or {}
    return {*groups, *groups.get("all", ())}
