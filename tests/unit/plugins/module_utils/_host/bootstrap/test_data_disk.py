"""Reading the disks of a host: a tree of files in a folder, and fakes for lsblk, wipefs and systemd."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.data_disk import DiskRecord
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.bootstrap import data_disk as module
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.systemd import UnitState
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

DISK = "/dev/disk/by-id/virtio-data"
SIZE = 8 << 20
ROOT_MOUNT = "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"


class Machine:
    """A host below a folder. Its disk is a file, and a file has the device number 0:0."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.paths = Paths(str(root))
        self.device = root / "dev/vdb"
        self.row: dict[str, Any] = {"name": "vdb", "type": "disk", "size": SIZE, "ro": False, "maj:min": "0:0"}
        self.wipefs: str | None = '{"signatures": []}'
        self.docker = UnitState()
        for folder in ("dev/disk/by-id", "proc/self", "var/lib/vsa", "var/lib/docker", "var/lib/containerd"):
            (root / folder).mkdir(parents=True)
        with self.device.open("wb") as disk:
            disk.truncate(SIZE)
        (root / DISK.lstrip("/")).symlink_to("../../vdb")
        self.mounts()
        monkeypatch.setattr(module, "output_of", self.output_of)
        monkeypatch.setattr(module, "read_unit", lambda name: self.docker)

    def output_of(self, argv: list[str]) -> str | None:
        if argv[-1] != str(self.device):
            return None
        return json.dumps({"blockdevices": [self.row]}) if argv[0] == "lsblk" else self.wipefs

    def mounts(self, *lines: str) -> None:
        (self.root / "proc/self/mountinfo").write_text(ROOT_MOUNT + "".join(f"{line}\n" for line in lines))

    def write(self, at: int, content: bytes) -> None:
        with self.device.open("r+b") as disk:
            disk.seek(at)
            disk.write(content)

    def refusal(self) -> RefusedError:
        with pytest.raises(RefusedError) as refused:
            module.plan_data_disk_of(DISK, self.paths)
        return refused.value


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


DOCKER_MOUNT = "40 21 0:0 / /var/lib/docker rw shared:9 - ext4 /dev/vdb rw"
CONTAINERD_MOUNT = "41 21 0:0 /vsa-containerd /var/lib/containerd rw shared:9 - ext4 /dev/vdb rw"


def test_an_empty_disk_is_formatted(machine: Machine) -> None:
    plan = module.plan_data_disk_of(DISK, machine.paths)
    assert (plan.format, plan.device, plan.stop) == (True, str(machine.device), False)
    assert "(/" in plan.words
    assert "8 MiB" in plan.words


@pytest.mark.parametrize("at", [0, 4 * (1 << 20) - 1, SIZE - (1 << 20), SIZE - 1])
def test_one_byte_in_the_first_or_last_megabytes_is_found(machine: Machine, at: int) -> None:
    machine.write(at, b"\x01")
    assert f"data at byte {at}" in machine.refusal().there_are


def test_a_disk_that_cannot_be_asked_is_refused(machine: Machine) -> None:
    machine.wipefs = None
    assert machine.refusal().message == "the disk cannot be read"
    machine.wipefs = "no JSON"
    assert machine.refusal().message == "the disk cannot be read"


def test_partitions_and_their_mounts_are_found(machine: Machine) -> None:
    child = {"name": "vdb1", "type": "part", "maj:min": "252:17", "children": [{"name": "vg-a", "type": "lvm"}]}
    machine.row["children"] = [child]
    machine.mounts("50 21 252:17 / /mnt/my\\040backup rw shared:9 - ext4 /dev/vdb1 rw")
    there = machine.refusal().there_are
    assert {"vdb1 (part)", "vg-a (lvm)", "mounted at /mnt/my backup"} <= set(there)


def test_a_disk_that_is_not_attached_is_refused_with_those_that_are(machine: Machine) -> None:
    (machine.root / DISK.lstrip("/")).unlink()
    for name in ("virtio-other", "virtio-other-part1"):
        (machine.root / "dev/disk/by-id" / name).symlink_to("../../vdb")
    refused = machine.refusal()
    assert refused.message == "no disk of this name is attached to the host"
    assert list(refused.there_are) == ["/dev/disk/by-id/virtio-other"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("docker/containers/4f0a/config.v2.json", "1 container"),
        ("docker/volumes/pgdata/_data/PG_VERSION", "1 volume"),
        ("docker/image/overlay2/imagedb/content/sha256/aa", "1 image"),
        ("containerd/io.containerd.content.v1.content/blobs/sha256/bb", "1 image"),
    ],
)
def test_what_docker_holds_is_counted_without_the_engine(machine: Machine, path: str, words: str) -> None:
    for place in ("docker/volumes/metadata.db", path):
        (machine.root / "var/lib" / place).parent.mkdir(parents=True, exist_ok=True)
        (machine.root / "var/lib" / place).write_text("x")
    assert list(machine.refusal().there_are) == [words]


def test_a_second_run_reads_what_the_first_has_written(machine: Machine) -> None:
    plan = module.plan_data_disk_of(DISK, machine.paths)
    for path, text in plan.files:
        (machine.root / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        (machine.root / path.lstrip("/")).write_text(text)
    (machine.root / "var/lib/vsa/data-disk.json").write_text(plan.record_after)
    machine.wipefs = json.dumps({"signatures": [{"type": "ext4", "uuid": plan.uuid}]})
    machine.write(1024, b"ext4")
    machine.mounts(DOCKER_MOUNT, CONTAINERD_MOUNT)
    assert not module.plan_data_disk_of(DISK, machine.paths).change
    assert module.data_disk_findings(machine.paths) == []
    module.check_data_disk(machine.paths)
    machine.mounts()
    with pytest.raises(RefusedError, match="so Docker does not start"):
        module.check_data_disk(machine.paths)
    (finding,) = module.data_disk_findings(machine.paths)
    assert "attached, and not mounted" in finding.text
    (machine.root / DISK.lstrip("/")).unlink()
    (finding,) = module.data_disk_findings(machine.paths)
    assert "is not attached" in finding.text


def test_the_mount_that_covers_the_others_counts(machine: Machine) -> None:
    below, above = (
        DOCKER_MOUNT.replace("0:0", number).replace("/dev/vdb", device)
        for number, device in (("8:16", "/dev/sdb"), ("8:32", "/dev/sdc"))
    )
    machine.mounts(below, above)
    refused = machine.refusal()
    assert refused.message == "something else is mounted at /var/lib/docker"
    assert list(refused.there_are) == ["/dev/sdc"]


def test_a_host_without_a_record_has_no_data_disk(machine: Machine) -> None:
    assert module.data_disk_findings(machine.paths) == []


def test_a_damaged_record_is_a_finding(machine: Machine) -> None:
    (machine.root / "var/lib/vsa/data-disk.json").write_text("{")
    (finding,) = module.data_disk_findings(machine.paths)
    assert "damaged" in finding.text


def test_a_run_that_was_cut_off_is_a_finding(machine: Machine) -> None:
    (machine.root / "var/lib/vsa/data-disk.json").write_text(DiskRecord(DISK, "x", "formatting").text)
    (finding,) = module.data_disk_findings(machine.paths)
    assert finding.name == "data-disk-unfinished"
    module.check_data_disk(machine.paths)
    assert finding.remedy.startswith("ansible-playbook")
