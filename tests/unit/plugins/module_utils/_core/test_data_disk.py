"""The data disk as a table of cases: what is formatted, what is refused and with which words, and the units."""

from __future__ import annotations

import configparser
import dataclasses
import json
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core import data_disk as core
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.bootstrap import refusal_text
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.data_disk import (
    DataDiskPlan,
    DiskFacts,
    DiskRecord,
    DockerFacts,
    Signature,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.finding import DOWN, WARNING

DISK = "/dev/disk/by-id/virtio-data"
NEW = "0b5a7c1e-2f4d-4c3b-9a8e-1d2c3b4a5f60"
OLD = "aaaaaaaa-2f4d-4c3b-9a8e-1d2c3b4a5f60"
EMPTY = DiskFacts(device="/dev/vdb", kind="disk", number="252:16", size=20 << 30)
OURS = dataclasses.replace(EMPTY, signatures=(Signature("ext4", OLD),), data_at=1024)
MOUNTED = DockerFacts(number="252:16", source="/dev/vdb", containerd_number="252:16", containers=3, runs=True)
READY = DiskRecord(DISK, OLD, "ready")
FORMATTING = DiskRecord(DISK, OLD, "formatting")


def plan(**changes: Any) -> DataDiskPlan:
    said: dict[str, Any] = {"found": EMPTY, "docker": DockerFacts(), "record": None, "files": {}, "new_uuid": NEW}
    return core.plan_data_disk(changes.pop("disk", DISK), **{**said, **changes})


def written(uuid: str = OLD) -> dict[str, str]:
    """Return the units that a first run writes."""
    return dict(plan(new_uuid=uuid).files)


# found, docker, record → format, force, mount, stop, UUID
CHANGES: list[tuple[DiskFacts, DockerFacts, DiskRecord | None, tuple[bool, bool, bool, bool, str]]] = [
    (EMPTY, DockerFacts(), None, (True, False, True, False, NEW)),
    (EMPTY, DockerFacts(runs=True), None, (True, False, True, True, NEW)),
    # a run was cut off before, in, and after the formatting
    (EMPTY, DockerFacts(), FORMATTING, (True, True, True, False, OLD)),
    (dataclasses.replace(EMPTY, data_at=0), DockerFacts(), FORMATTING, (True, True, True, False, OLD)),
    (OURS, DockerFacts(), FORMATTING, (True, True, True, False, OLD)),
    # it was unmounted by hand, or its units were masked
    (OURS, DockerFacts(), READY, (False, False, True, False, OLD)),
    # mounted, but the root of containerd is not on it yet
    (
        OURS,
        dataclasses.replace(MOUNTED, containerd_number="", containers=0),
        FORMATTING,
        (False, False, True, True, OLD),
    ),
]


@pytest.mark.parametrize(("found", "docker", "record", "wanted"), CHANGES)
def test_what_is_done(
    found: DiskFacts, docker: DockerFacts, record: DiskRecord | None, wanted: tuple[bool, bool, bool, bool, str]
) -> None:
    made = plan(found=found, docker=docker, record=record)
    assert made.change
    assert (made.format, made.force, made.mount, made.stop, made.uuid) == wanted
    assert {path for path, _text in made.files} == set(core.FILES)
    after = core.parse_record(made.record_after)
    assert after == DiskRecord(DISK, wanted[-1], "ready")
    before = core.parse_record(made.record_before)
    assert before == DiskRecord(DISK, wanted[-1], "formatting" if made.format else "ready")


def test_a_second_run_has_nothing_to_do() -> None:
    assert not plan(found=OURS, docker=MOUNTED, record=READY, files=written()).change


@pytest.mark.parametrize("path", core.FILES)
def test_a_unit_that_was_changed_is_written_again(path: str) -> None:
    made = plan(found=OURS, docker=MOUNTED, record=READY, files={**written(), path: "[Unit]\n"})
    assert [changed for changed, _text in made.files] == [path]
    assert (made.change, made.mount, made.stop, made.format) == (True, False, False, False)


def test_a_disk_that_was_mounted_by_hand_is_taken_over() -> None:
    found = dataclasses.replace(OURS, signatures=(Signature("xfs", NEW),))
    made = plan(found=found, docker=MOUNTED)
    assert (made.change, made.format, made.stop, made.uuid) == (True, False, False, NEW)
    unit = dict(made.files)["/etc/systemd/system/var-lib-docker.mount"]
    assert "Type=xfs\nOptions=noatime,nofail\n" in unit


def test_the_units_are_what_systemd_reads() -> None:
    units = written()
    mount = configparser.ConfigParser(delimiters="=", interpolation=None)
    mount.read_string(units["/etc/systemd/system/var-lib-docker.mount"])
    assert mount["Mount"]["What"] == f"/dev/disk/by-uuid/{OLD}"
    assert mount["Mount"]["Where"] == "/var/lib/docker"
    assert "nofail" in mount["Mount"]["Options"].split(","), "a missing disk must not stop the boot of the host"
    escaped = OLD.replace("-", "\\x2d")
    assert mount["Unit"]["After"] == f"systemd-fsck@dev-disk-by\\x2duuid-{escaped}.service"
    bind = units["/etc/systemd/system/var-lib-containerd.mount"]
    assert "What=/var/lib/docker/vsa-containerd\nWhere=/var/lib/containerd\n" in bind
    for service in ("docker", "containerd"):
        drop_in = units[f"/etc/systemd/system/{service}.service.d/vsa-data-disk.conf"]
        assert "RequiresMountsFor=/var/lib/docker /var/lib/containerd\n" in drop_in
        assert "AssertPathIsMountPoint=/var/lib/docker\n" in drop_in


# What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["/dev/sdb", "sdb", "", "/dev/disk/by-uuid/1", "/dev/disk/by-id/../sdb", "/dev/disk/by-id/a/b", f"{DISK}\n"],
)
def test_only_the_id_names_a_disk(name: str) -> None:
    with pytest.raises(RefusedError) as refused:
        plan(disk=name)
    assert refused.value.message == "this does not name a disk by its id"
    assert refused.value.field == "bootstrap_data_disk"


