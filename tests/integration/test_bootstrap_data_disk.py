"""Docker on a disk of its own, in the order of a host's life: fresh, rebooted, without its disk, full, moved, back.

The disk is a loop device in a VPS that has one real disk. All tests share the host, in this order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import rig
from bootstrapping import Outcome, bootstrap, json_of, watched
from loopdisk import LoopDisk
from runbook import Runbook

pytestmark = [pytest.mark.rig, pytest.mark.long, pytest.mark.timeout(900)]

NAME = "rig-data"
MARK = "cat /var/lib/docker/volumes/kept/_data/mark"


@pytest.fixture(scope="module")
def bare() -> Iterator[rig.Vps]:
    vps = rig.Vps.create(rig.scoped("data-disk"), "13", one_disk=True)
    yield vps
    vps.destroy()


@pytest.fixture(scope="module")
def disk(bare: rig.Vps) -> Iterator[LoopDisk]:
    """An empty disk of the host; the tests are skipped aloud if the kernel gives the rig no loop device."""
    found = LoopDisk(bare, NAME, size="1G")
    why = found.attach()
    if why:
        pytest.skip(f"the kernel of this machine gives a VPS no loop device: {why}")
    yield found
    bare.run(
        "systemctl stop docker.socket docker containerd; umount -l /var/lib/containerd /var/lib/docker", check=False
    )
    found.detach()


def run(vps: rig.Vps, disk: LoopDisk, **more: Any) -> Outcome:
    return bootstrap(vps, variables={"bootstrap_data_disk": disk.path}, **more)


@pytest.fixture(scope="module")
def host(bare: rig.Vps, disk: LoopDisk) -> rig.Vps:
    """The host after its first bootstrap, with a container that keeps something in a volume."""
    outcome = run(bare, disk)
    assert outcome.code == 0, outcome.text
    assert [task for task in outcome.changed if task.startswith("Data disk")], outcome.text
    bare.load_images("vsa-demo-web:1")
    start_container(bare)
    return bare


def start_container(vps: rig.Vps) -> None:
    vps.run("docker run --detach --restart unless-stopped --name kept --volume kept:/kept vsa-demo-web:1")
    vps.run("echo precious >/var/lib/docker/volumes/kept/_data/mark")


def source_of(vps: rig.Vps, folder: str) -> str:
    return str(vps.run(["findmnt", "--noheadings", "--output", "SOURCE", folder], check=False).stdout.strip())


def wait_until(vps: rig.Vps, condition: str, *, seconds: int = 60) -> None:
    vps.run(f"for n in $(seq {seconds * 5}); do {condition} && exit 0; sleep 0.2; done; exit 1")


def findings(vps: rig.Vps) -> dict[str, dict[str, Any]]:
    """Return the findings of `vsa status` by name."""
    done = rig.vsa("status", "--json", vps=vps, check=False)
    found = json.loads(done.stdout)["hosts"][vps.name]["findings"]
    return {finding["name"]: finding for finding in found}


def test_the_first_bootstrap_puts_docker_on_the_disk(host: rig.Vps, disk: LoopDisk) -> None:
    device = host.run(["readlink", "--canonicalize", disk.path]).stdout.strip()
    assert source_of(host, "/var/lib/docker") == device
    assert source_of(host, "/var/lib/containerd") == f"{device}[/vsa-containerd]"
    uuid = host.run(["blkid", "--probe", "--output", "value", "--match-tag", "UUID", device]).stdout.strip()
    assert f"What=/dev/disk/by-uuid/{uuid}\n" in host.run("cat /etc/systemd/system/var-lib-docker.mount").stdout
    assert json_of(host, "docker info --format '{{json .DockerRootDir}}'") == "/var/lib/docker"
    assert json_of(host, "docker network inspect flowbiz_ext")[0]["EnableIPv6"] is True
    requires = host.run("systemctl show --property=RequiresMountsFor --property=Requires docker.service").stdout
    assert {"/var/lib/docker", "/var/lib/containerd"} <= set(requires.replace("=", " ").split())
    assert "var-lib-docker.mount" in requires


def test_a_second_run_changes_nothing(host: rig.Vps, disk: LoopDisk) -> None:
    before = watched(host)
    outcome = run(host, disk)
    assert (outcome.code, outcome.changed) == (0, ()), outcome.text
    assert watched(host) == before
    assert "data-disk-missing" not in findings(host)


def test_a_run_that_was_cut_off_is_made_good_by_the_next(host: rig.Vps, disk: LoopDisk) -> None:
    record = json_of(host, "cat /var/lib/vsa/data-disk.json")
    host.put("/var/lib/vsa/data-disk.json", json.dumps({**record, "phase": "formatting"}))
    host.run("rm /etc/systemd/system/docker.service.d/vsa-data-disk.conf")
    assert findings(host)["data-disk-unfinished"]["subject"] == disk.path
    assert run(host, disk).code == 0
    assert json_of(host, "cat /var/lib/vsa/data-disk.json") == record
    assert host.run(MARK).stdout == "precious\n", "the disk was not formatted again"
    assert run(host, disk).changed == ()


@pytest.mark.parametrize("how", ["reboot", "power_cut"])
def test_after_a_boot_docker_is_on_the_disk(host: rig.Vps, disk: LoopDisk, how: str) -> None:
    getattr(host, how)()
    wait_until(host, "docker inspect --format '{{.State.Running}}' kept 2>/dev/null | grep -q true")
    assert source_of(host, "/var/lib/docker").startswith("/dev/loop")
    assert host.run(MARK).stdout == "precious\n"


def test_without_its_disk_the_host_boots_and_no_empty_engine_starts(host: rig.Vps, disk: LoopDisk) -> None:
    disk.detach()
    host.power_cut()
    host.run("systemctl is-system-running --wait", check=False)
    assert host.run("systemctl is-active docker.service", check=False).stdout.strip() != "active"
    assert host.run("systemctl start docker.service", check=False).returncode != 0
    assert host.run("docker info", check=False).returncode != 0
    assert host.run("ls -A /var/lib/docker /var/lib/containerd").stdout.split() == [
        "/var/lib/containerd:",
        "/var/lib/docker:",
    ]
    found = findings(host)["data-disk-missing"]
    assert (found["level"], found["subject"]) == ("down", disk.path)
    assert "is not attached, so Docker does not start" in found["text"]
    refused = run(host, disk)
    assert refused.message.startswith("refused: no disk of this name is attached to the host"), refused.text
    assert refused.changed == ()

    assert disk.attach() == ""
    Runbook("runbooks/data-disk.md", host).run("The disk is missing")
    wait_until(host, "docker inspect --format '{{.State.Running}}' kept 2>/dev/null | grep -q true")
    assert host.run(MARK).stdout == "precious\n"
    assert "data-disk-missing" not in findings(host)


def test_a_full_disk_is_told_and_the_root_disk_has_room(host: rig.Vps, disk: LoopDisk) -> None:
    host.run("dd if=/dev/zero of=/var/lib/docker/volumes/kept/_data/big bs=1M", check=False)
    try:
        assert host.run("touch /root/room && echo x >/root/room", check=False).returncode == 0
        found = findings(host)["disk-full"]
        assert found["subject"] == "/var/lib/docker"
        outcome = run(host, disk)
        assert (outcome.code, outcome.changed) == (0, ()), outcome.text
    finally:
        host.run("rm -f /var/lib/docker/volumes/kept/_data/big /root/room")
    assert "disk-full" not in {name for name, one in findings(host).items() if one["subject"] == "/var/lib/docker"}


def test_a_host_in_use_is_refused_and_moved_by_the_runbook(host: rig.Vps, disk: LoopDisk) -> None:
    # A host as before: Docker on the one disk, and the other disk empty.
    host.run("docker rm --force kept; systemctl stop docker.socket docker containerd")
    host.run("systemctl disable --now var-lib-containerd.mount var-lib-docker.mount")
    host.run("rm -r /etc/systemd/system/*.service.d/vsa-data-disk.conf /etc/systemd/system/var-lib-*.mount")
    host.run("rm /var/lib/vsa/data-disk.json; systemctl daemon-reload; systemctl start docker")
    disk.clear()
    assert bootstrap(host).code == 0
    host.load_images("vsa-demo-web:1")
    start_container(host)

    refused = run(host, disk)
    assert refused.message.startswith("refused: Docker is in use on this host"), refused.text
    assert "there are  1 container, 1 volume, 1 image" in refused.message
    assert "docs/runbooks/data-disk.md" in refused.message
    assert refused.changed == ()

    book = Runbook("runbooks/data-disk.md", host, disk=disk.path)
    for step in ("1. Stop", "2. Copy"):
        book.run(step)
    assert book.run("3. Compare").splitlines() == ["the same", "the same"]
    book.run("4. Switch")
    wait_until(host, "docker inspect --format '{{.State.Running}}' kept 2>/dev/null | grep -q true")
    adopted = run(host, disk)
    assert adopted.code == 0, adopted.text
    assert {task.split(" | ")[0] for task in adopted.changed} == {"Data disk"}
    assert run(host, disk).changed == ()
    host.reboot()
    wait_until(host, "docker inspect --format '{{.State.Running}}' kept 2>/dev/null | grep -q true")
    assert source_of(host, "/var/lib/docker").startswith("/dev/loop")
    assert host.run(MARK).stdout == "precious\n"

    book.run("Way back")
    wait_until(host, "docker inspect --format '{{.State.Running}}' kept 2>/dev/null | grep -q true")
    assert source_of(host, "/var/lib/docker") == ""
    assert host.run(MARK).stdout == "precious\n"
    assert bootstrap(host).changed == ()
