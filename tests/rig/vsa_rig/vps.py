"""Containers that behave as a VPS: systemd, sshd, and room for a Docker engine of their own."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import shlex
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path

from . import engine
from ._shell import END, LABEL, RigError, cache_dir, docker, lock, run, step
from .images import images
from .network import NETWORK, addresses, network, scope
from .services import Services, services

__all__ = ["Vps", "ssh_key"]

#: The options in place of ``--privileged`` if the engine refuses it: every capability that this machine itself has.
_UNPRIVILEGED = (
    *("--cap-add", "ALL", "--device-cgroup-rule", "a *:* rwm", "--security-opt", "seccomp=unconfined"),
    *("--security-opt", "apparmor=unconfined", "--security-opt", "systempaths=unconfined"),
)

#: Capabilities that a machine may lack, being a container or a small virtual machine itself, by their kernel numbers.
_MAY_LACK = {"SYS_MODULE": 16, "SYS_RAWIO": 17, "SYS_BOOT": 22, "SYS_RESOURCE": 24, "SYS_TIME": 25, "MAC_ADMIN": 33}

#: The folders on a real file system, which the overlay of the inner engine needs, by the ending of the volume's name.
_TWO_DISKS = {"docker": "/var/lib/docker", "containerd": "/var/lib/containerd"}
_ONE_DISK = {"docker": "/var/lib"}

#: Seconds in which a VPS has to answer on port 22.
_BOOT = 60.0


@dataclasses.dataclass(frozen=True)
class Vps:
    """One VPS: ``name`` is container and host name, ``ip6`` is empty if the rig has no IPv6.

    ``scope`` decides whose ACME server and DNS it uses.
    """

    name: str
    ip: str
    ip6: str
    debian: str
    scope: str = ""

    @classmethod
    def create(cls, name: str, debian: str = "13", *, fresh: bool = True, one_disk: bool = False) -> Vps:
        """Boot a VPS and return it once sshd answers. With ``fresh=False`` a running one of that name is kept.

        With ``one_disk`` nothing is mounted at /var/lib/docker, as on a VPS that has one disk.
        """
        if not fresh:
            try:
                found = cls.get(name)
                found._wait_for_ssh()
                return found
            except RigError:
                pass
        image = f"vsa-rig-vps:{debian}"
        images(image)
        network()
        dns = services().dns_ip
        with step(f"booting {name}, a fresh Debian {debian}"):
            _remove(name)
            with lock("addresses"):
                labels = {"vsa.rig.kind": "vps", "vsa.rig.debian": debian}
                _create_container(name, image, dns, labels=labels, volumes=_ONE_DISK if one_disk else _TWO_DISKS)
            docker("cp", "-", f"{name}:/", input=_authorized_keys())
            docker("start", name)
            vps = cls.get(name)
            vps._wait_for_ssh()
            vps._pin_host_key()
        return vps

    @classmethod
    def get(cls, name: str) -> Vps:
        """Return the running VPS of this name. RigError if there is none."""
        done = docker("inspect", "--type", "container", name, check=False)
        found = json.loads(done.stdout or "[]") if done.returncode == 0 else []
        labels = found[0]["Config"]["Labels"] if found else {}
        if not found or labels.get("vsa.rig.kind") != "vps":
            raise RigError(f"there is no VPS {name}")
        if not found[0]["State"]["Running"]:
            raise RigError(f"the VPS {name} does not run")
        endpoint = found[0]["NetworkSettings"]["Networks"][NETWORK]
        return cls(
            name=name,
            ip=endpoint["IPAddress"],
            ip6=endpoint["GlobalIPv6Address"],
            debian=labels["vsa.rig.debian"],
            scope=labels["vsa.rig.scope"],
        )

    def destroy(self) -> None:
        """Remove the VPS with its disks and its pinned host key."""
        _remove(self.name)

    def reboot(self) -> None:
        """Reboot the VPS in order, and return as soon as sshd answers again."""
        docker("restart", "--time", "60", self.name)
        self._wait_for_ssh()

    def power_cut(self) -> None:
        """Cut the power and boot again: before the cut no service can write anything."""
        docker("kill", "--signal", "KILL", self.name)
        docker("start", self.name)
        self._wait_for_ssh()

    # Connecting

    @property
    def _folder(self) -> Path:
        return cache_dir("vps", self.name)

    @property
    def known_hosts(self) -> Path:
        """Return the file with the host key of this VPS; the rig reads the key inside a new VPS."""
        return self._folder / "known_hosts"

    def ssh_options(self) -> dict[str, str]:
        """Return OpenSSH options that reach only this VPS, with host key checking."""
        return {
            "IdentityFile": str(ssh_key()),
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": str(self.known_hosts),
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            # A VPS that vanishes closes no connection: detect this soon.
            "ServerAliveInterval": "5",
            "ServerAliveCountMax": "3",
        }

    def ssh_config(self, *, user: str = "root") -> str:
        """Return the same options as a section of an ssh_config file, under the name of the VPS."""
        options = {"HostName": self.ip, "User": user, **self.ssh_options()}
        return f"Host {self.name}\n" + "".join(f"  {key} {_quoted(value)}\n" for key, value in options.items())

    def ssh(self, command: str, *, user: str = "root", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run ``command`` over SSH, as an operator does."""
        options = [word for key, value in self.ssh_options().items() for word in ("-o", f"{key}={_quoted(value)}")]
        return run(["ssh", *options, f"{user}@{self.ip}", command], check=check, timeout=600)

    def inventory_vars(self, *, user: str = "root") -> dict[str, str]:
        """Return Ansible's connection variables for this VPS."""
        options = {key: value for key, value in self.ssh_options().items() if key != "IdentityFile"}
        return {
            "ansible_host": self.ip,
            "ansible_user": user,
            "ansible_ssh_private_key_file": str(ssh_key()),
            "ansible_ssh_common_args": " ".join(
                f"-o {shlex.quote(f'{key}={_quoted(value)}')}" for key, value in options.items()
            ),
        }

    def inventory(self, path: Path, *, user: str = "root") -> Path:
        """Write an inventory with this one host (JSON, which is YAML too), and return ``path``."""
        path.parent.mkdir(parents=True, exist_ok=True)
        hosts = {self.name: self.inventory_vars(user=user)}
        path.write_text(json.dumps({"all": {"hosts": hosts}}, indent=2) + "\n")
        return path

    # Using

    def run(
        self,
        command: str | Sequence[str],
        *,
        check: bool = True,
        input: str | bytes | None = None,
        timeout: float | None = 600,
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell line or an argv inside the VPS as root, without SSH. RigError if it fails and ``check`` is on."""
        argv = ["sh", "-c", command] if isinstance(command, str) else list(command)
        feed = ["--interactive"] if input is not None else []
        return docker("exec", *feed, self.name, *argv, check=check, input=input, timeout=timeout)

    def put(self, path: str, content: str | bytes, *, mode: int | None = None) -> None:
        """Write a file inside the VPS, owned by root. Its directory must exist.

        Without ``mode`` a file that is there keeps its own, and a new one can be read by everybody.
        """
        data = content.encode() if isinstance(content, str) else content
        line = 'was=$(stat -Lc %a "$1" 2>/dev/null || echo 644); cat > "$1" && chmod "${2:-$was}" "$1"'
        self.run(["sh", "-c", line, "put", path, "" if mode is None else f"{mode:04o}"], input=data)

    def load_images(self, *names: str) -> None:
        """Copy images into the engine of this VPS, which must run. Images that the engine has already are skipped."""
        images(*names)
        listed = docker("image", "inspect", "--format", "{{.Id}}", *names).stdout.split()
        there = self.run(["docker", "image", "inspect", "--format", "{{.Id}}", *names], check=False)
        if there.returncode == 0 and there.stdout.split() == listed:
            return
        with step(f"loading {', '.join(names)} into {self.name}"):
            archive = _archive(names, listed)
            with archive.open("rb") as data:
                done = subprocess.run(
                    ["docker", "exec", "--interactive", self.name, "docker", "load", "--quiet"],
                    stdin=data,
                    capture_output=True,
                    timeout=600,
                )
            if done.returncode:
                raise RigError(f"{self.name} did not take the images: {done.stderr.decode(errors='replace')}")

    def add_dns(self, *names: str, ipv6: bool = True) -> None:
        """Let names below ``.test`` resolve to this VPS."""
        known = self.services()
        for name in names:
            known.add_dns(name, ipv4=self.ip, ipv6=self.ip6 if ipv6 else "")

    def services(self) -> Services:
        """Return the ACME server and DNS that this VPS uses."""
        return services(within=self.scope)

    def _wait_for_ssh(self) -> None:
        deadline = time.monotonic() + _BOOT
        while True:
            try:
                with socket.create_connection((self.ip, 22), timeout=2) as connection:
                    connection.settimeout(5)
                    if connection.recv(4) == b"SSH-":
                        return
            except OSError:
                pass
            if time.monotonic() > deadline:
                logs = docker("logs", "--tail", "20", self.name, check=False)
                raise RigError(f"{self.name} did not boot within {_BOOT:.0f} s\n{logs.stdout}{logs.stderr}")
            time.sleep(0.05)

    def _pin_host_key(self) -> None:
        key = self.run(["cat", "/etc/ssh/ssh_host_ed25519_key.pub"]).stdout.split()
        names = ",".join(name for name in (self.name, self.ip, self.ip6) if name)
        self.known_hosts.write_text(f"{names} {key[0]} {key[1]}\n")


def ssh_key() -> Path:
    """Return the private key (0600, in the cache) for every VPS of this user. The first call makes the key."""
    path = cache_dir("ssh") / "id_ed25519"
    with lock("ssh"):
        if not path.exists():
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "vsa-rig", "-f", str(path)])
    return path


def _quoted(value: str) -> str:
    return f'"{value}"' if " " in value else value


def _create_container(name: str, image: str, dns: str, *, labels: dict[str, str], volumes: dict[str, str]) -> None:
    ipv4, ipv6 = addresses()
    argv = ["create", "--name", name, "--hostname", name, "--network", NETWORK, "--ip", ipv4]
    argv += ["--ip6", ipv6] if ipv6 else []
    for key, value in {"vsa.rig": "1", "vsa.rig.scope": scope(), **labels}.items():
        argv += ["--label", f"{key}={value}"]
    # The volumes have names, so that they can have the label.
    for volume, path in ((f"{name}-{ending}", path) for ending, path in volumes.items()):
        docker("volume", "create", "--label", LABEL, "--label", f"vsa.rig.scope={scope()}", volume)
        argv += ["--volume", f"{volume}:{path}"]
    # Docker's own resolver listens on a loopback address, which an inner engine does not pass to its containers.
    resolv = cache_dir("vps", name) / "resolv.conf"
    if resolv.is_dir():
        # Docker makes a directory of a file that it cannot find, as when a run was ended while it made the host.
        resolv.rmdir()
    resolv.write_text(f"nameserver {dns}\n")
    resolv.chmod(0o644)
    argv += ["--volume", f"{resolv}:/etc/resolv.conf"]
    argv += ["--cgroupns", "private", "--tmpfs", "/run:exec", "--tmpfs", "/run/lock"]
    if engine.privileged_works(image):
        argv.append("--privileged")
    else:
        argv += _UNPRIVILEGED
        argv += [f"--cap-drop={capability}" for capability in _lacking()]
    docker(*argv, image)


def _lacking() -> list[str]:
    """The capabilities that this machine lacks, and so cannot pass on to a container."""
    status = Path("/proc/self/status").read_text()
    bounding = int(next(line for line in status.splitlines() if line.startswith("CapBnd")).split()[1], 16)
    return [name for name, number in _MAY_LACK.items() if not bounding >> number & 1]


def _authorized_keys() -> bytes:
    """A tar archive for ``docker cp`` that lets the rig's key in as root and as ops."""
    public = ssh_key().with_suffix(".pub").read_bytes()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for home, owner in (("root", 0), ("home/ops", 1000)):
            folder = tarfile.TarInfo(f"{home}/.ssh")
            folder.type, folder.mode = tarfile.DIRTYPE, 0o700
            keys = tarfile.TarInfo(f"{home}/.ssh/authorized_keys")
            keys.mode, keys.size = 0o600, len(public)
            for member in (folder, keys):
                member.uid = member.gid = owner
            archive.addfile(folder)
            archive.addfile(keys, io.BytesIO(public))
    return buffer.getvalue()


def _archive(names: Sequence[str], ids: Sequence[str]) -> Path:
    """``docker save`` of these images, kept until one of them changes."""
    which = hashlib.sha256(json.dumps(list(names)).encode()).hexdigest()[:16]
    built = hashlib.sha256(json.dumps(list(ids)).encode()).hexdigest()[:16]
    path = cache_dir("archives") / f"{which}-{built}.tar"
    if not path.exists():
        partial = path.with_suffix(f".{os.getpid()}")
        try:
            docker("save", "--output", str(partial), *names)
            partial.rename(path)
            for old in path.parent.glob(f"{which}-*.tar"):
                if old != path:
                    old.unlink(missing_ok=True)
        finally:
            partial.unlink(missing_ok=True)
    return path


def _remove(name: str) -> None:
    """Remove a VPS in whatever state it is; does nothing when there is none."""
    # Ends every SSH session properly: a client's shared connection would otherwise outlive the host.
    docker("exec", name, "sh", "-c", END, check=False)
    docker("rm", "--force", "--volumes", name, check=False)
    docker("volume", "rm", "--force", f"{name}-docker", f"{name}-containerd", check=False)
    shutil.rmtree(cache_dir("vps", name), ignore_errors=True)