@pytest.mark.parametrize("name", ["virtio-data", "scsi-0QEMU_HARDDISK", "wwn-0x5000c500a", "nvme-Disk_S1\\x20"])
def test_names_of_disks(name: str) -> None:
    core.check_form(f"/dev/disk/by-id/{name}")


def holding(*kinds: str, **more: Any) -> DiskFacts:
    return dataclasses.replace(EMPTY, signatures=tuple(Signature(kind) for kind in kinds), **more)


# found, docker, record → the message, and what is there
REFUSED: list[tuple[DiskFacts, DockerFacts, DiskRecord | None, str, list[str]]] = [
    (DiskFacts(), DockerFacts(), None, "no disk of this name is attached to the host", ["/dev/disk/by-id/other"]),
    (
        dataclasses.replace(EMPTY, kind="part", device="/dev/vdb1"),
        DockerFacts(),
        None,
        "this is a part of a disk",
        ["/dev/vdb1 (part)"],
    ),
    (dataclasses.replace(EMPTY, kind=""), DockerFacts(), None, "this is no disk", ["/dev/vdb (no block device)"]),
    (dataclasses.replace(EMPTY, read_only=True), DockerFacts(), None, "the disk is read-only", ["/dev/vdb"]),
    (
        dataclasses.replace(EMPTY, unreadable="Input/output error"),
        DockerFacts(),
        None,
        "the disk cannot be read",
        ["/dev/vdb"],
    ),
    (
        holding("dos", parts=("vdb1 (part)",), data_at=440),
        DockerFacts(),
        None,
        "the disk is not empty, and bootstrap formats only an empty disk",
        ["/dev/vdb of 20 GiB", "vdb1 (part)", "dos (partition table)"],
    ),
    (
        holding("ext4", mounts=("/mnt/backup",), data_at=1024),
        DockerFacts(),
        None,
        "the disk is not empty, and bootstrap formats only an empty disk",
        ["/dev/vdb of 20 GiB", "mounted at /mnt/backup", "ext4 (file system)"],
    ),
    (
        holding("LVM2_member", parts=("vg0-data (lvm)",)),
        DockerFacts(),
        None,
        "the disk is not empty, and bootstrap formats only an empty disk",
        ["/dev/vdb of 20 GiB", "vg0-data (lvm)", "LVM2_member (physical volume of LVM)"],
    ),
    (
        holding("linux_raid_member"),
        DockerFacts(),
        None,
        "the disk is not empty, and bootstrap formats only an empty disk",
        ["/dev/vdb of 20 GiB", "linux_raid_member (member of a RAID)"],
    ),
    (
        dataclasses.replace(EMPTY, data_at=1048576),
        DockerFacts(),
        None,
        "the disk is not empty, and bootstrap formats only an empty disk",
        ["/dev/vdb of 20 GiB", "data at byte 1048576"],
    ),
    # the file system of another host, though this host has a record
    (
        dataclasses.replace(OURS, signatures=(Signature("ext4", NEW),)),
        DockerFacts(),
        READY,
        "the disk is not empty, and bootstrap formats only an empty disk",
        ["/dev/vdb of 20 GiB", "ext4 (file system)"],
    ),
    # a run was cut off in the formatting, and then somebody mounted the disk
    (
        dataclasses.replace(OURS, mounts=("/mnt",)),
        DockerFacts(),
        FORMATTING,
        "the disk is not empty, and bootstrap formats only an empty disk",
        ["/dev/vdb of 20 GiB", "mounted at /mnt"],
    ),
    (
        EMPTY,
        DockerFacts(containers=1, volumes=2, images=7, runs=True),
        None,
        "Docker is in use on this host, and the disk would hide what lies in /var/lib/docker",
        ["1 container", "2 volumes", "7 images"],
    ),
    (
        OURS,
        dataclasses.replace(MOUNTED, containerd_number=""),
        None,
        "Docker is in use on this host, and the disk would hide what lies in /var/lib/docker",
        ["3 containers"],
    ),
    (
        EMPTY,
        DockerFacts(number="8:16", source="/dev/sdb"),
        None,
        "something else is mounted at /var/lib/docker",
        ["/dev/sdb"],
    ),
    (
        EMPTY,
        DockerFacts(),
        DiskRecord("/dev/disk/by-id/other", OLD, "ready"),
        "this host has another data disk",
        ["/dev/disk/by-id/other"],
    ),
    (
        holding("gpt"),
        MOUNTED,
        None,
        "the disk at /var/lib/docker has no file system with a UUID on the whole disk",
        ["gpt (partition table)"],
    ),
]


