"""Read an inventory as a fleet, in milliseconds and without Ansible: hosts, groups, and their variables.

Only plain YAML is read. If a part is not plain (another format, a plugin, a program, ranges), the hosts are not known.
The files of variables beside such an inventory are read all the same.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vsa.ansible.inventory import inventory_files, inventory_folder, load_yaml, read_groups

__all__ = ("Fleet", "Variables", "is_unknown", "read_fleet")

_ENDINGS = (".yml", ".yaml", ".json", "")
_VAULT = b"$ANSIBLE_VAULT"
_CONNECTIONS = ("ssh", "smart", "paramiko", "paramiko_ssh")


@dataclass(frozen=True)
class Variables:
    """Variables that stand together: the file, the keys that lead to them in the file, and the values.

    ``of`` is the host or group whose variables they are.
    """

    file: Path
    keys: tuple[str, ...]
    of: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Fleet:
    """The hosts of an inventory in the order of its files, each with its groups, and all variables by their owner.

    ``groups`` is None if only Ansible can tell which hosts there are. ``entries`` are the names below each group of the
    plain files, ranges as they are written. ``host_files`` and ``group_files`` are the
    variables in ``host_vars`` and ``group_vars``, ``inline_hosts`` and ``inline_groups`` those in the inventory itself.
    """

    source: Path
    groups: Mapping[str, tuple[str, ...]] | None
    entries: Mapping[str, tuple[str, ...]]
    children: Mapping[str, tuple[str, ...]]
    host_files: tuple[Variables, ...]
    group_files: tuple[Variables, ...]
    inline_hosts: tuple[Variables, ...]
    inline_groups: tuple[Variables, ...]

    @property
    def folder(self) -> Path:
        """Return the folder in which ``host_vars``, ``group_vars`` and ``known_hosts`` lie."""
        return inventory_folder(self.source)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the hosts."""
        return self.groups["all"] if self.groups is not None else ()

    def all_variables(self) -> Iterator[Variables]:
        """Yield all variables of the fleet."""
        yield from (*self.inline_groups, *self.group_files, *self.inline_hosts, *self.host_files)

    def groups_of(self, host: str) -> tuple[str, ...]:
        """Return the groups that have a host, without ``all`` and ``ungrouped``.

        If only Ansible can tell all hosts, these are the groups in which the host has an entry, and those around them.
        """
        return self._groups_by_host.get(host, ())

    def value(self, host: str, name: str) -> Any:
        """Return the value of a variable of a host, as Ansible's precedence has it; None if it has no value."""
        return _first(self._by_precedence(host), name)

    def own_value(self, host: str, name: str) -> Any:
        """Return the value that a host's own variables have; None if they have none."""
        return _first((*self._of(self._host_files, host), *self._of(self._inline_hosts, host)), name)

    def value_in(self, group: str, name: str) -> Any:
        """Return the value of a variable that a new host of a group would have; None if it would have none."""
        around = [group]
        for inner in around:
            around += [outer for outer, below in self.children.items() if inner in below and outer not in around]
        return _first(self._of_groups(around), name)

    def address(self, host: str) -> tuple[str, int] | None:
        """Return where SSH connects for a host: address and port; None if the inventory does not say it plainly."""
        connection = self.value(host, "ansible_connection")
        if connection is not None and connection not in _CONNECTIONS:
            return None
        address = self.value(host, "ansible_host")
        address = host if address is None else address
        port = self.value(host, "ansible_port")
        port = 22 if port is None else port
        if not isinstance(address, str) or is_unknown(address) or not str(port).isdigit():
            return None
        return address.lower(), int(port)

    def provider(self, host: str) -> str | None:
        """Return the provider of a host, as the variable ``vsa_provider`` of its groups says; None if none does."""
        found = self.value(host, "vsa_provider")
        return found if isinstance(found, str) else None

    def providers(self) -> dict[str, str]:
        """Return the groups whose variables name a provider, each with the provider."""
        found = {}
        for variables in (*self.inline_groups, *self.group_files):
            provider = variables.values.get("vsa_provider")
            if isinstance(provider, str):
                found[variables.of] = provider
        return found

    @functools.cached_property
    def _groups_by_host(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for name, hosts in (self.entries if self.groups is None else self.groups).items():
            if name not in ("all", "ungrouped"):
                for host in hosts:
                    found.setdefault(host, []).append(name)
        return {host: tuple(names) for host, names in found.items()}

    @functools.cached_property
    def _host_files(self) -> dict[str, list[Variables]]:
        return _by_owner(self.host_files)

    @functools.cached_property
    def _group_files(self) -> dict[str, list[Variables]]:
        return _by_owner(self.group_files)

    @functools.cached_property
    def _inline_hosts(self) -> dict[str, list[Variables]]:
        return _by_owner(self.inline_hosts)

    @functools.cached_property
    def _inline_groups(self) -> dict[str, list[Variables]]:
        return _by_owner(self.inline_groups)

    @functools.cached_property
    def _depth(self) -> dict[str, int]:
        """Return how far below ``all`` each group is."""
        depths: dict[str, int] = {}
        level = [name for name in self.groups or {} if not any(name in below for below in self.children.values())]
        number = 1
        while level and number < len(self.children) + 2:
            depths.update(dict.fromkeys(level, number))
            level = [child for name in level for child in self.children.get(name, ())]
            number += 1
        return {**depths, "all": 0}

    def _of(self, table: Mapping[str, list[Variables]], owner: str) -> list[Variables]:
        return table.get(owner, [])

    def _by_precedence(self, host: str) -> Iterator[Variables]:
        """Yield the variables that a host has, the strongest first."""
        yield from reversed(self._of(self._host_files, host))
        yield from reversed(self._of(self._inline_hosts, host))
        yield from self._of_groups(self.groups_of(host))

    def _of_groups(self, names: Iterable[str]) -> Iterator[Variables]:
        """Yield the variables that a host in these groups has by them and by ``all``, the strongest first."""
        groups = sorted(names, key=lambda name: (self._depth.get(name, 1), name), reverse=True)
        for table in (self._group_files, self._inline_groups):
            for group in dict.fromkeys((*groups, "all")):
                yield from reversed(self._of(table, group))


def _first(variables: Iterable[Variables], name: str) -> Any:
    """Return the first value that a variable has; None if it has none."""
    return next((found for one in variables if (found := one.values.get(name)) is not None), None)


def is_unknown(value: Any) -> bool:
    """Say whether only Ansible can tell a value: a template, or a value that sops encrypted."""
    return isinstance(value, str) and ("{{" in value or "{%" in value or value.startswith("ENC["))


def read_fleet(inventory: str | None) -> Fleet | None:
    """Return the fleet of an inventory; None if the inventory is a list of hosts, or this machine."""
    if inventory is None or "," in inventory:
        return None
    path = Path(inventory)
    folder = inventory_folder(path)
    found = _Collected()
    for file in inventory_files(path):
        content = load_yaml(file) if file is not None else None
        if file is not None and isinstance(content, dict) and "plugin" not in content:
            for name, group in content.items():
                found.collect(file, (str(name),), group)
    return Fleet(
        path,
        read_groups(inventory),
        {name: tuple(dict.fromkeys(below)) for name, below in found.entries.items()},
        {name: tuple(below) for name, below in found.children.items()},
        tuple(_files_of_variables(folder / "host_vars")),
        tuple(_files_of_variables(folder / "group_vars")),
        tuple(found.hosts),
        tuple(found.groups),
    )


@dataclass(frozen=True)
class _Collected:
    """What the plain files of an inventory say, as the fields of :class:`Fleet` have it."""

    hosts: list[Variables] = field(default_factory=list)
    groups: list[Variables] = field(default_factory=list)
    children: dict[str, list[str]] = field(default_factory=dict)
    entries: dict[str, list[str]] = field(default_factory=dict)

    def collect(self, file: Path, keys: tuple[str, ...], group: Any) -> None:
        """Collect the variables and the names of a group, of its hosts and of its children.

        ``keys`` lead to the group in the file: the names of the groups around it, with ``children`` between them.
        """
        if not isinstance(group, dict):
            return
        name = keys[-1]
        if isinstance(group.get("vars"), dict):
            self.groups.append(Variables(file, (*keys, "vars"), name, _named(group["vars"])))
        members = group.get("hosts")
        for host, values in members.items() if isinstance(members, dict) else ():
            for around in keys[::2]:
                self.entries.setdefault(around, []).append(str(host))
            if isinstance(values, dict):
                self.hosts.append(Variables(file, (*keys, "hosts", str(host)), str(host), _named(values)))
        below = group.get("children")
        for child, inner in below.items() if isinstance(below, dict) else ():
            self.children.setdefault(name, []).append(str(child))
            self.collect(file, (*keys, "children", str(child)), inner)


def _files_of_variables(folder: Path) -> Iterator[Variables]:
    """Yield the variables in ``host_vars`` or ``group_vars``, as Ansible finds them. A vaulted file is passed over."""
    if not folder.is_dir():
        return
    found = sorted(folder.iterdir())
    names = {path.name for path in found}
    for path in found:
        owner = path.stem if path.suffix in _ENDINGS and not path.is_dir() else path.name
        # Ansible takes the first of NAME, NAME.yml, NAME.yaml and NAME.json, and no other.
        rank = [f"{owner}{ending}" for ending in ("", ".yml", ".yaml", ".json")]
        if path.name not in rank or any(name in names for name in rank[: rank.index(path.name)]):
            continue
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.suffix in _ENDINGS and not file.name.startswith(".") and file.is_file():
                values = _values(file)
                if values:
                    yield Variables(file, (), owner, values)


def _values(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            if opened.read(len(_VAULT)) == _VAULT:
                return {}
    except OSError:
        return {}
    content = load_yaml(file)
    return _named(content) if isinstance(content, dict) else {}


def _named(values: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in values.items()}


def _by_owner(variables: tuple[Variables, ...]) -> dict[str, list[Variables]]:
    found: dict[str, list[Variables]] = {}
    for entry in variables:
        found.setdefault(entry.of, []).append(entry)
    return found
