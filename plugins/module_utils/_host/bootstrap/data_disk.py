# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data disk of a host, as far as reading goes: what is on the disk, what is mounted, what Docker's folder holds.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..._core.data_disk import (
    CONTAINERD,
    DOCKER,
    FILES,
    DataDiskPlan,
    DiskFacts,
    DiskRecord,
    DockerFacts,
    check_form,
    disk_findings,
    parse_record,
    parse_signatures,
    plan_data_disk,
)
from ..._core.errors import RefusedError
from ..._core.finding import DOWN, Finding
from ..machine.files import read_text
from ..machine.programs import output_of
from ..machine.systemd import read_unit
from ..store.layout import Paths

__all__ = ("check_data_disk", "data_disk_findings", "plan_data_disk_of")

_RECORD = "data-disk.json"
_MIB = 1024 * 1024
_FIRST = 4 * _MIB
_LAST = _MIB
_PARTITION = re.compile(r"-part[0-9]+$")


@dataclass(frozen=True)
class _Mount:
    """A line of /proc/self/mountinfo: major:minor, folder, and device."""

    number: str
    folder: str
    source: str


def plan_data_disk_of(disk: str, paths: Paths) -> DataDiskPlan:
    """Return what bootstrap has to do about the data disk that the operator names. RefusedError if it does not fit."""
    check_form(disk)
    mounts = list(_mounts(paths))
    return plan_data_disk(
        disk,
        found=_read_disk(disk, mounts, paths),
        docker=_read_docker(mounts, paths),
        record=_read_record(paths),
        files={path: read_text(_below(paths, path)) or "" for path in FILES},
        new_uuid=str(uuid.uuid4()),
        others=_names_of_disks(paths),
    )


def data_disk_findings(paths: Paths) -> list[Finding]:
    """Return a finding if the data disk of this host is missing, not mounted, or half set up."""
    try:
        record = _read_record(paths)
    except RefusedError as error:
        return [Finding("data-disk-missing", DOWN, str(error.value), error.message, str(error.hint))]
    if record is None:
        return []
    number = _number_of(_below(paths, record.disk))
    mounted = _at(DOCKER, list(_mounts(paths)))
    return disk_findings(record, attached=bool(number), mounted=bool(number) and number == mounted.number)


def check_data_disk(paths: Paths) -> None:
    """Raise RefusedError if this host has a data disk that is not mounted: its engine cannot start."""
    for finding in data_disk_findings(paths):
        if finding.level == DOWN:
            raise RefusedError(finding.text, field="data disk", value=finding.subject, hint=finding.remedy)


def _below(paths: Paths, path: str) -> Path:
    return Path(paths.root, path.lstrip("/"))


def _read_record(paths: Paths) -> DiskRecord | None:
    return parse_record(read_text(paths.state / _RECORD) or "")


def _names_of_disks(paths: Paths) -> list[str]:
    """Return the ids of this host's disks, without their partitions."""
    folder = _below(paths, "/dev/disk/by-id")
    names = os.listdir(folder) if folder.is_dir() else []
    return [f"/dev/disk/by-id/{name}" for name in sorted(names) if not _PARTITION.search(name)]


def _number_of(path: Path) -> str:
    """Return major:minor of a block device; empty if there is no such device."""
    try:
        found = os.stat(path)
    except OSError:
        return ""
    return f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"


def _read_disk(disk: str, mounts: list[_Mount], paths: Paths) -> DiskFacts:
    link = _below(paths, disk)
    number = _number_of(link)
    if not number:
        return DiskFacts()
    device = os.path.realpath(link)
    row = _lsblk(device)
    unreadable = ""
    signatures: Any = ()
    data_at = None
    try:
        signatures = parse_signatures(_wipefs(device))
        data_at = _first_data(device, size=_size_of(row))
    except (OSError, ValueError, KeyError) as error:
        unreadable = str(error)
    numbers = {number, *(str(part.get("maj:min")) for part in _descendants(row))}
    return DiskFacts(
        device=device,
        kind=str(row.get("type") or ""),
        number=number,
        size=_size_of(row),
        read_only=str(row.get("ro")).lower() in ("1", "true"),
        unreadable=unreadable,
        signatures=signatures,
        parts=tuple(f"{part.get('name')} ({part.get('type')})" for part in _descendants(row)),
        mounts=tuple(mount.folder for mount in mounts if mount.number in numbers),
        data_at=data_at,
    )


def _lsblk(device: str) -> Mapping[str, Any]:
    """Return what lsblk(8) says of a device and of what is made of it; empty if it says nothing."""
    printed = output_of(["lsblk", "--json", "--bytes", "--output", "NAME,TYPE,SIZE,RO,MAJ:MIN", device]) or "{}"
    rows = json.loads(printed).get("blockdevices") or [{}]
    row: Mapping[str, Any] = rows[0]
    return row


def _descendants(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for child in row.get("children") or ():
        yield child
        yield from _descendants(child)


def _size_of(row: Mapping[str, Any]) -> int:
    return int(row.get("size") or 0)


def _wipefs(device: str) -> str:
    """Return the signatures on a device, as JSON. OSError if they cannot be read: nothing is no answer."""
    printed = output_of(["wipefs", "--no-act", "--json", device])
    if printed is None:
        raise OSError(f"wipefs --no-act {device} failed")
    return printed


def _first_data(device: str, *, size: int) -> int | None:
    """Return the offset of the first byte that is not zero in the first and the last megabytes; None if there is none.

    Some programs keep data on a disk without any signature. RAID and partition tables keep copies at the end.
    """
    with open(device, "rb") as disk:
        for offset, length in ((0, _FIRST), (max(size - _LAST, 0), _LAST)):
            disk.seek(offset)
            content = disk.read(length)
            if content.strip(b"\0"):
                return offset + len(content) - len(content.lstrip(b"\0"))
    return None


def _mounts(paths: Paths) -> Iterator[_Mount]:
    """Yield what is mounted. Source: proc_pid_mountinfo(5); a space is written as \\040."""
    for line in (read_text(_below(paths, "/proc/self/mountinfo")) or "").splitlines():
        before, _separator, after = line.partition(" - ")
        fields = before.split()
        yield _Mount(number=fields[2], folder=fields[4].replace("\\040", " "), source=after.split()[1])


def _at(folder: str, mounts: list[_Mount]) -> _Mount:
    """Return what is mounted at a folder; the last mount covers the others. Empty if nothing is mounted there."""
    return next((mount for mount in reversed(mounts) if mount.folder == folder), _Mount("", folder, ""))


def _read_docker(mounts: list[_Mount], paths: Paths) -> DockerFacts:
    docker, containerd = _below(paths, DOCKER), _below(paths, CONTAINERD)
    mounted = _at(DOCKER, mounts)
    return DockerFacts(
        number=mounted.number,
        source=mounted.source,
        containerd_number=_at(CONTAINERD, mounts).number,
        containers=_count(docker, "containers/*/config.v2.json"),
        volumes=_count(docker, "volumes/*/_data"),
        # Docker's own store, and the store of containerd, which newer engines use
        images=_count(docker, "image/*/imagedb/content/*/*")
        + _count(containerd, "io.containerd.content.v1.content/blobs/*/*"),
        runs=read_unit("docker.service").active,
    )


def _count(folder: Path, pattern: str) -> int:
    return sum(1 for path in folder.glob(pattern))