@pytest.mark.parametrize(("found", "docker", "record", "message", "there"), REFUSED)
def test_what_is_refused(
    found: DiskFacts, docker: DockerFacts, record: DiskRecord | None, message: str, there: list[str]
) -> None:
    with pytest.raises(RefusedError) as refused:
        plan(found=found, docker=docker, record=record, others=["/dev/disk/by-id/other"])
    assert (refused.value.message, list(refused.value.there_are)) == (message, there)
    assert (refused.value.field, refused.value.value) == ("bootstrap_data_disk", DISK)


def test_a_host_in_use_is_sent_to_the_runbook() -> None:
    with pytest.raises(RefusedError) as refused:
        plan(docker=DockerFacts(containers=2))
    assert refusal_text([refused.value], state="nothing was changed").splitlines() == [
        "refused: Docker is in use on this host, and the disk would hide what lies in /var/lib/docker",
        f"field      bootstrap_data_disk = {DISK}",
        "there are  2 containers",
        "nothing was changed",
        f"try        move Docker by hand, by the runbook: {core.RUNBOOK}",
    ]


# What is read ---------------------------------------------------------------------------------------------------------

# wipefs --no-act --json of util-linux 2.41, on a disk with a GPT and its protective MBR
GPT = """{
   "signatures": [
      {"device": "vdb", "offset": "0x200", "type": "gpt", "uuid": null, "label": null},
      {"device": "vdb", "offset": "0x4ffffe00", "type": "gpt", "uuid": null, "label": null},
      {"device": "vdb", "offset": "0x1fe", "type": "PMBR", "uuid": null, "label": null}
   ]
}
"""


def test_signatures_are_read_from_wipefs() -> None:
    assert core.parse_signatures(GPT) == (Signature("gpt"), Signature("PMBR"))
    one = {"signatures": [{"device": "vdb", "offset": "0x438", "type": "ext4", "uuid": OLD, "label": "vsa-docker"}]}
    assert core.parse_signatures(json.dumps(one)) == (Signature("ext4", OLD),)
    assert core.parse_signatures("") == ()
    assert core.parse_signatures('{"signatures": []}') == ()
    for broken in ("wipefs: error", "{}"):
        with pytest.raises((ValueError, KeyError)):
            core.parse_signatures(broken)


@pytest.mark.parametrize("text", ["{", "[]", '{"disk": "x"}', "3"])
def test_a_damaged_record_is_refused(text: str) -> None:
    with pytest.raises(RefusedError, match="damaged"):
        core.parse_record(text)
    assert core.parse_record("") is None
    assert core.parse_record(READY.text) == READY


# What `vsa status` says -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "attached", "mounted", "name", "level", "words"),
    [
        (READY, False, False, "data-disk-missing", DOWN, "is not attached, so Docker does not start"),
        (READY, True, False, "data-disk-missing", DOWN, "attached, and not mounted at /var/lib/docker"),
        (FORMATTING, True, False, "data-disk-unfinished", WARNING, "cut off"),
        (FORMATTING, True, True, "data-disk-unfinished", WARNING, "cut off"),
    ],
)
def test_what_is_wrong_with_a_data_disk(
    record: DiskRecord, attached: bool, mounted: bool, name: str, level: str, words: str
) -> None:
    (finding,) = core.disk_findings(record, attached=attached, mounted=mounted)
    assert (finding.name, finding.level, finding.subject) == (name, level, DISK)
    assert words in finding.text
    assert finding.remedy


def test_nothing_is_wrong_with_a_mounted_disk_and_with_a_host_without_one() -> None:
    assert core.disk_findings(READY, attached=True, mounted=True) == []
    assert core.disk_findings(None, attached=False, mounted=False) == []
