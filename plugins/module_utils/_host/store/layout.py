# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The paths of a VPS, on the host and inside the proxy's containers. Every path is written here once.

The scripts in stacks/reverse-proxy/bin write some of them again; tests/contracts/test_reverse_proxy.py compares.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

__all__ = (
    "CONTAINER_ACME",
    "CONTAINER_CERTS",
    "CONTAINER_CONF",
    "CONTAINER_HTPASSWD",
    "CONTAINER_LOGS",
    "CONTAINER_NGINX",
    "CONTAINER_SELFSIGNED",
    "KEYS_GID",
    "KEYS_GROUP",
    "NGINX_GID",
    "STATUS_SOCKET",
    "Paths",
)

CONTAINER_NGINX = "/etc/nginx/vsa"
CONTAINER_CERTS = "/etc/letsencrypt/live"
CONTAINER_SELFSIGNED = "/etc/nginx/selfsigned"
CONTAINER_HTPASSWD = "/etc/nginx/htpasswd"
CONTAINER_ACME = "/var/www/acme"
CONTAINER_LOGS = "/var/log/nginx"
STATUS_SOCKET = "/run/vsa-status.sock"
# The file that NGINX reads: a link on the container's tmpfs. nginx.sh makes the link from `current` at each start.
CONTAINER_CONF = "/run/vsa/nginx.conf"
# User and group of NGINX's workers in the official image, in the proxy and in vsa-auth. On a host another group may
# have this number: on Debian 13 it is _ssh.
NGINX_GID = 101
# So keys and password files have a group of VSA's own, which the workers have besides (stacks/reverse-proxy/etc/group).
# No distribution gives such a number away: it is beyond 16 bits, and before the ranges of subuid(5), from 100000 on.
KEYS_GROUP = "vsa-keys"
KEYS_GID = 80443


@dataclass(frozen=True)
class Paths:
    """The paths of a host (docs/architecture.md) under ``root``, which is ``/`` except in tests.

    A list of 1,000 sites asks for some of them thousands of times.
    """

    root: str = "/"

    @functools.cached_property
    def vsa_yml(self) -> Path:
        """Return the settings of the host."""
        return Path(self.root, "etc/vsa/vsa.yml")

    @functools.cached_property
    def sites(self) -> Path:
        """Return the directory of the manifests, one file per domain."""
        return Path(self.root, "etc/vsa/sites")

    @functools.cached_property
    def certs(self) -> Path:
        """Return the directory of the certificate options that no manifest has, one file per domain."""
        return Path(self.root, "etc/vsa/certs")

    @functools.cached_property
    def dns(self) -> Path:
        """Return the directory of the credentials for DNS-01 challenges, one file per plugin."""
        return Path(self.root, "etc/vsa/dns")

    @functools.cached_property
    def bytecode(self) -> Path:
        """Return the directory of what was compiled (_bytecode.py). Everything in it may be removed at any time."""
        return Path(self.root, "var/cache/vsa")

    @functools.cached_property
    def state(self) -> Path:
        """Return the directory of VSA's own state."""
        return Path(self.root, "var/lib/vsa")

    @functools.cached_property
    def stacks(self) -> Path:
        """Return the directory of what VSA keeps about the stacks, one directory per tenant and stack."""
        return self.state / "stacks"

    def stack_state(self, tenant: str, name: str) -> Path:
        """Return the directory of what VSA keeps about one stack. Only root enters it, and no container mounts it."""
        return self.stacks / tenant / name

    def restore_journal(self, tenant: str, name: str) -> Path:
        """Return the file that is there while a restore of a stack is under way, or was cut off."""
        return self.stack_state(tenant, name) / "restore.json"

    def restore_journals(self) -> list[Path]:
        """Return the journals of all restores that are under way or were cut off."""
        return list(self.stacks.glob("*/*/restore.json"))

    @functools.cached_property
    def proxy(self) -> Path:
        """Return the folder of the reverse-proxy stack."""
        return Path(self.root, "srv/platform/reverse-proxy")

    @functools.cached_property
    def nginx(self) -> Path:
        """Return the parent of the generations. This directory is mounted into the container, never ``current``."""
        return self.proxy / "data/nginx"

    @functools.cached_property
    def generations(self) -> Path:
        """Return the directory of the generations."""
        return self.nginx / "generations"

    @functools.cached_property
    def current(self) -> Path:
        """Return the relative link to the live generation: the last proven one, with which NGINX starts."""
        return self.nginx / "current"

    @functools.cached_property
    def journal(self) -> Path:
        """Return the note of a commit in progress. If the run is killed, the next run reads the note."""
        return self.nginx / "journal.json"

    @functools.cached_property
    def lock(self) -> Path:
        """Return the host's lock. It is in the mounted directory, so that the reloader takes the same lock."""
        return self.nginx / ".lock"

    @functools.cached_property
    def letsencrypt(self) -> Path:
        """Return the directory of certbot's state."""
        return self.proxy / "data/letsencrypt"

    @functools.cached_property
    def reload_flag(self) -> Path:
        """Return the file that makes the reloader reload NGINX as soon as the file's content changes."""
        return self.letsencrypt / "vsa-reload"

    @functools.cached_property
    def certbot_lock(self) -> Path:
        """Return the lock of certbot: one run at a time, on the host and in the container."""
        return self.letsencrypt / "vsa-certbot.lock"

    @functools.cached_property
    def selfsigned(self) -> Path:
        """Return the directory of self-signed certificates and keys, one directory per domain."""
        return self.proxy / "data/selfsigned"

    @functools.cached_property
    def unprovision(self) -> Path:
        """Return the directory of the journals of sites that are being removed."""
        return Path(self.root, "var/lib/vsa/unprovision")

    @functools.cached_property
    def acme(self) -> Path:
        """Return the webroot of HTTP-01 challenges."""
        return self.proxy / "data/acme"

    @functools.cached_property
    def htpasswd(self) -> Path:
        """Return the directory of password files."""
        return self.proxy / "data/htpasswd"

    @functools.cached_property
    def logs(self) -> Path:
        """Return the directory of NGINX's logs."""
        return self.proxy / "logs/nginx"

    @functools.cached_property
    def override(self) -> Path:
        """Return the generated Compose override that lists the tenants' networks."""
        return self.proxy / "compose.override.yml"
