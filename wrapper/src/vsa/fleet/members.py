"""Who is in a fleet: names, ranges of names and addresses; and how a host comes in and goes out.

The functions take texts and return texts. ``verbs/vps.py`` asks, and writes what they return.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vsa.ansible.inventory import inventory_files, load_yaml
from vsa.core import RefusedError, UsageError, VsaError
from vsa.fleet.document import NotPlainError, groups_of, parsed
from vsa.fleet.files import read
from vsa.fleet.keys import SSH_ARGUMENTS, uses_file
from vsa.fleet.lines import CannotEditError, groups_with, with_host, with_variables, without_host
from vsa.fleet.read import Fleet

__all__ = (
    "Member",
    "addition",
    "adoption",
    "host_variables",
    "plain_files",
    "refuse_taken",
    "removal",
    "same_address",
    "stands_in",
)

_EVERYWHERE = "all"
# SSH takes the first value of an option, and Ansible writes these arguments before those of SSH_ARGUMENTS.
_EARLIER = ("ansible_ssh_args", "ansible_ssh_common_args")
_OF_KEYS = re.compile(r"\b(UserKnownHostsFile|HostKeyAlias|StrictHostKeyChecking(?!\s*[= ]\s*yes\b))", re.IGNORECASE)
_RANGE = re.compile(r"\[([0-9]+|[a-zA-Z]):([0-9]+|[a-zA-Z])(?::([1-9][0-9]*))?\]")


@dataclass(frozen=True, kw_only=True)
class Member:
    """A host to add: its name in the inventory, its full name, where SSH connects, and the group of its provider."""

    name: str
    hostname: str
    address: str
    port: int = 22
    provider: str | None = None

    def entry(self) -> dict[str, str | int]:
        """Return the variables of the host in the inventory."""
        port: dict[str, str | int] = {} if self.port == 22 else {"ansible_port": self.port}
        return {
            "ansible_host": self.address,
            **port,
            "vsa_hostname": self.hostname,
            "ansible_ssh_extra_args": SSH_ARGUMENTS,
        }


def plain_files(fleet: Fleet) -> list[Path]:
    """Return the files of an inventory that can be changed: plain YAML. Raises UsageError if there is none."""
    found = []
    for file in inventory_files(fleet.source):
        content = load_yaml(file) if file is not None else None
        if file is not None and isinstance(content, dict) and "plugin" not in content:
            found.append(file)
    if found:
        return found
    raise UsageError(
        "this inventory is not plain YAML, and VSA only reads it",
        field="--inventory",
        value=str(fleet.source),
        expected="a YAML file of groups and hosts; a dynamic inventory is changed where its hosts come from",
    )


def refuse_taken(fleet: Fleet, member: Member) -> None:
    """Raise :class:`RefusedError` if a name or an address belongs to another host, range or group."""
    for file in plain_files(fleet):
        for group, host in _entries(file):
            if group == member.name:
                raise RefusedError("a group has this name", field="--id", value=member.name, expected="another name")
            if "[" in host and _covers(host, member.name):
                raise RefusedError(
                    f"the range {host} has this host already", field="--id", value=member.name, details=[str(file)]
                )
    holder = same_address(fleet, member.address, member.port, besides=member.name)
    if holder is not None:
        raise RefusedError(
            f"{holder} has this address and port",
            field="--ip",
            value=f"{member.address} port {member.port}",
            expected="an address of its own",
        )


def stands_in(fleet: Fleet, name: str) -> bool:
    """Say whether a host has an entry of its own in a file of the inventory."""
    return any(host == name for file in plain_files(fleet) for _, host in _entries(file))


def same_address(fleet: Fleet, address: str, port: int, *, besides: str) -> str | None:
    """Return another host with this address and port; None if there is none."""
    names = [variables.of for variables in (*fleet.inline_hosts, *fleet.host_files)]
    for name in dict.fromkeys([*fleet.hosts, *names]):
        if name != besides and fleet.address(name) == (address.lower(), port):
            return name
    return None


def addition(fleet: Fleet, member: Member) -> dict[Path, str]:
    """Return the file of the inventory that changes, with its new text. Raises :class:`VsaError` if it cannot."""
    group = member.provider or _EVERYWHERE
    _refuse_other_keys(member.name, {name: fleet.value_in(group, name) for name in _EARLIER})
    files = plain_files(fleet)
    file = next((one for one in files if any(name == group for name, _ in _entries(one, groups=True))), files[0])
    try:
        return {file: with_host(read(file), member.name, group=group, entry=member.entry())}
    except CannotEditError as error:
        raise _by_hand(file, error) from error


def adoption(fleet: Fleet, name: str) -> dict[Path, str]:
    """Return the changed file of a host that gets the arguments for its key; nothing if the host has them.

    Raises :class:`VsaError` if the file cannot be changed, or if the host has other arguments already.
    """
    arguments = fleet.own_value(name, "ansible_ssh_extra_args")
    if uses_file(arguments):
        return {}
    if arguments is not None:
        raise RefusedError(
            f"{name} has ansible_ssh_extra_args of its own",
            field="ansible_ssh_extra_args",
            value=str(arguments),
            expected="ansible_ssh_common_args for other options of SSH, because ssh_extra_args lead to the host key",
        )
    _refuse_other_keys(name, {argument: fleet.value(name, argument) for argument in _EARLIER})
    file = next((one for one in plain_files(fleet) if name in (host for _, host in _entries(one))), None)
    if file is None:
        raise RefusedError(f"{name} stands in no file that VSA can change", field="--id", value=name)
    try:
        return {file: with_variables(read(file), name, entry={"ansible_ssh_extra_args": SSH_ARGUMENTS})}
    except CannotEditError as error:
        raise _by_hand(file, error) from error


def _refuse_other_keys(name: str, earlier: Mapping[str, object]) -> None:
    """Raise RefusedError if arguments that SSH reads earlier would win over those that lead to the host key."""
    for variable, value in earlier.items():
        found = _OF_KEYS.search(value) if isinstance(value, str) else None
        if found:
            raise RefusedError(
                f"with {found[1]} in {variable}, SSH would not check {name} by the fleet's file of host keys",
                field=variable,
                value=value,
                expected="no option about host keys there: vsa vps add records the key, and every verb checks it",
            )


def removal(fleet: Fleet, name: str) -> tuple[dict[Path, str], list[str]]:
    """Return the changed files without a host, and the groups in which it stood. Raises :class:`VsaError`."""
    texts: dict[Path, str] = {}
    groups: list[str] = []
    for file in plain_files(fleet):
        ranges = [host for _, host in _entries(file) if "[" in host and _covers(host, name)]
        if ranges:
            raise RefusedError(
                f"{name} is one of the range {ranges[0]}",
                field="--id",
                value=name,
                expected="a host with an entry of its own",
                details=[f"{file}: write the range without {name}"],
            )
        text = read(file)
        try:
            found = groups_with(text, name)
            if found:
                texts[file] = without_host(text, name)
                groups += found
        except CannotEditError as error:
            raise _by_hand(file, error) from error
    return texts, list(dict.fromkeys(groups))


def host_variables(fleet: Fleet, name: str) -> list[Path]:
    """Return the files and folders in ``host_vars`` that are of a host."""
    places = [fleet.folder / "host_vars" / f"{name}{ending}" for ending in ("", ".yml", ".yaml", ".json")]
    return [place for place in places if place.exists()]


def _entries(file: Path, *, groups: bool = False) -> Iterator[tuple[str, str]]:
    """Yield each group of a file with each of its hosts; with ``groups`` each group once, with an empty host."""
    try:
        for group in groups_of(parsed(read(file))):
            hosts = group.hosts()
            yield from ((group.name, str(key.value)) for key, _ in (hosts.value if hosts is not None else ()))
            if groups or hosts is None:
                yield group.name, ""
    except NotPlainError as error:
        raise VsaError(str(error), field="file", value=str(file), expected="a plain YAML inventory") from error


def _covers(pattern: str, name: str) -> bool:
    """Say whether a pattern such as ``vps-[01:10]`` names a host."""
    parts: list[str] = []
    bounds: list[tuple[str, str, int]] = []
    end = 0
    for found in _RANGE.finditer(pattern):
        parts.append(re.escape(pattern[end : found.start()]))
        parts.append("([0-9]+)" if found[1].isdigit() else "([a-zA-Z])")
        bounds.append((found[1], found[2], int(found[3] or 1)))
        end = found.end()
    parts.append(re.escape(pattern[end:]))
    match = re.fullmatch("".join(parts), name)
    return match is not None and all(_within(word, *bound) for word, bound in zip(match.groups(), bounds, strict=True))


def _within(word: str, first: str, last: str, step: int) -> bool:
    if not first.isdigit():
        return first <= word <= last and (ord(word) - ord(first)) % step == 0
    is_padded = len(first) > 1 and first.startswith("0")
    if (is_padded and len(word) != len(first)) or (not is_padded and word != str(int(word))):
        return False
    return int(first) <= int(word) <= int(last) and (int(word) - int(first)) % step == 0


def _by_hand(file: Path, error: CannotEditError) -> VsaError:
    return RefusedError(
        f"{file} cannot be changed line by line: {error.reason}",
        field="file",
        value=str(file),
        expected="block style, one line for each host; or a change by hand",
        details=["by hand:", *error.lines] if error.lines else [],
    )
