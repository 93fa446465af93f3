# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things lie on a VPS, on the host and inside the proxy's container: named once, here.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = (
    "CONTAINER_ACME",
    "CONTAINER_CERTS",
    "CONTAINER_CONF",
    "CONTAINER_HTPASSWD",
    "CONTAINER_NGINX",
    "CONTAINER_SELFSIGNED",
    "STATUS_SOCKET",
    "Paths",
)

CONTAINER_NGINX = "/etc/nginx/vsa"
CONTAINER_CERTS = "/etc/letsencrypt/live"
CONTAINER_SELFSIGNED = "/etc/nginx/selfsigned"
CONTAINER_HTPASSWD = "/etc/nginx/htpasswd"
CONTAINER_ACME = "/var/www/acme"
STATUS_SOCKET = "/run/vsa-status.sock"
# What NGINX reads: a link on the container's tmpfs, which nginx.sh makes of `current` whenever the container starts.
CONTAINER_CONF = "/run/vsa/nginx.conf"


@dataclass(frozen=True)
class Paths:
    """The tree of a host (docs/architecture.md) under ``root`` (``/`` but for tests)."""

    root: str = "/"

    @property
    def vsa_yml(self) -> Path:
        """Return the settings of the host."""
        return Path(self.root, "etc/vsa/vsa.yml")

    @property
    def sites(self) -> Path:
        """Return the directory of the manifests, one file per domain."""
        return Path(self.root, "etc/vsa/sites")

    @property
    def certs(self) -> Path:
        """Return the directory of what was said about single certificates beyond the manifests, one file per domain."""
        return Path(self.root, "etc/vsa/certs")

    @property
    def dns(self) -> Path:
        """Return the directory of the credentials with which DNS-01 challenges are answered, one file per plugin."""
        return Path(self.root, "etc/vsa/dns")

    @property
    def state(self) -> Path:
        """Return the directory of what VSA remembers."""
        return Path(self.root, "var/lib/vsa")

    @property
    def proxy(self) -> Path:
        """Return the folder of the reverse-proxy stack."""
        return Path(self.root, "srv/platform/reverse-proxy")

    @property
    def nginx(self) -> Path:
        """Return the parent of the generations; this directory is mounted into the container, never ``current``."""
        return self.proxy / "data/nginx"

    @property
    def generations(self) -> Path:
        """Return the directory of the generations."""
        return self.nginx / "generations"

    @property
    def current(self) -> Path:
        """Return the relative link to the live generation: the last proven one, and the one that NGINX starts with."""
        return self.nginx / "current"

    @property
    def journal(self) -> Path:
        """Return the note of a commit under way: what a killed run leaves to the next one."""
        return self.nginx / "journal.json"

    @property
    def lock(self) -> Path:
        """Return the host's lock; inside the mounted directory, so that the reloader takes the same one."""
        return self.nginx / ".lock"

    @property
    def letsencrypt(self) -> Path:
        """Return certbot's state."""
        return self.proxy / "data/letsencrypt"

    @property
    def selfsigned(self) -> Path:
        """Return the directory of self-signed pairs, a directory per domain."""
        return self.proxy / "data/selfsigned"

    @property
    def unprovision(self) -> Path:
        """Return the directory of the journals of sites that are being removed."""
        return Path(self.root, "var/lib/vsa/unprovision")

    @property
    def acme(self) -> Path:
        """Return the webroot of HTTP-01 challenges."""
        return self.proxy / "data/acme"

    @property
    def htpasswd(self) -> Path:
        """Return the directory of password files."""
        return self.proxy / "data/htpasswd"

    @property
    def logs(self) -> Path:
        """Return the directory of NGINX's logs."""
        return self.proxy / "logs/nginx"

    @property
    def override(self) -> Path:
        """Return the generated Compose override that lists the tenants' networks."""
        return self.proxy / "compose.override.yml"
