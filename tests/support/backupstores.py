"""Places for backups beside a host: the genuine rest-server, and the S3 server of rclone, both with TLS and users."""

from __future__ import annotations

import secrets
import time
from typing import Any

import yaml

import rig

__all__ = ("KINDS", "Stores")

IMAGE = "vsa-rig-stores:1"
KINDS = ("rest", "s3")
_CA = "/etc/vsa/backup-ca.pem"
_USER = "backup"
_SECONDS = 60


class Stores:
    """Both servers in one container of the rig. Each start makes a certificate and secrets of its own."""

    def __init__(self, name: str, vps: rig.Vps, *, append_only: bool = False) -> None:
        rig.images(IMAGE)
        self._vps = vps
        self.container = rig.scoped(name)
        self.host = f"{name}.vsa.test"
        self.secrets = {"REST_PASSWORD": secrets.token_urlsafe(18), "S3_SECRET": secrets.token_urlsafe(18)}
        self._key = secrets.token_hex(8)
        given = {"RIG_NAME": self.host, "REST_USER": _USER, "S3_KEY": self._key, **self.secrets}
        if append_only:
            given["REST_OPTIONS"] = "--append-only"
        variables = [word for key, value in given.items() for word in ("--env", f"{key}={value}")]
        rig.run_beside(self.container, IMAGE, words=variables)
        self.start()

    def start(self) -> None:
        """Start the container again, and wait until both servers answer. Its name leads to its address."""
        rig.docker("start", self.container)
        self._vps.services().add_dns(self.host, ipv4=rig.address_of(self.container))
        deadline = time.monotonic() + _SECONDS
        ask = "for port in 8000 9000; do openssl s_client -connect localhost:$port </dev/null || exit 1; done"
        while rig.docker("exec", self.container, "sh", "-c", ask, check=False).returncode:
            assert time.monotonic() < deadline, rig.docker("logs", "--tail", "20", self.container, check=False).stdout
            time.sleep(0.2)
        self._vps.run("mkdir -p /etc/vsa")
        self._vps.put(_CA, rig.docker("exec", self.container, "cat", "/var/lib/rig/ca.pem").stdout, mode=0o644)

    def stop(self) -> None:
        """Take the servers away. Nobody answers at their address."""
        rig.docker("stop", "--time", "1", self.container)

    def remove(self) -> None:
        """Remove the container with all that was saved."""
        rig.docker("rm", "--force", "--volumes", self.container)
        self._vps.run(f"rm -f {_CA}")

    def settings(self, kind: str, *, password: str = "", wrong: bool = False) -> str:
        """Return a backup.yml for one of the servers. With ``wrong`` the server refuses what the host shows."""
        tail = "x" if wrong else ""
        if kind == "rest":
            repository = f"rest:https://{self.host}:8000/vps"
            access = {"user": _USER, "password": self.secrets["REST_PASSWORD"] + tail}
        else:
            repository = f"s3:https://{self.host}:9000/backups/vps"
            access = {"access_key": self._key, "secret_key": self.secrets["S3_SECRET"] + tail}
        data: dict[str, Any] = {"schema": 1, "repository": repository, "access": {**access, "ca_file": _CA}}
        data["nightly"] = False
        return yaml.safe_dump({**data, **({"password": password} if password else {})})
