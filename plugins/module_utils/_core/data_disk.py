# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data disk of a host: when ``bootstrap`` formats it, what is refused, and the units that mount it for Docker.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import RefusedError
from .finding import DOWN, WARNING, Finding
from .hints import Advice, Hint
from .version import REPOSITORY

__all__ = (
    "CONTAINERD",
    "DOCKER",
    "FILES",
    "RUNBOOK",
    "DataDiskPlan",
    "DiskFacts",
    "DiskRecord",
    "DockerFacts",
    "Signature",
    "check_form",
    "disk_findings",
    "parse_record",
    "parse_signatures",
    "plan_data_disk",
)

DOCKER = "/var/lib/docker"
CONTAINERD = "/var/lib/containerd"
RUNBOOK = f"{REPOSITORY}/blob/main/docs/runbooks/data-disk.md"

_FIELD = "bootstrap_data_disk"
_FORM = re.compile(r"/dev/disk/by-id/[A-Za-z0-9][A-Za-z0-9\\._:+=@-]*")
_EXPECTED = "/dev/disk/by-id/NAME of a whole disk; on the host: ls -l /dev/disk/by-id"
# How lsblk(8) calls what has a by-id name and is a disk for our purpose.
_WHOLE = ("disk", "loop", "mpath")
_FORMATTING = "formatting"
_READY = "ready"
_MOST_NAMED = 8

# The folder on the disk that is containerd's root. dockerd uses the name `containerd` itself.
_CONTAINERD_FOLDER = f"{DOCKER}/vsa-containerd"
_UNITS = "/etc/systemd/system"
_DOCKER_MOUNT = f"{_UNITS}/var-lib-docker.mount"
_CONTAINERD_MOUNT = f"{_UNITS}/var-lib-containerd.mount"
_DOCKER_DROP_IN = f"{_UNITS}/docker.service.d/vsa-data-disk.conf"
_CONTAINERD_DROP_IN = f"{_UNITS}/containerd.service.d/vsa-data-disk.conf"
FILES = (_DOCKER_MOUNT, _CONTAINERD_MOUNT, _DOCKER_DROP_IN, _CONTAINERD_DROP_IN)
"""The files of systemd that belong to the data disk."""

_HEADER = f"# Written by flowbiz.vsa.bootstrap, and overwritten by it: {RUNBOOK}\n"
# The mount units alone would stop Docker if the disk is missing. The assertions also stop Docker if somebody removed or
# masked a mount unit: an engine on an empty folder would start with no container, and fill the root disk.
_REQUIREMENT = f"""\
{_HEADER}[Unit]
RequiresMountsFor={DOCKER} {CONTAINERD}
AssertPathIsMountPoint={DOCKER}
AssertPathIsMountPoint={CONTAINERD}
"""
_CONTAINERD_UNIT = f"""\
{_HEADER}[Unit]
Description=Root of containerd on the data disk
RequiresMountsFor={DOCKER}
AssertPathIsMountPoint={DOCKER}

[Mount]
What={_CONTAINERD_FOLDER}
Where={CONTAINERD}
Type=none
Options=bind,nofail

[Install]
WantedBy=local-fs.target
"""

# The names that wipefs(8) gives to signatures that are no file system.
_KINDS = {
    "dos": "partition table",
    "gpt": "partition table",
    "PMBR": "partition table",
    "mac": "partition table",
    "sun": "partition table",
    "bsd": "partition table",
    "LVM2_member": "physical volume of LVM",
    "LVM1_member": "physical volume of LVM",
    "linux_raid_member": "member of a RAID",
    "isw_raid_member": "member of a RAID",
    "ddf_raid_member": "member of a RAID",
    "zfs_member": "member of a ZFS pool",
    "crypto_LUKS": "encrypted volume",
    "swap": "swap space",
}


@dataclass(frozen=True)
class Signature:
    """A signature that wipefs(8) finds on a disk: its type, and for a file system the UUID."""

    type: str
    uuid: str = ""

    @property
    def words(self) -> str:
        """Return what the signature says, for a message."""
        return f"{self.type} ({_KINDS.get(self.type, 'file system')})"


