"""Find the hosts that a verb would act on, without starting Ansible.

Ansible takes half a second to parse an inventory. The plain YAML inventories of this project are read here in
milliseconds. If an inventory or pattern is not plain (another format, a plugin, ranges, expressions), the functions
return None, which means "not known". Then Ansible alone decides, and the playbooks make the same checks.
"""

from __future__ import annotations

import fnmatch
import functools
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vsa.ansible.config import Config
from vsa.core import UsageError

__all__ = (
    "HOST_SETTINGS",
    "Groups",
    "chosen_inventory",
    "inventory_files",
    "inventory_folder",
    "load_yaml",
    "one_host",
    "read_groups",
    "refuse_unknown_names",
    "select",
    "yaml_loader",
)

Groups = Mapping[str, tuple[str, ...]]
"""The hosts of each group, ``all`` among them, in the order of the file."""

HOST_SETTINGS = Path("/etc/vsa/vsa.yml")
"""The settings that bootstrap writes on a host. If the file exists, this machine is a host of ours."""

# The endings of Ansible's `inventory_ignore_extensions`, and of files that are often kept beside an inventory.
_IGNORED = (".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry", ".example")
_NO_INVENTORY = ("known_hosts", "group_vars", "host_vars")
_EVERYWHERE = ("all", "ungrouped")
_LOADED: dict[Path, tuple[tuple[int, int, int], Any]] = {}
_MOST_NAMED = 20
_SIMPLE = re.compile(r"[!&]?[A-Za-z0-9_.*?-]+")


def chosen_inventory(
    flag: str | None, caller: Mapping[str, str], config: Config, *, here: Path, host_settings: Path
) -> tuple[str | None, bool]:
    """Return the inventory (an absolute path, or a host list with a comma) and whether this machine is the target.

    The order: ``-i``, ``VSA_INVENTORY``, this machine if bootstrap made it a host of ours (``host_settings`` exists),
    the ``inventory`` of ``ansible.cfg``. Raises :class:`UsageError` if there is no inventory, or the named one is not
    there.
    """
    for field, value in (("--inventory", flag), ("VSA_INVENTORY", caller.get("VSA_INVENTORY"))):
        if not value:
            continue
        if "," in value:
            return value, False
        path = os.path.normpath(here / Path(value).expanduser())
        if not _exists(path):
            raise UsageError("there is no such inventory", field=field, value=value, expected="a file or directory")
        return path, False
    if host_settings.exists():
        return None, True
    if config.inventory and ("," in config.inventory or _exists(config.inventory)):
        return config.inventory, False
    raise UsageError(
        "no inventory says which hosts there are",
        expected="-i FILE, VSA_INVENTORY, or --local for this machine itself",
        hint="vsa --help",
    )


def _exists(path: str) -> bool:
    """Say whether a typed path exists. A name that no file can have (too long, say) does not."""
    return os.path.exists(path)  # noqa: PTH110 (pathlib raises for a name that is too long)


def read_groups(inventory: str | None) -> Groups | None:
    """Return the groups of an inventory, or None if only Ansible can tell."""
    if inventory is None:
        return None
    if "," in inventory:
        names = tuple(name.strip() for name in inventory.split(",") if name.strip())
        return {"all": names} if all(_SIMPLE.fullmatch(name) for name in names) else None
    members: dict[str, list[str]] = {"all": []}
    children: dict[str, list[str]] = {}
    for path in inventory_files(Path(inventory)):
        content = load_yaml(path) if path is not None else None
        if not isinstance(content, dict) or "plugin" in content:
            return None
        if not all(_collect(str(name), group, members, children) for name, group in content.items()):
            return None
    groups = {name: tuple(dict.fromkeys(_descend(name, members, children, ()))) for name in [*members, *children]}
    grouped = {host for name, hosts in groups.items() if name not in ("all", "ungrouped") for host in hosts}
    return {**groups, "ungrouped": tuple(host for host in groups["all"] if host not in grouped)}


def select(groups: Groups, limit: str | None) -> tuple[str, ...] | None:
    """Return the hosts that a limit leaves, or None if the limit has more than names, globs and ``,:!&``."""
    everything = groups["all"]
    if limit is None:
        return everything
    patterns = _parts(limit)
    if not all(_SIMPLE.fullmatch(pattern) for pattern in patterns):
        return None
    named = [pattern for pattern in patterns if pattern[0] not in "!&"]
    chosen = _matching(groups, named) if named else set(everything)
    for pattern in patterns:
        if pattern[0] == "&":
            chosen &= _matching(groups, [pattern[1:]])
    for pattern in patterns:
        if pattern[0] == "!":
            chosen -= _matching(groups, [pattern[1:]])
    return tuple(host for host in everything if host in chosen)


