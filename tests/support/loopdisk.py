"""A loop device as a further disk of a VPS: attached at each boot, or missing, under a name below /dev/disk/by-id."""

from __future__ import annotations

import rig

__all__ = ["LoopDisk"]

_ATTACH = """#!/bin/sh
# Attaches the disk and makes the links of udev, which a container has not.
set -e
image=$1 name=$2
test -e /dev/loop-control || mknod /dev/loop-control c 10 237
for number in $(seq 0 63); do test -e /dev/loop$number || mknod /dev/loop$number b 7 $number; done
device=$(losetup --noheadings --output NAME --associated "$image" | head -n 1)
test -n "$device" || device=$(losetup --find --show "$image")
mkdir -p /dev/disk/by-id /dev/disk/by-uuid
ln -sfn "../../${device#/dev/}" "/dev/disk/by-id/$name"
uuid=$(blkid --probe --output value --match-tag UUID "$device" || true)
test -z "$uuid" || ln -sfn "../../${device#/dev/}" "/dev/disk/by-uuid/$uuid"
"""

# udev makes the link to a new file system as soon as mkfs closes the disk.
_WATCH = """#!/bin/sh
while :; do /usr/local/sbin/rig-disk "$1" "$2" >/dev/null 2>&1; sleep 0.2; done
"""

_UNIT = """\
[Unit]
DefaultDependencies=no
Wants=local-fs-pre.target
Before=local-fs-pre.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/rig-disk {image} {name}
[Install]
WantedBy=sysinit.target
"""

_WATCH_UNIT = """\
[Unit]
After=rig-disk-{name}.service
Requires=rig-disk-{name}.service
[Service]
ExecStart=/usr/local/sbin/rig-disk-watch {image} {name}
[Install]
WantedBy=multi-user.target
"""


class LoopDisk:
    """A disk of a VPS, made of a sparse file. ``path`` is its name for the operator."""

    def __init__(self, vps: rig.Vps, name: str, *, size: str) -> None:
        self.vps = vps
        self.name = name
        self.path = f"/dev/disk/by-id/{name}"
        self._image = f"/rig-disk-{name}.img"
        self._units = f"rig-disk-{name}.service rig-disk-watch-{name}.service"
        vps.put("/usr/local/sbin/rig-disk", _ATTACH, mode=0o755)
        vps.put("/usr/local/sbin/rig-disk-watch", _WATCH, mode=0o755)
        words = {"image": self._image, "name": name}
        vps.put(f"/etc/systemd/system/rig-disk-{name}.service", _UNIT.format(**words))
        vps.put(f"/etc/systemd/system/rig-disk-watch-{name}.service", _WATCH_UNIT.format(**words))
        vps.run(f"truncate --size {size} {self._image} && systemctl daemon-reload")

    def attach(self) -> str:
        """Attach the disk, now and at every boot. Return the words of the kernel if it cannot; empty if it could."""
        done = self.vps.run(["/usr/local/sbin/rig-disk", self._image, self.name], check=False)
        if done.returncode:
            return str(done.stderr or done.stdout).strip() or "losetup failed"
        self.vps.run(f"systemctl enable --now {self._units}")
        return ""

    def detach(self) -> None:
        """Pull the disk, now and for every boot. The kernel lets a mounted disk go with its last user."""
        self.vps.run(
            f"systemctl disable --now {self._units}; losetup --noheadings --output NAME --associated {self._image}"
            f" | xargs -r losetup --detach; rm -f {self.path}; find -L /dev/disk/by-uuid -type l -delete",
            check=False,
        )

    def clear(self) -> None:
        """Make the disk empty again: its file becomes one hole."""
        self.vps.run(
            f"blkdiscard --force {self.path} || dd if=/dev/zero of={self.path} bs=1M conv=notrunc", check=False
        )