@dataclass(frozen=True)
class DiskFacts:
    """What was found under the name of a disk. Only reading was needed.

    * ``device``: the device behind the name, such as /dev/sdb; empty if no disk of this name is attached.
    * ``kind``: its type as lsblk(8) names it; ``number`` is major:minor; ``size`` is in bytes.
    * ``unreadable``: why the disk could not be read; empty if it could.
    * ``signatures``: partition tables, file systems, LVM, RAID and others.
    * ``parts``: what the kernel has made of the disk: partitions, volumes, arrays.
    * ``mounts``: the folders at which the disk is mounted.
    * ``data_at``: the offset of the first byte that is not zero, in the first and the last megabytes; None if none is.
    """

    device: str = ""
    kind: str = ""
    number: str = ""
    size: int = 0
    read_only: bool = False
    unreadable: str = ""
    signatures: tuple[Signature, ...] = ()
    parts: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    data_at: int | None = None

    @property
    def file_system(self) -> Signature:
        """Return the one file system on the whole disk; without type and UUID if there is another state."""
        if len(self.signatures) == 1 and self.signatures[0].type not in _KINDS:
            return self.signatures[0]
        return Signature("")


@dataclass(frozen=True)
class DockerFacts:
    """Docker's folder on the host.

    ``number`` and ``source`` are major:minor and device of what is mounted at /var/lib/docker, empty if nothing is.
    ``containerd_number`` is the same for /var/lib/containerd. The counts are of what lies in these folders. ``runs``
    says whether the engine runs.
    """

    number: str = ""
    source: str = ""
    containerd_number: str = ""
    containers: int = 0
    volumes: int = 0
    images: int = 0
    runs: bool = False

    @property
    def contents(self) -> list[str]:
        """Return what lies in the folders, for a message."""
        counts = (("container", self.containers), ("volume", self.volumes), ("image", self.images))
        return [f"{count} {name}{'s' * (count > 1)}" for name, count in counts if count]


@dataclass(frozen=True)
class DiskRecord:
    """What VSA keeps about the data disk of a host: its name, the UUID of its file system, and how far a run came.

    ``phase`` is ``formatting`` from before the disk is formatted until it is mounted, then ``ready``.
    """

    disk: str
    uuid: str
    phase: str

    @property
    def text(self) -> str:
        """Return the record as the text of its file."""
        fields = {"schema": 1, "disk": self.disk, "uuid": self.uuid, "phase": self.phase}
        return json.dumps(fields, indent=2) + "\n"


@dataclass(frozen=True)
class DataDiskPlan:
    """What bootstrap does about the data disk.

    * ``format``: make a file system with ``uuid`` on ``device``; ``force`` if an earlier run was cut off in this step.
    * ``mount``: mount the disk, and containerd's root on the disk; ``stop``: the engine runs and has to pause for this.
    * ``files``: the files of systemd to write, with their text.
    * ``record_before``, ``record_after``: the record while the change goes on, and after it.
    * ``words``: what a check says.
    """

    change: bool = False
    device: str = ""
    uuid: str = ""
    format: bool = False
    force: bool = False
    mount: bool = False
    stop: bool = False
    files: tuple[tuple[str, str], ...] = ()
    record_before: str = ""
    record_after: str = ""
    words: str = ""


def check_form(disk: str) -> None:
    """Raise RefusedError if the name of a disk is not stable: /dev/sdb may be another disk after a reboot."""
    if not _FORM.fullmatch(disk):
        raise RefusedError("this does not name a disk by its id", field=_FIELD, value=disk, expected=_EXPECTED)


def parse_record(text: str) -> DiskRecord | None:
    """Return the record in the text of its file; None if there is no text. RefusedError if the text is no record."""
    if not text.strip():
        return None
    try:
        found: Any = json.loads(text)
        return DiskRecord(disk=str(found["disk"]), uuid=str(found["uuid"]), phase=str(found["phase"]))
    except (ValueError, TypeError, KeyError) as error:
        raise RefusedError(
            "VSA's record of the data disk is damaged",
            field="file",
            value="/var/lib/vsa/data-disk.json",
            hint=f"compare the host with {RUNBOOK}, then remove the file",
        ) from error


def parse_signatures(text: str) -> tuple[Signature, ...]:
    """Return the signatures in the output of ``wipefs --no-act --json``. ValueError if it is no such output."""
    if not text.strip():
        return ()
    rows = json.loads(text)["signatures"]
    found = (Signature(str(row["type"]), str(row.get("uuid") or "")) for row in rows)
    return tuple(dict.fromkeys(found))


