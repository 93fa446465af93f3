"""Places for backups beside a host: the genuine rest-server, and the S3 server of rclone, both with TLS and users."""

from __future__ import annotations

import secrets
import subprocess
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
        argv = ["run", "--detach", "--name", self.container, "--network", rig.network(), "--label", "vsa.rig=1"]
        argv += ["--label", f"vsa.rig.scope={rig.scope()}"]
        self._docker("rm", "--force", "--volumes", self.container, check=False)
        self._docker(*argv, *(word for key, value in given.items() for word in ("--env", f"{key}={value}")), IMAGE)
        self.start()

    def start(self) -> None:
        """Start the container again, and wait until both servers answer. Its name leads to its address."""
        self._docker("start", self.container)
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        self._vps.services().add_dns(self.host, ipv4=self._docker("inspect", "-f", form, self.container).strip())
        deadline = time.monotonic() + _SECONDS
        ask = "for port in 8000 9000; do openssl s_client -connect localhost:$port </dev/null || exit 1; done"
        while not self._docker("exec", self.container, "sh", "-c", f"({ask}) >/dev/null 2>&1 && echo y", check=False):
            assert time.monotonic() < deadline, self._docker("logs", "--tail", "20", self.container, check=False)
            time.sleep(0.2)
        self._vps.run("mkdir -p /etc/vsa")
        self._vps.put(_CA, self._docker("exec", self.container, "cat", "/var/lib/rig/ca.pem"), mode=0o644)

    def stop(self) -> None:
        """Take the servers away. Nobody answers at their address."""
        self._docker("stop", "--time", "1", self.container)

    def remove(self) -> None:
        """Remove the container with all that was saved."""
        self._docker("rm", "--force", "--volumes", self.container)
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

    def _docker(self, *words: str, check: bool = True) -> str:
        done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"{words[0]}: {done.stderr}"
        return done.stdout