def refuse_unknown_names(groups: Groups, limit: str | None) -> None:
    """Raise :class:`UsageError` if a part of a limit names no host and no group. Ansible would leave the part out.

    Every part counts, also one that excludes: with a typo in ``!vps-02`` the run would act on vps-02.
    """
    known = list(dict.fromkeys((*groups["all"], *(group for group in groups if group not in _EVERYWHERE))))
    for part in _parts(limit):
        name = part.lstrip("!&")
        if not _SIMPLE.fullmatch(part) or any(fnmatch.fnmatchcase(entry, name) for entry in (*known, *_EVERYWHERE)):
            continue
        import difflib  # imported here, because only this error needs it

        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        raise UsageError(
            f"no host of the inventory matches {name}",
            field="--limit",
            value=limit,
            expected=f"did you mean {' or '.join(near)}" if near else "a host or a group",
            there_are=known[:_MOST_NAMED],
        )


def _parts(limit: str | None) -> list[str]:
    """Return the patterns of a limit."""
    parts = re.split(r"\s*,\s*" if "," in (limit or "") else r"[:,]", limit or "")
    return [part for part in parts if part]


def one_host(hosts: tuple[str, ...] | None, *, limit: str | None, single: bool) -> None:
    """Raise :class:`UsageError` if no host is left, or if several are left for a verb that acts on one."""
    if hosts is None:
        return
    if not hosts:
        raise UsageError(
            "no host of the inventory matches" if limit else "the inventory has no hosts",
            field="--limit" if limit else "--inventory",
            value=limit,
            expected="at least one host",
        )
    if single and len(hosts) > 1:
        raise UsageError(
            "this verb acts on one host, and there are several",
            field="--limit",
            value=limit or "(not given)",
            there_are=hosts,
            hint=f"the same with --limit {hosts[0]}",
        )


def inventory_folder(path: Path) -> Path:
    """Return the folder in which ``host_vars``, ``group_vars`` and ``known_hosts`` of an inventory lie."""
    return path if path.is_dir() else path.parent


def inventory_files(path: Path) -> Iterable[Path | None]:
    """Yield the files that Ansible reads as inventory. None stands for a part that only Ansible can read."""
    if not path.is_dir():
        yield None if os.access(path, os.X_OK) else path
        return
    for entry in sorted(path.iterdir()):
        if entry.name.startswith(".") or entry.name.endswith(_IGNORED) or entry.name in _NO_INVENTORY:
            continue
        yield None if entry.is_dir() or os.access(entry, os.X_OK) else entry


@functools.cache
def yaml_loader() -> Any:
    """Return a loader of plain values. Tags of Ansible (!vault, !unsafe) mark variables, which do not matter here."""
    import yaml  # imported here: it takes 35 ms, and --help does not need it

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Loads plain values."""

    Loader.add_multi_constructor("!", lambda loader, suffix, node: None)
    return Loader


def load_yaml(path: Path) -> Any:
    """Return the content of a YAML file; None if it cannot be read, or is not YAML.

    A command asks for the same file several times. The file is parsed again only if it has changed.
    """
    try:
        seen = path.stat()
    except OSError:
        return None
    key = (seen.st_ino, seen.st_mtime_ns, seen.st_size)
    kept = _LOADED.get(path)
    if kept is None or kept[0] != key:
        kept = _LOADED[path] = (key, _parsed(path))
    return kept[1]


def _parsed(path: Path) -> Any:
    import yaml

    try:
        return yaml.load(path.read_text(encoding="utf-8"), yaml_loader())  # noqa: S506 (a safe loader by inheritance)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None


def _collect(name: str, group: Any, members: dict[str, list[str]], children: dict[str, list[str]]) -> bool:
    """Add the hosts and children of a group. Return False if the group has not the plain form."""
    group = {} if group is None else group
    if not isinstance(group, dict) or not all(isinstance(group.get(key) or {}, dict) for key in ("hosts", "children")):
        return False
    hosts = [str(host) for host in group.get("hosts") or {}]
    if not all(_SIMPLE.fullmatch(host) for host in hosts):
        return False
    members.setdefault(name, []).extend(hosts)
    members["all"].extend(hosts)
    below = group.get("children") or {}
    children.setdefault(name, []).extend(str(child) for child in below)
    return all(_collect(str(child), entry, members, children) for child, entry in below.items())


def _descend(
    name: str, members: Mapping[str, list[str]], children: Mapping[str, list[str]], above: tuple[str, ...]
) -> Iterable[str]:
    yield from members.get(name, ())
    for child in children.get(name, ()):
        if child not in above:
            yield from _descend(child, members, children, (*above, name))


def _matching(groups: Groups, patterns: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for pattern in patterns:
        for group, hosts in groups.items():
            if fnmatch.fnmatchcase(group, pattern):
                found.update(hosts)
        found.update(host for host in groups["all"] if fnmatch.fnmatchcase(host, pattern))
    return found