def plan_data_disk(
    disk: str,
    *,
    found: DiskFacts,
    docker: DockerFacts,
    record: DiskRecord | None,
    files: Mapping[str, str],
    new_uuid: str,
    others: Sequence[str] = (),
) -> DataDiskPlan:
    """Return what has to be done so that Docker lies on ``disk``, or raise RefusedError.

    ``files`` are the texts of the files of systemd that are there. ``new_uuid`` is for a new file system. ``others``
    are the names of the disks of this host, for messages.
    """
    check_form(disk)
    _check_attached(disk, found, others)
    if found.number == docker.number:
        return _plan_mounted(disk, found=found, docker=docker, record=record, files=files)
    was_cut_off = record is not None and record.phase == _FORMATTING
    is_ours = record is not None and not was_cut_off and record.uuid == found.file_system.uuid
    if not is_ours:
        _check_empty(disk, found, ignore_contents=was_cut_off)
    _check_other_disk(disk, docker, record)
    _check_docker_is_empty(disk, docker)
    uuid = record.uuid if record else new_uuid
    size = _size_words(found.size)
    verb = "mount" if is_ours else "format and mount"
    return DataDiskPlan(
        change=True,
        device=found.device,
        uuid=uuid,
        format=not is_ours,
        force=was_cut_off,
        mount=True,
        stop=docker.runs,
        files=_changed_files(_wanted_files(disk, uuid, "ext4"), files),
        record_before=DiskRecord(disk, uuid, _READY if is_ours else _FORMATTING).text,
        record_after=DiskRecord(disk, uuid, _READY).text,
        words=f"would change: {verb} {disk} ({found.device}, {size}) at {DOCKER}, with the root of containerd on it",
    )


def _plan_mounted(
    disk: str, *, found: DiskFacts, docker: DockerFacts, record: DiskRecord | None, files: Mapping[str, str]
) -> DataDiskPlan:
    """Return the plan for a disk that is mounted for Docker already, by an earlier run or by hand."""
    system = found.file_system
    if not system.uuid:
        raise RefusedError(
            f"the disk at {DOCKER} has no file system with a UUID on the whole disk",
            field=_FIELD,
            value=disk,
            there_are=[signature.words for signature in found.signatures],
            hint=RUNBOOK,
        )
    mount = docker.containerd_number != found.number
    if mount:
        _check_docker_is_empty(disk, docker)
    wanted = DiskRecord(disk, system.uuid, _READY)
    changed = _changed_files(_wanted_files(disk, system.uuid, system.type), files)
    return DataDiskPlan(
        change=mount or bool(changed) or record != wanted,
        device=found.device,
        uuid=system.uuid,
        mount=mount,
        stop=mount and docker.runs,
        files=changed,
        record_before=wanted.text,
        record_after=wanted.text,
        words=f"would change: the units of systemd that mount {disk} for Docker",
    )


def _check_attached(disk: str, found: DiskFacts, others: Sequence[str]) -> None:
    if not found.device:
        raise RefusedError(
            "no disk of this name is attached to the host",
            field=_FIELD,
            value=disk,
            there_are=list(others[:_MOST_NAMED]),
            expected=_EXPECTED,
            hint="attach the disk, or name one that is there",
        )
    if found.kind not in _WHOLE:
        raise RefusedError(
            "this is a part of a disk" if found.kind == "part" else "this is no disk",
            field=_FIELD,
            value=disk,
            there_are=[f"{found.device} ({found.kind or 'no block device'})"],
            expected=_EXPECTED,
        )
    if found.unreadable or found.read_only:
        raise RefusedError(
            "the disk cannot be read" if found.unreadable else "the disk is read-only",
            field=_FIELD,
            value=disk,
            there_are=[found.device],
            details=[found.unreadable] if found.unreadable else [],
        )


def _check_other_disk(disk: str, docker: DockerFacts, record: DiskRecord | None) -> None:
    """Refuse if Docker lies on another disk already, or if another disk is the data disk of this host."""
    if docker.number:
        raise RefusedError(
            f"something else is mounted at {DOCKER}",
            field=_FIELD,
            value=disk,
            there_are=[docker.source],
            hint=f"name that disk, or move Docker: {RUNBOOK}",
        )
    if record is not None and record.disk != disk:
        raise RefusedError(
            "this host has another data disk",
            field=_FIELD,
            value=disk,
            there_are=[record.disk],
            hint=f"attach and name that disk, or move Docker: {RUNBOOK}",
        )


def _check_empty(disk: str, found: DiskFacts, *, ignore_contents: bool) -> None:
    """Refuse a disk with anything on it. An earlier run that was cut off found the disk empty, and began to format."""
    there = [*found.parts, *(f"mounted at {place}" for place in found.mounts)]
    if not ignore_contents:
        there += [signature.words for signature in found.signatures]
        if found.data_at is not None and not found.signatures:
            there.append(f"data at byte {found.data_at}")
    if there:
        raise RefusedError(
            "the disk is not empty, and bootstrap formats only an empty disk",
            field=_FIELD,
            value=disk,
            there_are=[f"{found.device} of {_size_words(found.size)}", *there],
            expected="a disk without partitions, file system, LVM, RAID and data",
            hint=f"another disk, or {RUNBOOK}",
        )


def _check_docker_is_empty(disk: str, docker: DockerFacts) -> None:
    """Refuse a host whose containers, volumes or images the disk would hide."""
    if docker.contents:
        raise RefusedError(
            f"Docker is in use on this host, and the disk would hide what lies in {DOCKER}",
            field=_FIELD,
            value=disk,
            there_are=docker.contents,
            hint=f"move Docker by hand, by the runbook: {RUNBOOK}",
        )


def _size_words(size: int) -> str:
    """Return a size as lsblk(8) shows it: 20 GiB."""
    units = ("B", "KiB", "MiB", "GiB", "TiB")
    number, power = float(size), 0
    while number >= 1024 and power < len(units) - 1:
        number, power = number / 1024, power + 1
    return f"{number:.4g} {units[power]}"


def _wanted_files(disk: str, uuid: str, system: str) -> dict[str, str]:
    return {
        _DOCKER_MOUNT: _docker_unit(disk, uuid, system),
        _CONTAINERD_MOUNT: _CONTAINERD_UNIT,
        _DOCKER_DROP_IN: _REQUIREMENT,
        _CONTAINERD_DROP_IN: _REQUIREMENT,
    }


def _docker_unit(disk: str, uuid: str, system: str) -> str:
    """Return the unit that mounts the disk. With ``nofail`` a missing disk does not stop the boot, only Docker."""
    # systemd-escape(1): a hyphen is \x2d, for a hyphen stands for a slash
    check = f"systemd-fsck@dev-disk-by\\x2duuid-{uuid}.service".replace(uuid, uuid.replace("-", "\\x2d"))
    options = "noatime,nofail,errors=remount-ro" if system == "ext4" else "noatime,nofail"
    return f"""\
{_HEADER}# The disk is {disk}
[Unit]
Description=Data disk of Docker
Wants={check}
After={check}

[Mount]
What=/dev/disk/by-uuid/{uuid}
Where={DOCKER}
Type={system}
Options={options}

[Install]
WantedBy=local-fs.target
"""


def _changed_files(wanted: Mapping[str, str], there: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((path, text) for path, text in wanted.items() if there.get(path) != text)


def disk_findings(record: DiskRecord | None, *, attached: bool, mounted: bool) -> list[Finding]:
    """Return what is wrong with the data disk of a host. A host without a record has no data disk.

    ``attached``: the disk of the record is there. ``mounted``: it is what is mounted at /var/lib/docker.
    """
    if record is None or (mounted and record.phase == _READY):
        return []
    if record.phase == _FORMATTING:
        text = "bootstrap was cut off while it set up the data disk"
        return [Finding("data-disk-unfinished", WARNING, record.disk, text, Advice("", Hint("bootstrap")))]
    if not attached:
        text = "the data disk is not attached, so Docker does not start; no engine runs on the root disk instead"
        remedy = "attach the disk, then on the host: systemctl start docker"
        return [Finding("data-disk-missing", DOWN, record.disk, text, remedy)]
    text = f"the data disk is attached, and not mounted at {DOCKER}, so Docker does not start"
    remedy = "on the host: systemctl status var-lib-docker.mount, then systemctl start docker"
    return [Finding("data-disk-missing", DOWN, record.disk, text, remedy)]
